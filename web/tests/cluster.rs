//! `scripts/cluster.sh`, as a person runs it: three nodes that agree, one address, and no process left after Ctrl-C.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers included")]

use std::{
    collections::BTreeSet,
    env, fs,
    io::{BufRead, BufReader, Read},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::Duration,
};

use rescind_testkit::{ApiClient, CookieClient, Reply, Tool, needs};
use tempfile::TempDir;

const DEMO_PASSWORD: &str = "correct horse battery staple";
/// Far more than a start or an end takes, even on a machine that compiles beside it.
const DEADLINE: Duration = Duration::from_secs(180);

/// One node, from the script's output.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Node {
    name: String,
    url: String,
    process: String,
}

/// The running script. Dropping it ends it like Ctrl-C.
struct Cluster {
    script: Child,
    url: String,
    nodes: Vec<Node>,
    /// Where Postgres' data is if the test runs as root, who may not run it.
    postgres: PathBuf,
    directory: TempDir,
}

impl Cluster {
    fn start() -> Self {
        let directory = TempDir::with_prefix("rescind-cluster-").unwrap();
        let postgres = env::temp_dir().join(format!("rescind-cluster-postgres-{}", std::process::id()));
        let mut command = Command::new("bash");
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("RESCIND_") {
                command.env_remove(name);
            }
        }
        let mut script = command
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/cluster.sh"))
            .env("CLUSTER_PROGRAM", env!("CARGO_BIN_EXE_rescind"))
            .env("CLUSTER_DIR", directory.path())
            .env("CLUSTER_PORT", "0")
            .env("POSTGRES_HOME", &postgres)
            // The test is about the answers, not about this machine's load.
            .env("RESCIND_STORE_TIMEOUT", "10s")
            .env("RESCIND_ACCESS_TTL", "10m")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(directory.path().join("stderr")).unwrap())
            .spawn()
            .unwrap();
        let mut told = BufReader::new(script.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok);
        let mut cluster = Self {
            script,
            url: String::new(),
            nodes: Vec::new(),
            postgres,
            directory,
        };
        for line in told.by_ref() {
            let words: Vec<_> = line.split_whitespace().collect();
            match words.as_slice() {
                ["Three", "nodes,", "one", "truth:", url] => cluster.url = (*url).to_owned(),
                ["node", name, url, "process", process, ..] => cluster.nodes.push(Node {
                    name: (*name).to_owned(),
                    url: (*url).to_owned(),
                    process: (*process).to_owned(),
                }),
                ["Ctrl-C", ..] => break,
                _ => {}
            }
        }
        assert_eq!(cluster.nodes.len(), 3, "it did not start: {}", cluster.logs());
        // Its output is read from now on, so that the script never blocks.
        thread::spawn(move || told.for_each(drop));
        cluster
    }

    fn logs(&self) -> String {
        let mut logs = String::new();
        for name in [
            "stderr",
            "migrate.log",
            "node-a.log",
            "node-b.log",
            "node-c.log",
            "nginx.log",
        ] {
            if let Ok(mut file) = fs::File::open(self.directory.path().join(name)) {
                logs.push_str(&format!("\n{name}:\n"));
                file.read_to_string(&mut logs).unwrap();
            }
        }
        logs
    }

    fn everybody(&self) -> ApiClient {
        ApiClient::new(&self.url)
    }

    /// Ends it like Ctrl-C; `None` if it does not end. By TERM, which has the same handler: a shell that was started in the
    /// background, as tests may be, has to ignore INT, and cannot trap it.
    fn interrupt(&mut self) -> Option<ExitStatus> {
        kill("-TERM", &self.script.id().to_string());
        const STEP: Duration = Duration::from_millis(50);
        // A child of the standard library cannot be awaited with a deadline, only polled.
        (0..DEADLINE.as_millis() / STEP.as_millis()).find_map(|_| {
            thread::sleep(STEP);
            self.script.try_wait().unwrap()
        })
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.script.try_wait().is_ok_and(|ended| ended.is_none()) {
            self.interrupt();
        }
        let _ = fs::remove_dir_all(&self.postgres);
    }
}

