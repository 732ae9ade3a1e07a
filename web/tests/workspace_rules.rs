//! The rules of the workspace, checked against Cargo's metadata.
//!
//! The allowed imports between crates are the design in one picture: the token logic has no IO, the HTTP side no SQL, and each
//! replaceable library is named in one place. A rule that is only documented is broken by the first convenient `use`; here
//! that fails a test, which names the forbidden arrow.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers included")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use cargo_metadata::{Dependency, DependencyKind, Metadata, MetadataCommand, Package, TargetKind};
use toml_edit::{Document, Item};

/// The allowed imports. An arrow may skip levels on its way down; no other is allowed.
const ARROWS: [(&str, &[&str]); 11] = [
    ("rescind-web", &["rescind-server", "rescind-lab", "rescind-exercises"]),
    ("rescind-server", &["rescind-api", "rescind-store"]),
    ("rescind-lab", &["rescind-api"]),
    ("rescind-api", &["rescind-session"]),
    ("rescind-store", &["rescind-session", "rescind-migrations"]),
    ("rescind-exercises", &["rescind-session"]),
    ("rescind-conformance", &["rescind-session"]),
    ("rescind-session", &["rescind-token"]),
    ("rescind-token", &[]),
    ("rescind-migrations", &[]),
    ("rescind-testkit", &[]),
];

/// Libraries with keepers: only these crates name them, tests included. A name stands for all names that contain it.
const KEEPERS: [(&str, &[&str]); 5] = [
    ("jsonwebtoken", &["rescind-token"]),
    ("sea-orm", &["rescind-store", "rescind-migrations"]),
    ("redis", &["rescind-store"]),
    // The one HTTP client, and the clients of the tests, to which the demo's own tests add fields and headers.
    ("reqwest", &["rescind-api", "rescind-testkit", "rescind-web"]),
    (
        "actix",
        &["rescind-api", "rescind-lab", "rescind-server", "rescind-web"],
    ),
];

/// The crates that others depend on.
const PUBLISHED: [&str; 7] = [
    "crates/token",
    "crates/session",
    "crates/conformance",
    "crates/store",
    "crates/api",
    "crates/server",
    "migrations",
];

/// The libraries that the token logic must not use, to stay synchronous.
const ASYNCHRONOUS: [&str; 3] = ["async-trait", "futures", "tokio"];

/// The feature that lets a test stop the program at critical points.
const FAILPOINTS: &str = "failpoints";

/// The crate that tests an adapter.
const SUITE: &str = "rescind-conformance";

/// The expected list of offences.
const NONE: [String; 0] = [];

#[test]
fn crates_import_each_other_only_downwards() {
    let workspace = Workspace::read();
    let mut offences = Vec::new();
    for (package, dependency) in workspace.dependencies() {
        let name = dependency.name.as_str();
        if !workspace.has(name) {
            continue;
        }
        let is_below = below(&package.name).contains(name);
        let allowed = match dependency.kind {
            DependencyKind::Normal => is_below,
            // Any crate may be tested with the kit, which depends on no crate of the workspace, and adapters with the suite;
            // and a crate names itself to enable one of its features for its own tests.
            DependencyKind::Development => {
                is_below || ["rescind-testkit", SUITE].contains(&name) || *package.name == name
            }
            _ => false,
        };
        if !allowed {
            offences.push(format!("{} -> {name} ({:?})", package.name, dependency.kind));
        }
    }
    assert_eq!(offences, NONE, "arrows that are not allowed");
}

#[test]
fn every_member_has_its_place_in_the_picture() {
    let workspace = Workspace::read();
    let members: BTreeSet<_> = workspace.members().map(|package| package.name.as_str()).collect();
    let drawn: BTreeSet<_> = ARROWS.iter().map(|(name, _)| *name).collect();
    assert_eq!(members, drawn);
}

#[test]
fn only_its_keepers_depend_on_a_library_with_keepers() {
    let workspace = Workspace::read();
    let mut offences = Vec::new();
    for (package, dependency) in workspace.dependencies() {
        for (library, keepers) in KEEPERS {
            if dependency.name.contains(library) && !keepers.contains(&package.name.as_str()) {
                offences.push(format!("{} names {}", package.name, dependency.name));
            }
        }
    }
    assert_eq!(offences, NONE);
}

