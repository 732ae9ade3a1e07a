//! Programs that a test needs and a machine may lack.
//!
//! `cargo test` has to pass on a machine with Rust only, but a skipped test must not look like one that passed. So a
//! skip is printed, past the capture that `cargo test` puts on passing tests. And where all tools were installed on
//! purpose (`scripts/test.sh` sets `RESCIND_TEST_REQUIRE_ALL=1`) a missing tool is a failure.

use std::env;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread;

use crate::effort::rounds;

/// A tool that a test needs and that Cargo does not install.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// Chromium or Chrome, together with the chromedriver of the same version.
    Chromium,
    /// The library of libfaketime, to shift the wall clock of a process.
    Faketime,
    /// The command `curl`.
    Curl,
    /// The command `jq`.
    Jq,
    /// The script of axe-core, which finds accessibility problems. From npm, into `web/tests/look`.
    Axe,
    /// Python with OAuth clients from PyPI, in a virtual environment below `web/tests/oauth/python`.
    PythonClients,
    /// Node with OAuth clients from npm, which are in `web/tests/oauth/npm`.
    NpmClients,
    /// The command `redis-server`, for [`RedisServer`](crate::RedisServer).
    Redis,
    /// The programs of a Postgres server, for [`PostgresServer`](crate::PostgresServer).
    Postgres,
    /// The command `pgbouncer`, a pooler in front of Postgres.
    PgBouncer,
    /// The command `nginx`, which Debian installs outside of most users' path.
    Nginx,
    /// The command `python3`, with its standard library.
    Python,
    /// The command `openssl`, for [`make_certificates`](crate::make_certificates).
    OpenSsl,
    /// The command `st` of schemathesis. From PyPI, into `web/tests/openapi/.venv`; required in the second tier only.
    Schemathesis,
}

impl Tool {
    /// What it is called, and the command that installs it.
    fn name_and_install(self) -> (&'static str, &'static str) {
        match self {
            Self::Chromium => ("Chromium with chromedriver", "apt-get install chromium chromium-driver"),
            Self::Faketime => ("libfaketime", "apt-get install faketime"),
            Self::Curl => ("curl", "apt-get install curl"),
            Self::Jq => ("jq", "apt-get install jq"),
            Self::Axe => ("axe-core", "npm ci --ignore-scripts --prefix web/tests/look"),
            Self::PythonClients => (
                "OAuth clients from PyPI",
                "python3 -m venv web/tests/oauth/python/.venv && web/tests/oauth/python/.venv/bin/pip install \
                 --require-hashes -r web/tests/oauth/python/requirements.txt",
            ),
            Self::NpmClients => (
                "node and OAuth clients from npm",
                "npm ci --ignore-scripts --prefix web/tests/oauth/npm",
            ),
            Self::Redis => ("redis-server", "apt-get install redis-server"),
            Self::Postgres => ("a Postgres server", "apt-get install postgresql"),
            Self::PgBouncer => ("pgbouncer", "apt-get install pgbouncer"),
            Self::Nginx => ("nginx", "apt-get install nginx-light"),
            Self::Python => ("python3", "apt-get install python3"),
            Self::OpenSsl => ("openssl", "apt-get install openssl"),
            Self::Schemathesis => (
                "schemathesis",
                "cd web/tests/openapi && python3 -m venv .venv && .venv/bin/pip install --require-hashes -r requirements.txt",
            ),
        }
    }

    /// Where the tool is: the program (of clients that interpret scripts the interpreter), for [`Tool::Faketime`] the library, for [`Tool::Axe`] the script, for
    /// [`Tool::Postgres`] the directory of its programs.
    pub(crate) fn find(self) -> Option<PathBuf> {
        match self {
            Self::Chromium => chromedriver().and_then(|_| chromium()),
            Self::Faketime => faketime_library(),
            Self::Curl => on_path("curl"),
            Self::Jq => on_path("jq"),
            Self::Axe => in_tests("look/node_modules/axe-core/axe.min.js"),
            Self::PythonClients => in_tests("oauth/python/.venv/bin/python"),
            Self::NpmClients => in_tests("oauth/npm/node_modules/.package-lock.json").and_then(|_| on_path("node")),
            Self::Redis => set_or_on_path("RESCIND_TEST_REDIS_SERVER", &["redis-server"]),
            Self::Postgres => postgres_binaries(),
            Self::PgBouncer => on_path("pgbouncer").or_else(|| existing("/usr/sbin/pgbouncer")),
            Self::Nginx => on_path("nginx").or_else(|| existing("/usr/sbin/nginx")),
            Self::Python => on_path("python3"),
            Self::OpenSsl => on_path("openssl"),
            Self::Schemathesis => in_tests("openapi/.venv/bin/st"),
        }
    }
}

