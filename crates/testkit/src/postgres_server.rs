//! A private Postgres, and the faults that a test can cause in it.
//!
//! There are two kinds. A test that kills or pauses its server takes one of its own ([`PostgresServer::start`]). Tests
//! that need only an empty database share one server per test process ([`PostgresServer::shared`]) and take [a fresh
//! database](PostgresServer::fresh_database) from it.
//!
//! Making a cluster takes a second of work, copying one takes a twentieth. So the first test that needs one makes it
//! and keeps it as a template for all: in Cargo's target directory, where `cargo clean` removes it.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::ops::Deref;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::statvfs;
use rustix::process::{Signal, getuid};
use tokio::sync::OnceCell;
use tokio::time::timeout;

use crate::Tool;
use crate::daemon::{Daemon, Farewell};
use crate::server::{DEADLINE, PORTS_TO_TRY, Server, ticks};

/// The superuser, who needs no password. (A password in a URL is ignored.)
const USER: &str = "rescind";
/// How much of the machine's memory must be free to put a data directory there.
const ROOMY: u64 = 2 << 30;

static SHARED: OnceCell<PostgresServer> = OnceCell::const_new();

/// A Postgres server on a free port of 127.0.0.1. Dropping it ends it.
///
/// It makes commits durable as a real one does (`fsync` and `synchronous_commit` are on), but its disk may be the
/// machine's memory: it has to survive the end of its own process, not of the machine.
///
/// ```no_run
/// # async fn test() {
/// use rescind_testkit::{PostgresServer, Tool, needs};
/// let Some(_) = needs(Tool::Postgres) else { return };
/// let postgres = PostgresServer::start().await;
/// postgres.sql("CREATE TABLE kept (n INT); INSERT INTO kept VALUES (1)").await;
/// postgres.kill_9();
/// postgres.start_again().await;
/// assert_eq!(postgres.sql("SELECT n FROM kept").await, "1");
/// # }
/// ```
#[derive(Debug)]
pub struct PostgresServer {
    binaries: PathBuf,
    arguments: Vec<String>,
    databases: AtomicU32,
    server: Server,
}

impl Deref for PostgresServer {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl PostgresServer {
    /// A server with one empty database. Call [`needs`](crate::needs) before.
    ///
    /// # Panics
    /// If it does not come up.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// The same with further settings, such as `&["synchronous_commit=off", "max_connections=20"]`.
    ///
    /// # Panics
    /// If it does not come up.
    pub async fn with(settings: &[&str]) -> Self {
        Self::on(settings, Self::lay_out).await
    }

    /// A standby that follows this server and answers reads (streaming replication, asynchronous unless the primary
    /// [waits for it](Self::wait_for_standbys)).
    ///
    /// # Panics
    /// If it does not come up.
    pub async fn standby(&self) -> Self {
        let primary = self.url();
        let standby = Self::on(&[], |standby| standby.copy_from(&primary)).await;
        let follows = "SELECT count(*) FROM pg_stat_wal_receiver WHERE status = 'streaming'";
        standby.until_sql(follows, "1").await;
        standby
    }

    /// From now on a commit is answered only when a standby has it on its disk.
    ///
    /// # Panics
    /// If no standby follows.
    pub async fn wait_for_standbys(&self) {
        self.sql("ALTER SYSTEM SET synchronous_standby_names = '*'").await;
        self.sql("SELECT pg_reload_conf()").await;
        let synchronous = "SELECT count(*) > 0 FROM pg_stat_replication WHERE sync_state = 'sync'";
        self.until_sql(synchronous, "t").await;
    }

    /// Stops replication to this standby: it does not get later commits of its primary.
    ///
    /// # Panics
    /// If replication continues.
    pub async fn stop_following(&self) {
        self.sql("ALTER SYSTEM SET primary_conninfo = ''").await;
        self.sql("SELECT pg_reload_conf()").await;
        self.until_sql("SELECT count(*) FROM pg_stat_wal_receiver", "0").await;
    }

    /// Makes a standby a primary, with the data that it has.
    ///
    /// # Panics
    /// If it stays one.
    pub async fn promote(&self) {
        self.sql("SELECT pg_promote()").await;
        self.until_sql("SELECT pg_is_in_recovery()", "f").await;
    }

    async fn until_sql(&self, question: &str, answer: &str) {
        let mut tick = ticks();
        let so = async {
            while self.sql(question).await != answer {
                tick.tick().await;
            }
        };
        if timeout(DEADLINE, so).await.is_err() {
            panic!("{question:?} was never {answer:?}:\n{}", self.logs());
        }
    }