/// In the crates for adopters each public item is documented. Elsewhere a good name is enough.
#[test]
fn published_crates_deny_missing_docs() {
    for directory in PUBLISHED {
        let library = Path::new("..").join(directory).join("src/lib.rs");
        let source = std::fs::read_to_string(library).unwrap();
        assert!(source.contains("#![deny(missing_docs)]"), "{directory}");
    }
}

/// `cargo package` makes the packages, in the test command. What it does not check is checked here.
#[test]
fn published_crates_have_what_a_registry_asks_for() {
    let workspace = Workspace::read();
    let root = workspace.0.workspace_root.as_std_path();
    let mut offences = Vec::new();
    for package in workspace.members() {
        let directory = package.manifest_path.parent().unwrap().as_std_path();
        let is_published = PUBLISHED.iter().any(|published| directory.ends_with(published));
        let mut require = |holds: bool, what: &str| {
            if !holds {
                offences.push(format!("{}: {what}", package.name));
            }
        };
        require(package.publish.is_none() == is_published, "`publish`");
        if !is_published {
            continue;
        }
        require(package.repository.is_some(), "`repository`");
        require(package.rust_version.is_some(), "`rust-version`");
        require(!package.metadata["docs"]["rs"].is_null(), "`package.metadata.docs.rs`");
        require((3..=5).contains(&package.keywords.len()), "three to five `keywords`");
        require(!package.categories.is_empty(), "`categories`");
        require(package.readme.is_some(), "a README");
        for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
            let [ours, theirs] = [root, directory].map(|place| std::fs::read(place.join(licence)).unwrap_or_default());
            require(ours == theirs, licence);
        }
        for dependency in package.dependencies.iter().filter(|one| one.path.is_some()) {
            let has_version = !dependency.req.comparators.is_empty();
            let is_for_tests = dependency.kind == DependencyKind::Development;
            require(
                has_version || is_for_tests,
                &format!("a version for {}", dependency.name),
            );
        }
    }
    assert_eq!(offences, NONE);
}

/// One store alone does not bring the libraries of the others.
#[test]
fn redis_alone_brings_no_sql() {
    let redis = tree_with(
        "rescind-store",
        "normal",
        &["--no-default-features", "--features", "redis"],
    );
    assert!(!redis.contains("sea-orm") && !redis.contains("sqlx"), "{redis}");
    assert!(redis.contains("deadpool-redis"), "is the list read as it is written?");
    let packages: BTreeSet<_> = redis.lines().map(|line| line.split(" (").next()).collect();
    assert!(packages.len() <= 120, "{} packages", packages.len());
}

/// The table in `docs/adopting.md`.
#[test]
fn the_packages_that_each_crate_brings_are_as_many_as_the_page_says() {
    let page = Workspace::read().0.workspace_root.join("docs/adopting.md");
    let page = std::fs::read_to_string(page).unwrap();
    let count = |package: &str, features: &[&str]| {
        let tree = tree_with(package, "normal", features);
        let packages: BTreeSet<Vec<_>> = tree.lines().map(|line| line.split(' ').take(2).collect()).collect();
        packages.len().to_string()
    };
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter(|line| line.starts_with("| `rescind-"))
        .map(|line| line.split('|').map(str::trim).collect())
        .filter(|cells: &Vec<&str>| cells[2].parse::<u32>().is_ok())
        .collect();
    assert_eq!(rows.len(), 7, "{rows:?}");
    for cells in rows {
        let package = cells[1].trim_matches('`');
        assert_eq!(count(package, &[]), cells[2], "{package}");
        if !cells[3].is_empty() {
            assert_eq!(count(package, &["--no-default-features"]), cells[3], "{package}");
        }
        for one in cells[4].split(", ").filter(|one| !one.is_empty()) {
            let (feature, packages) = one.split_once(' ').unwrap();
            let features = ["--no-default-features", "--features", feature.trim_matches('`')];
            assert_eq!(count(package, &features), packages, "{package} with {feature}");
        }
    }
}

#[test]
fn the_token_logic_is_synchronous() {
    let workspace = Workspace::read();
    let offences: Vec<_> = workspace
        .dependencies()
        .filter(|(package, _)| *package.name == "rescind-token")
        .map(|(_, dependency)| dependency.name.clone())
        .filter(|name| ASYNCHRONOUS.contains(&name.as_str()))
        .collect();
    assert_eq!(offences, NONE);
}