fn kill(signal: &str, process: &str) {
    assert!(Command::new("kill").args([signal, process]).status().unwrap().success());
}

fn listens(url: &str) -> bool {
    TcpStream::connect(url.trim_start_matches("http://")).is_ok()
}

/// The name of the node that answered.
fn node_of(reply: &Reply) -> String {
    reply.header("x-rescind-node").to_owned()
}

/// The strip "The same token, at every node": what follows each node's name.
fn strip(page: &str) -> Vec<String> {
    let document = scraper::Html::parse_document(page);
    let rows = scraper::Selector::parse("#nodes li").unwrap();
    document
        .select(&rows)
        .map(|row| row.text().flat_map(str::split_whitespace).collect::<Vec<_>>().join(" "))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn three_nodes_behind_one_address_agree_about_every_token() {
    let tools = [Tool::Redis, Tool::Postgres, Tool::Nginx].map(needs);
    if tools.iter().any(Option::is_none) {
        return;
    }
    let mut cluster = Cluster::start();
    let names: BTreeSet<String> = ["a", "b", "c"].map(str::to_owned).into();

    // A client without cookies is sent to all nodes in turn.
    let everybody = cluster.everybody();
    let alice = everybody.log_in("alice", DEMO_PASSWORD).await.tokens();
    let mut answered = BTreeSet::new();
    for _ in 0..names.len() {
        answered.insert(node_of(&everybody.me(alice.access()).await.expect_status(200)));
    }
    assert_eq!(answered, names);
    for node in &cluster.nodes {
        let reply = ApiClient::new(&node.url).me(alice.access()).await.expect_status(200);
        assert_eq!(node_of(&reply), node.name);
    }
    everybody.log_out(alice.access()).await.expect_status(204);
    for node in &cluster.nodes {
        let reply = ApiClient::new(&node.url).me(alice.access()).await;
        reply.expect_problem(401, "token_revoked");
    }

    // A browser stays with its node, and shows the others' answers.
    let visitor = CookieClient::new(&cluster.url);
    let own = node_of(&visitor.open("/").await.expect_status(200));
    let pressed = async |action: &str| {
        let reply = visitor.post(action, &[]).await.expect_status(303);
        assert_eq!(node_of(&reply), own, "{action}");
        let page = visitor.open("/demo").await.expect_status(200);
        assert!(
            page.text.contains(&format!("Answered by <strong>node {own}</strong>")),
            "{page:?}"
        );
        page.text
    };
    let robbed = strip(&pressed("/demo/rob").await);
    assert!(
        robbed.len() == 3 && robbed.iter().all(|row| row.contains("200")),
        "{robbed:#?}"
    );
    pressed("/demo/log-out").await;
    let refused = strip(&pressed("/demo/thief/try").await);
    assert!(
        refused.len() == 3 && refused.iter().all(|row| row.contains("401 token_revoked")),
        "{refused:#?}"
    );

    // After a node is killed, requests still succeed.
    let lost = cluster.nodes.iter().find(|node| node.name != own).unwrap().clone();
    kill("-KILL", &lost.process);
    let without = strip(&pressed("/demo/thief/try").await);
    let silent = without.iter().filter(|row| row.contains("No answer")).count();
    let refused = without.iter().filter(|row| row.contains("401 token_revoked")).count();
    assert_eq!((silent, refused), (1, 2), "{without:#?}");
    for _ in 0..4 {
        let reply = everybody.me(alice.access()).await;
        reply.expect_problem(401, "token_revoked");
    }

    let ended = cluster.interrupt();
    assert_eq!(ended.and_then(|status| status.code()), Some(0), "{}", cluster.logs());
    for url in cluster.nodes.iter().map(|node| &node.url).chain([&cluster.url]) {
        assert!(!listens(url), "{url} still listens");
    }
}