    async fn on(settings: &[&str], lay_out: impl FnOnce(&Self)) -> Self {
        let binaries = Tool::Postgres
            .find()
            .unwrap_or_else(|| panic!("no Postgres server here; ask `needs(Tool::Postgres)` first"));
        let directory = tempfile::Builder::new()
            .prefix("rescind-postgres-")
            .tempdir_in(roomiest())
            .unwrap_or_else(|e| panic!("no directory for a Postgres: {e}"));
        let mut server = Self {
            binaries,
            arguments: settings.iter().map(|setting| format!("-c{setting}")).collect(),
            databases: AtomicU32::new(0),
            server: Server::new("Postgres", directory, Farewell::Quit),
        };
        lay_out(&server);
        for _ in 0..PORTS_TO_TRY {
            server.server.take_port();
            if server.come_up().await {
                return server;
            }
            if !server.has_lost_its_port() {
                break;
            }
        }
        panic!("Postgres ended instead of listening:\n{}", server.logs());
    }

    /// The server that the tests of this process share. It ends with the process. Do not kill, stop or pause it: other
    /// tests use it.
    ///
    /// # Panics
    /// If it does not come up.
    pub async fn shared() -> &'static Self {
        // Each test opens a few connections, and the runner starts as many tests at once as there are processors.
        SHARED
            .get_or_init(|| async { Self::with(&["max_connections=500"]).await })
            .await
    }

    /// `postgres://rescind@127.0.0.1:PORT/postgres`: the database that exists from the start.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    /// Makes an empty database and returns its URL.
    ///
    /// # Panics
    /// If the server would not.
    pub async fn fresh_database(&self) -> String {
        let name = self.new_name();
        self.sql(&format!("CREATE DATABASE {name}")).await;
        self.url_of(&name)
    }

    /// Makes a copy of the database at `url`, and returns its URL. That database must have no connections. Faster than
    /// migrating a fresh one.
    ///
    /// # Panics
    /// If the server would not.
    pub async fn copy_of(&self, url: &str) -> String {
        let (_, original) = url.rsplit_once('/').unwrap_or(("", url));
        let name = self.new_name();
        self.sql(&format!("CREATE DATABASE {name} TEMPLATE {original}")).await;
        self.url_of(&name)
    }

    /// Runs statements in the database of [`url`](Self::url); returns rows as lines, with `|` between the columns.
    ///
    /// # Panics
    /// If a statement fails, with what Postgres says.
    pub async fn sql(&self, statements: &str) -> String {
        self.sql_in(&self.url(), statements).await
    }

    /// Runs statements in the database at `url`.
    ///
    /// # Panics
    /// If a statement fails, with what Postgres says.
    pub async fn sql_in(&self, url: &str, statements: &str) -> String {
        let output = timeout(DEADLINE, self.psql(url, statements))
            .await
            .unwrap_or_else(|_| panic!("no answer to {statements:?} within {} s", DEADLINE.as_secs()))
            .unwrap_or_else(|e| panic!("psql cannot be run: {e}"));
        let text = |bytes| String::from_utf8_lossy(bytes).trim_end().to_owned();
        if !output.status.success() {
            panic!("{statements:?} failed: {}", text(&output.stderr));
        }
        text(&output.stdout)
    }

    /// Ends it (SIGINT: connections are closed, their transactions rolled back) and waits for the end.
    ///
    /// # Panics
    /// If it goes on.
    pub async fn stop(&self) {
        self.running(|daemon| daemon.signal(Signal::INT));
        let mut tick = ticks();
        let ended = async {
            while self.running(Daemon::is_running) {
                tick.tick().await;
            }
        };
        if timeout(DEADLINE, ended).await.is_err() {
            panic!("Postgres goes on after {} s:\n{}", DEADLINE.as_secs(), self.logs());
        }
        *self.daemon() = None;
    }

    /// Starts the server again after [`kill_9`](Server::kill_9) or [`stop`](Self::stop), on its data and its port; waits for
    /// the recovery.
    ///
    /// # Panics
    /// If it does not come up.
    pub async fn start_again(&self) {
        assert!(self.daemon().is_none(), "this Postgres runs already");
        assert!(self.come_up().await, "Postgres did not come up again:\n{}", self.logs());
    }

    /// Starts the server on its port, and returns whether it is ready; otherwise it has ended.
    async fn come_up(&self) -> bool {
        let mut command = as_owner(Command::new(self.binaries.join("postgres")));
        command
            .arg("-D")
            .arg(self.data_dir())
            .args(["-p", &self.port().to_string(), "-h", "127.0.0.1"])
            .args([
                "-cunix_socket_directories=",
                // In the data directory and not in /dev/shm, where a killed server would leave it.
                "-cdynamic_shared_memory_type=mmap",
            ])
            .args(&self.arguments);
        let is_ready = async |id: u32| {
            // The lock file names the server's process; an answer on the port might be another server's.
            let lock = fs::read_to_string(self.lock_file()).unwrap_or_default();
            let mut lines = lock.lines();
            lines.next() == Some(&id.to_string()) && lines.nth(6).is_some_and(|status| status.trim() == "ready")
        };
        self.server.come_up(command, is_ready).await
    }

    async fn psql(&self, url: &str, statements: &str) -> io::Result<Output> {
        // Debian's `psql` on the path is a script that looks for clusters; the real one is in the server's directory.
        let beside = self.binaries.join("psql");
        let psql = if beside.is_file() {
            beside
        } else {
            PathBuf::from("psql")
        };
        tokio::process::Command::new(psql)
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"])
            .args(["-d", url, "-c", statements])
            .kill_on_drop(true)
            .output()
            .await
    }