/// A node is for any service. The demo brings its own accounts.
#[test]
fn the_node_does_not_know_the_demo() {
    let source = Workspace::read().0.workspace_root.join("crates/server/src");
    let (mut offences, mut read) = (Vec::new(), 0);
    let mut paths = vec![source.into_std_path_buf()];
    while let Some(path) = paths.pop() {
        if path.is_dir() {
            paths.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        read += 1;
        let code = std::fs::read_to_string(&path).unwrap().to_lowercase();
        let known = ["demo", "victim", "alice", "correct horse"].map(|word| code.contains(word));
        if known.contains(&true) {
            offences.push(path.display().to_string());
        }
    }
    assert!(read > 20, "{read} files: is the crate where it was?");
    assert_eq!(offences, NONE);
}

#[test]
fn the_only_binary_is_rescind_and_every_member_is_a_default_one() {
    let workspace = Workspace::read();
    let binaries: Vec<_> = workspace
        .members()
        .flat_map(|package| &package.targets)
        .filter(|target| target.kind.contains(&TargetKind::Bin))
        .map(|target| target.name.as_str())
        .collect();
    assert_eq!(
        binaries,
        ["rescind"],
        "with two, `cargo run` would have to be told which"
    );
    let root = manifest(workspace.0.workspace_root.as_std_path());
    let defaults = root
        .as_item()
        .get("workspace")
        .and_then(|table| table.get("default-members"));
    assert!(defaults.is_none(), "plain `cargo test` would leave crates out");
}

#[test]
fn versions_and_lints_stand_in_the_root_manifest_and_nowhere_else() {
    let workspace = Workspace::read();
    let mut offences = Vec::new();
    for package in workspace.members() {
        let directory = package.manifest_path.parent().unwrap();
        let manifest = manifest(directory.as_std_path());
        if !inherits(manifest.as_item().get("lints")) {
            offences.push(format!("{}: no `lints.workspace = true`", package.name));
        }
        for (table, name, dependency) in written_dependencies(manifest.as_item()) {
            // A crate's own features for its own tests: with a version it could not be published before itself.
            let is_itself = name == package.name.as_str() && dependency.get("version").is_none();
            if !inherits(Some(dependency)) && !is_itself {
                offences.push(format!("{}: {table}.{name} is not `workspace = true`", package.name));
            }
        }
    }
    assert_eq!(offences, NONE);
}

/// A program that stops at points set in its environment must not be shipped. One crate that enables a feature enables it for
/// all, so none may: no default, no other feature, no dependency of the program.
#[test]
fn faults_on_purpose_are_asked_for_by_the_tests_of_the_program_alone() {
    let workspace = Workspace::read();
    let mut offences = Vec::new();
    for package in workspace.members() {
        for (feature, enables) in &package.features {
            let is_itself = *package.name == "rescind-session" && feature == FAILPOINTS;
            if !is_itself && enables.iter().any(|enabled| enabled.contains(FAILPOINTS)) {
                offences.push(format!("{}'s feature {feature} enables {FAILPOINTS}", package.name));
            }
        }
    }
    let mut askers = Vec::new();
    for (package, dependency) in workspace.dependencies() {
        if dependency.name == "fail" && !(*package.name == "rescind-session" && dependency.optional) {
            offences.push(format!("{} depends on fail", package.name));
        }
        if dependency.features.iter().any(|feature| feature.contains(FAILPOINTS)) {
            askers.push((package.name.as_str(), dependency.kind));
        }
    }
    assert_eq!(offences, NONE);
    assert_eq!(askers, [("rescind-web", DependencyKind::Development)]);
}

/// The same, as Cargo resolves it: what `cargo build` links into the program.
#[test]
fn the_program_that_is_shipped_has_no_failpoints() {
    let has_failpoints = |tree: &str| tree.contains(FAILPOINTS) || tree.lines().any(|line| line.starts_with("fail "));
    assert!(!has_failpoints(&tree("rescind-web", "normal,build")));
    assert!(
        has_failpoints(&tree("rescind-web", "normal,build,dev")),
        "is the list read as it is written?"
    );
}

/// It shows the exercises' texts and plays their stories. The suite for adapters runs on a learner's own file, in a test.
#[test]
fn the_program_that_is_shipped_has_no_suite() {
    let shipped = tree("rescind-web", "normal,build");
    assert!(!shipped.contains(SUITE) && !shipped.contains("diffy"), "{shipped}");
    assert!(
        tree("rescind-exercises", "normal,build,dev").contains(SUITE),
        "is the list read as it is written?"
    );
}

/// HTTP/2 is not served, so no crate for it is built, in any member, example or test: `h2` has had advisories
/// (RUSTSEC-2026-0258). A feature that enables it again adds it to the lock file.
#[test]
fn no_dependency_speaks_http_2() {
    let root = Workspace::read().0.workspace_root;
    for path in ["Cargo.lock", "docs/examples/Cargo.lock"] {
        let lock = std::fs::read_to_string(root.join(path)).unwrap();
        assert!(!lock.contains("name = \"h2\""), "{path}");
        let is_read = lock.contains("name = \"actix-http\"");
        assert!(is_read, "is {path} read as it is written?");
    }
}

/// The docs name the test of each promise: "[`name`](../path/of/file.rs)". If a test is renamed or not run any more, the page
/// has to follow.
#[test]
fn every_test_that_the_docs_name_is_there_and_is_run() {
    let root = Workspace::read().0.workspace_root;
    let docs = root.join("docs");
    let suite = std::fs::read_to_string(root.join("crates/conformance/src/lib.rs")).unwrap();
    let mut missing = Vec::new();
    let mut pages: Vec<_> = std::fs::read_dir(&docs)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    pages.retain(|page| Path::new(page).extension().is_some_and(|extension| extension == "md"));
    for page in pages {
        let page = page.to_str().unwrap();
        let text = std::fs::read_to_string(docs.join(page)).unwrap();
        let mut named = 0;
        for link in text.split("[`").skip(1) {
            let Some((name, rest)) = link.split_once("`](") else {
                continue;
            };
            let Some((path, _)) = rest.split_once(".rs)") else {
                continue;
            };
            named += 1;
            let source = std::fs::read_to_string(docs.join(format!("{path}.rs"))).unwrap_or_default();
            // A case of the suite is a test of each adapter as soon as the suite lists it.
            let is_run = if path.contains("/conformance/") {
                source.contains(&format!("pub async fn {name}("))
                    && suite.lines().any(|line| line.trim().trim_end_matches(';') == name)
            } else {
                is_test(&source, name)
            };
            if !is_run {
                missing.push(format!("{page}: {name} in {path}.rs"));
            }
        }
        let at_least = match page {
            "architecture.md" => 60,
            "adopting.md" => 13,
            "faults.md" | "amnesia.md" => 20,
            _ => 0,
        };
        assert!(
            named >= at_least,
            "{page} names {named} tests: is it read as it is written?"
        );
    }
    assert_eq!(missing, NONE, "tests that the docs name and nothing runs");
}

/// Whether a function of that name has a test attribute in the lines directly above it.
fn is_test(source: &str, name: &str) -> bool {
    let lines: Vec<_> = source.lines().map(str::trim).collect();
    let declares = |line: &&str| {
        line.split_once(&format!("fn {name}("))
            .is_some_and(|(before, _)| matches!(before, "" | "async "))
    };
    let Some(at) = lines.iter().position(declares) else {
        return false;
    };
    let attributes = || {
        lines[..at]
            .iter()
            .rev()
            .take_while(|line| line.starts_with("#[") || line.starts_with("//"))
    };
    let makes_a_test = |line: &&&str| {
        let attribute = line
            .trim_start_matches("#[")
            .split(['(', ']'])
            .next()
            .unwrap_or_default();
        attribute == "test" || attribute.ends_with("::test")
    };
    attributes().any(|line| makes_a_test(&line)) && !attributes().any(|line| line.starts_with("#[ignore"))
}

#[test]
fn a_function_that_is_no_test_does_not_count_as_one() {
    for (source, is) in [
        ("#[test]\nfn name() {}", true),
        (
            "#[tokio::test(flavor = \"multi_thread\")]\n// Why.\nasync fn name() {}",
            true,
        ),
        ("fn name() {}", false),
        ("#[test]\nfn other() {}\n\nfn name() {}", false),
        ("#[test]\n#[ignore]\nfn name() {}", false),
        ("// fn name() {}", false),
        ("#[test]\nfn longer_name() {}", false),
    ] {
        assert_eq!(is_test(source, "name"), is, "{source}");
    }
}

/// `just chaos` writes a row for each test that calls `held!`. A test without one is new: run `just chaos`.
#[test]
fn the_page_on_faults_has_a_row_for_every_test_that_reports() {
    let root = Workspace::read().0.workspace_root;
    let page = std::fs::read_to_string(root.join("docs/faults.md")).unwrap();
    let (mut missing, mut reported) = (Vec::new(), 0);
    for file in std::fs::read_dir(root.join("web/tests/faults")).unwrap() {
        let source = std::fs::read_to_string(file.unwrap().path()).unwrap();
        // `held!(Fault, test, …`: the macro's own definition names no test.
        for report in source.split("held!(").skip(1) {
            let test = report.split(',').nth(1).unwrap_or_default().trim();
            reported += 1;
            let row = |line: &str| line.starts_with("| ") && line.contains(&format!("[`{test}`]"));
            if !page.lines().any(row) {
                missing.push(test.to_owned());
            }
        }
    }
    assert!(reported > 10, "{reported} reports: are they read as they are written?");
    assert_eq!(missing, NONE, "tests of which docs/faults.md has no row");
}

/// The table of the two tiers, against the numbers in the tests that it names.
#[test]
fn the_numbers_of_the_two_tiers_are_those_of_their_tests() {
    let docs = Workspace::read().0.workspace_root.join("docs");
    let page = std::fs::read_to_string(docs.join("architecture.md")).unwrap();
    let table = page.split("\n## Two tiers\n").nth(1).unwrap();
    let number = |cell: &str| {
        cell.replace(',', "")
            .split_whitespace()
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    let mut rows = 0;
    for line in table.lines().filter(|line| line.contains("](../")) {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let path = cells[4]
            .split("](")
            .nth(1)
            .and_then(|path| path.split(')').next())
            .unwrap();
        let directory = docs.join(path).parent().unwrap().to_owned();
        // A module's shared numbers may be in a neighbouring file.
        let sources: String = std::fs::read_dir(directory)
            .unwrap()
            .filter_map(|file| std::fs::read_to_string(file.unwrap().path()).ok())
            .collect();
        let words: BTreeSet<_> = sources
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .map(|word| word.replace('_', ""))
            .collect();
        for tier in [cells[2], cells[3]] {
            assert!(words.contains(&number(tier)), "{tier} is not in the tests of: {line}");
        }
        rows += 1;
    }
    assert!(rows > 10, "{rows} rows: are they read as they are written?");
}

struct Workspace(Metadata);

impl Workspace {
    fn read() -> Self {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
        Self(MetadataCommand::new().manifest_path(manifest).no_deps().exec().unwrap())
    }

    fn members(&self) -> impl Iterator<Item = &Package> {
        self.0.workspace_packages().into_iter()
    }

    fn has(&self, name: &str) -> bool {
        self.members().any(|package| *package.name == name)
    }

    fn dependencies(&self) -> impl Iterator<Item = (&Package, &Dependency)> {
        self.members()
            .flat_map(|package| package.dependencies.iter().map(move |dependency| (package, dependency)))
    }
}

/// A crate's dependencies, as Cargo resolves them: each package with its features.
fn tree(package: &str, edges: &str) -> String {
    tree_with(package, edges, &[])
}

fn tree_with(package: &str, edges: &str, features: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["tree", "--offline", "--package", package, "--edges", edges])
        .args(["--prefix", "none", "--format", "{p} {f}"])
        .args(features)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// All crates that can be reached along the arrows.
fn below(name: &str) -> BTreeSet<&'static str> {
    let arrows: BTreeMap<&str, &[&str]> = ARROWS.into_iter().collect();
    let mut reached = BTreeSet::new();
    let mut open = vec![name];
    while let Some(next) = open.pop() {
        for target in arrows.get(next).copied().unwrap_or_default() {
            if reached.insert(*target) {
                open.push(target);
            }
        }
    }
    reached
}

fn manifest(directory: &Path) -> Document<String> {
    Document::parse(std::fs::read_to_string(directory.join("Cargo.toml")).unwrap()).unwrap()
}

fn inherits(item: Option<&Item>) -> bool {
    item.and_then(|item| item.get("workspace")).and_then(Item::as_bool) == Some(true)
}

/// The dependencies as the manifest writes them, those under `target` too: the table's name, the crate's, the entry.
fn written_dependencies(manifest: &Item) -> Vec<(String, &str, &Item)> {
    let mut found = Vec::new();
    for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
        for (name, entry) in entries(manifest.get(kind)) {
            found.push((kind.to_owned(), name, entry));
        }
    }
    for (target, item) in entries(manifest.get("target")) {
        for (kind, name, entry) in written_dependencies(item) {
            found.push((format!("{target}.{kind}"), name, entry));
        }
    }
    found
}

fn entries(item: Option<&Item>) -> impl Iterator<Item = (&str, &Item)> {
    item.and_then(Item::as_table_like)
        .into_iter()
        .flat_map(|table| table.iter())
}