/// The place of `tool`, or `None` after printing that the calling test is skipped.
///
/// ```no_run
/// use rescind_testkit::{Tool, needs};
/// # fn test() {
/// let Some(_) = needs(Tool::Chromium) else { return };
/// # }
/// ```
///
/// # Panics
/// When the tool is missing and `RESCIND_TEST_REQUIRE_ALL` is `1`.
#[must_use = "a test that continues without the tool fails in a confusing place"]
pub fn needs(tool: Tool) -> Option<PathBuf> {
    if let Some(path) = tool.find() {
        return Some(path);
    }
    // The test runner names each test's thread after the test, unless it runs them all on the main one.
    let thread = thread::current();
    let test = thread.name().filter(|name| *name != "main").unwrap_or("a test");
    let complaint = complaint(test, tool);
    let is_required = tool != Tool::Schemathesis || rounds(0, 1) == 1;
    if is_required && env::var("RESCIND_TEST_REQUIRE_ALL").as_deref() == Ok("1") {
        panic!("{complaint}");
    }
    // Not `eprintln!`: the test runner captures that, and shows it for failed tests only.
    let _ = std::io::stderr().write_all(format!("{complaint}\n").as_bytes());
    None
}

fn complaint(test: &str, tool: Tool) -> String {
    let (name, install) = tool.name_and_install();
    format!("LEFT OUT: {test} needs {name}; {install}, or run scripts/test.sh")
}

/// The browser.
pub(crate) fn chromium() -> Option<PathBuf> {
    set_or_on_path("RESCIND_TEST_CHROMIUM", &["chromium", "google-chrome", "chrome"])
}

/// Its driver.
pub(crate) fn chromedriver() -> Option<PathBuf> {
    set_or_on_path("RESCIND_TEST_CHROMEDRIVER", &["chromedriver"])
}

/// The directory that holds `initdb`, `postgres` and `psql`. If `RESCIND_TEST_POSTGRES_BIN` is set, only that one.
/// Debian installs the server's programs outside of the path, in a directory per version.
fn postgres_binaries() -> Option<PathBuf> {
    let whole = |directory: &PathBuf| {
        ["initdb", "postgres"]
            .iter()
            .all(|program| directory.join(program).is_file())
    };
    if let Some(directory) = env::var_os("RESCIND_TEST_POSTGRES_BIN") {
        return Some(PathBuf::from(directory)).filter(whole);
    }
    // A link on the path leads to the directory of the others.
    let linked = on_path("initdb").and_then(|initdb| Some(initdb.canonicalize().ok()?.parent()?.to_owned()));
    linked.filter(whole).or_else(|| {
        let version = |directory: &PathBuf| {
            let name = directory.parent()?.file_name()?;
            name.to_str()?.parse::<u32>().ok()
        };
        Path::new("/usr/lib/postgresql")
            .read_dir()
            .ok()?
            .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
            .filter(whole)
            .max_by_key(version)
    })
}

/// The library and not the command `faketime`: a wrapper would receive the signals for the program. Debian installs it
/// in a directory named after the machine; the variant for programs with threads is the right one here.
fn faketime_library() -> Option<PathBuf> {
    let machine = format!("/usr/lib/{}-linux-gnu/faketime", env::consts::ARCH);
    [
        machine.as_str(),
        "/usr/lib/faketime",
        "/usr/lib64/faketime",
        "/usr/local/lib/faketime",
    ]
    .iter()
    .find_map(|directory| existing(Path::new(directory).join("libfaketimeMT.so.1")))
}

/// The file that the variable names, if it is set; otherwise the first of the programs that is on the path.
fn set_or_on_path(variable: &str, programs: &[&str]) -> Option<PathBuf> {
    match env::var_os(variable) {
        Some(path) => existing(path),
        None => programs.iter().find_map(|program| on_path(program)),
    }
}

/// A file that npm or PyPI has put beside the tests of the program.
fn in_tests(file: &str) -> Option<PathBuf> {
    existing(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../web/tests")).join(file))
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        // Debian's directories, for a runner with a path of its own.
        .chain(["/usr/bin".into(), "/usr/local/bin".into(), "/usr/lib/chromium".into()])
        .find_map(|directory| existing(directory.join(program)))
}

fn existing(path: impl Into<PathBuf>) -> Option<PathBuf> {
    Some(path.into()).filter(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::{Tool, complaint, existing, on_path};

    #[test]
    fn a_skip_message_names_the_test_the_tool_and_the_remedy() {
        assert_eq!(
            complaint("logout_in_a_browser", Tool::Chromium),
            "LEFT OUT: logout_in_a_browser needs Chromium with chromedriver; \
             apt-get install chromium chromium-driver, or run scripts/test.sh"
        );
    }

    #[test]
    fn an_existing_program_is_found_and_a_missing_one_is_not() {
        assert!(on_path("sh").is_some());
        assert_eq!(on_path("no-such-program-anywhere"), None);
        assert_eq!(existing("/usr"), None, "a directory is no program");
    }
}