    /// Creates a new cluster, as a copy of the template.
    fn lay_out(&self) {
        let template = template(&self.binaries).unwrap_or_else(|e| panic!("no Postgres cluster can be made: {e}"));
        let mut copy = Command::new("cp");
        copy.arg("-R").arg(template).arg(self.data_dir());
        run(copy)
            .and_then(|()| give_away(self.directory()))
            .unwrap_or_else(|e| panic!("no Postgres cluster can be copied: {e}"));
    }

    /// Creates a copy of a running server that will follow it.
    fn copy_from(&self, primary: &str) {
        let mut backup = as_owner(Command::new(self.binaries.join("pg_basebackup")));
        backup
            .args(["--write-recovery-conf", "--checkpoint=fast", "--no-sync"])
            .args(["--dbname", primary])
            .arg("-D")
            .arg(self.data_dir())
            .current_dir(self.directory());
        give_away(self.directory())
            .and_then(|()| run(backup))
            .unwrap_or_else(|e| panic!("no standby can be made: {e}"));
    }

    fn new_name(&self) -> String {
        format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed))
    }

    fn url_of(&self, database: &str) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/{database}", self.port())
    }

    fn lock_file(&self) -> PathBuf {
        self.data_dir().join("postmaster.pid")
    }
}

/// A killed server leaves a few bytes of System V's shared memory in the kernel, which its next start would release;
/// the kernel has room for some thousands of them.
impl Drop for PostgresServer {
    fn drop(&mut self) {
        *self.daemon() = None;
        let lock = fs::read_to_string(self.lock_file()).unwrap_or_default();
        if let Some(segment) = lock.lines().nth(6).and_then(|line| line.split_whitespace().nth(1)) {
            let _ = Command::new("ipcrm").args(["-m", segment]).output();
        }
    }
}

/// Memory, if there is enough: a cluster is 40 MB and a container's `/dev/shm` is often 64. Otherwise the usual place.
fn roomiest() -> PathBuf {
    let memory = Path::new("/dev/shm");
    match statvfs(memory) {
        Ok(room) if room.f_bavail.saturating_mul(room.f_frsize) >= ROOMY => memory.to_owned(),
        _ => env::temp_dir(),
    }
}

/// A cluster to copy. The first caller makes it; if two do so at once, one renames its own into place, and the other's
/// is removed.
fn template(binaries: &Path) -> io::Result<PathBuf> {
    let test_program = env::current_exe()?;
    let cache = test_program.parent().unwrap_or(Path::new("."));
    // A cluster needs the same version, and the same binaries of that version.
    let version = run_for_output(Command::new(binaries.join("postgres")).arg("--version"))?;
    let name: String = format!("{version} {}", binaries.display())
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let template = cache.join(format!("template-{}", name.trim_matches('-')));
    if template.is_dir() {
        return Ok(template);
    }
    let workshop = tempfile::Builder::new()
        .prefix("rescind-postgres-")
        .tempdir_in(roomiest())?;
    give_away(workshop.path())?;
    let made = workshop.path().join("data");
    let mut initdb = as_owner(Command::new(binaries.join("initdb")));
    initdb
        .arg("-D")
        .arg(&made)
        .args(["-U", USER, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"])
        .current_dir(workshop.path());
    run(initdb)?;
    let draft = tempfile::Builder::new().prefix("template-").tempdir_in(cache)?;
    let mut copy = Command::new("cp");
    copy.arg("-R").arg(&made).arg(draft.path().join("data"));
    run(copy)?;
    match fs::rename(draft.path().join("data"), &template) {
        Err(_) if template.is_dir() => Ok(template),
        outcome => outcome.map(|()| template),
    }
}

/// Postgres refuses to run as root. Where the tests do (in a container), it runs as another user.
fn as_owner(mut command: Command) -> Command {
    if let Some((user, group)) = owner() {
        command.uid(user).gid(group);
    }
    command
}

/// Makes that user the owner of a directory with all of its contents.
fn give_away(directory: &Path) -> io::Result<()> {
    let Some((user, group)) = owner() else { return Ok(()) };
    let mut command = Command::new("chown");
    command.arg("-R").arg(format!("{user}:{group}")).arg(directory);
    run(command)
}

/// The owner of clusters, if it is not the current user.
fn owner() -> Option<(u32, u32)> {
    if !getuid().is_root() {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    ["postgres", "nobody"].iter().find_map(|name| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut ids = line.split(':').skip(2);
        Some((ids.next()?.parse().ok()?, ids.next()?.parse().ok()?))
    })
}

fn run(mut command: Command) -> io::Result<()> {
    run_for_output(&mut command).map(drop)
}

fn run_for_output(command: &mut Command) -> io::Result<String> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let program: OsString = command.get_program().to_owned();
    Err(io::Error::other(format!(
        "{}: {}",
        program.to_string_lossy(),
        String::from_utf8_lossy(&output.stderr)
    )))
}
