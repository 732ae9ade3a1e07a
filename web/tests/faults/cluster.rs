//! Nodes of the real program that share their stores.

use std::{future::Future, sync::Arc, time::Duration};

use rescind_testkit::{ApiClient, PostgresServer, Program, RedisServer, Reply, Running, Tokens, Tool, needs};
use tempfile::TempDir;
use tokio::{
    sync::OnceCell,
    time::{Instant, MissedTickBehavior, interval, timeout},
};

/// The password of the demo accounts.
pub(crate) const DEMO_PASSWORD: &str = "correct horse battery staple";
/// Far longer than any recovery here takes, even on a machine that also compiles.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
/// The issuer of all nodes' tokens. No request goes there.
pub(crate) const PUBLIC_URL: &str = "http://rescind.test";

/// Where the nodes of a cluster keep their sessions.
#[derive(Debug, Clone)]
pub(crate) enum Database {
    /// One file, in the directory that they share.
    Sqlite,
    /// A migrated database at this URL.
    Postgres(String),
}

impl Database {
    /// A new, migrated database of the server that the tests share.
    pub(crate) async fn on_shared_postgres() -> Self {
        static MIGRATED: OnceCell<String> = OnceCell::const_new();
        let postgres = PostgresServer::shared().await;
        let original = MIGRATED.get_or_init(|| migrated(postgres)).await;
        Self::Postgres(postgres.copy_of(original).await)
    }

    /// A new, migrated database of this server.
    pub(crate) async fn on(postgres: &PostgresServer) -> Self {
        Self::Postgres(migrated(postgres).await)
    }

    pub(crate) fn url(&self) -> &str {
        match self {
            Self::Sqlite => panic!("the file has no URL here"),
            Self::Postgres(url) => url,
        }
    }
}

/// A fresh database with the schema that the program wants.
async fn migrated(postgres: &PostgresServer) -> String {
    let url = postgres.fresh_database().await;
    let program = Program::new(env!("CARGO_BIN_EXE_rescind")).env("DATABASE_URL", &url);
    let ended = program.arg("migrate").arg("up").run_to_exit().await.unwrap();
    assert!(ended.status.success(), "{}", ended.stderr);
    url
}

/// Whether these tests' servers can be started here. Prints it if not.
pub(crate) fn has_stores() -> bool {
    needs(Tool::Redis).is_some() && needs(Tool::Postgres).is_some()
}

/// The settings of every node of a cluster.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Keys, and the file if the database is one.
    pub(crate) directory: Arc<TempDir>,
    environment: Vec<(String, String)>,
}

impl Plan {
    /// Nodes on a database, with lifetimes so long that no token expires, a long store timeout, and no limit on logins.
    pub(crate) fn on(database: &Database) -> Self {
        let directory = Arc::new(TempDir::with_prefix("rescind-cluster-").unwrap());
        let plan = Self {
            directory,
            environment: Vec::new(),
        };
        let data = plan.directory.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let plan = plan
            .env("RESCIND_DATA_DIR", data.to_str().unwrap())
            .env("RESCIND_PUBLIC_URL", PUBLIC_URL)
            .env("RESCIND_DEMO", "public")
            .env("RESCIND_ACCESS_TTL", "30m")
            .env("RESCIND_GRACE", "10m")
            .env("RESCIND_STORE_TIMEOUT", "20s")
            .env("RESCIND_LOGIN_LIMIT", "off");
        match database {
            Database::Sqlite => plan,
            Database::Postgres(url) => plan.env("DATABASE_URL", url),
        }
    }

    /// The blacklist in the Redis at this URL, for all nodes.
    pub(crate) fn with_redis(self, url: &str) -> Self {
        self.env("REDIS_URL", url)
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn environment(&self) -> impl Iterator<Item = (&str, &str)> {
        self.environment
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// One node, to be started or configured further.
    pub(crate) fn program(&self) -> Program {
        self.environment
            .iter()
            .fold(Program::new(env!("CARGO_BIN_EXE_rescind")), |program, (name, value)| {
                program.env(name, value)
            })
    }

    /// Starts that many nodes, one after the other, and waits until they are ready.
    pub(crate) async fn start<const N: usize>(&self) -> [Node; N] {
        let mut nodes = Vec::new();
        for _ in 0..N {
            nodes.push(Node::of(self.program()).await);
        }
        nodes.try_into().unwrap_or_else(|_| panic!("as many as were started"))
    }
}

/// A program that runs, and a client of it.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) running: Running,
    pub(crate) api: ApiClient,
}

impl Node {
    /// Starts a program and waits until it is ready.
    pub(crate) async fn of(program: Program) -> Self {
        let node = Self::of_any(program).await;
        node.running.ready().await.unwrap();
        node
    }

    /// Starts a program that may not become ready.
    pub(crate) async fn of_any(program: Program) -> Self {
        let running = program.start().await.unwrap();
        let api = running.api_client();
        Self { running, api }
    }

    /// A login of alice, on another device each time.
    pub(crate) async fn log_in(&self) -> Tokens {
        self.log_in_as("alice").await
    }

    pub(crate) async fn log_in_as(&self, name: &str) -> Tokens {
        self.api.log_in(name, DEMO_PASSWORD).await.tokens()
    }

    /// That many logins, a few at a time.
    pub(crate) async fn log_in_times(&self, count: usize) -> Vec<Tokens> {
        a_few_at_a_time(count, || self.log_in()).await
    }

    /// The answer is 200: this token is not revoked.
    pub(crate) async fn assert_alive(&self, tokens: &Tokens) {
        let me = self.api.me(tokens.access()).await.expect_status(200);
        assert_eq!(me.body["session_id"], tokens.session_id.as_str());
    }

    /// Neither token is accepted any more.
    pub(crate) async fn assert_dead(&self, tokens: &Tokens) {
        self.api.me(tokens.access()).await.expect_problem(401, "token_revoked");
        let refused = self.api.refresh(tokens.refresh()).await;
        refused.expect_problem(401, "session_closed");
    }

    /// Waits until the node accepts this live token again, and returns the time. 503 is the only other answer.
    pub(crate) async fn until_serving(&self, live: &Tokens) -> Duration {
        until(async || accepted(self.api.me(live.access()).await).is_some_and(|accepted| accepted)).await
    }

    /// Waits until the node answers 503.
    pub(crate) async fn until_refusing_service(&self, live: &Tokens) -> Duration {
        until(async || accepted(self.api.me(live.access()).await).is_none()).await
    }

    /// How often a line of the log holds this.
    pub(crate) fn says(&self, words: &str) -> usize {
        self.running.logs().lines().filter(|line| line.contains(words)).count()
    }
}

/// That many logins, of which a few run at once.
pub(crate) async fn a_few_at_a_time<F: Future<Output = Tokens>>(count: usize, log_in: impl Fn() -> F) -> Vec<Tokens> {
    let mut all = Vec::new();
    while all.len() < count {
        let logins = (0..4.min(count - all.len())).map(|_| log_in());
        all.extend(futures::future::join_all(logins).await);
    }
    all
}

/// Whether Redis itself has the entry of that session. A node also refuses what it knows to be missing there.
pub(crate) async fn in_redis(redis: &RedisServer, tokens: &Tokens) -> bool {
    let key = format!("{{rescind}}:sid:{}", tokens.session_id);
    redis.command(&["EXISTS", &key]).await == "1"
}

/// Polls until it is so, and returns the time.
pub(crate) async fn until<F: Future<Output = bool>>(is_so: impl Fn() -> F) -> Duration {
    let begun = Instant::now();
    let mut again = interval(Duration::from_millis(10));
    again.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let so = async {
        loop {
            again.tick().await;
            if is_so().await {
                return;
            }
        }
    };
    timeout(DEADLINE, so)
        .await
        .unwrap_or_else(|_| panic!("not so within {} s", DEADLINE.as_secs()));
    begun.elapsed()
}

/// The answer of `GET /api/me` to a genuine token: accepted, revoked, or 503. Any other fails the test.
#[track_caller]
pub(crate) fn accepted(me: Reply) -> Option<bool> {
    match me.status {
        200 => Some(true),
        503 => None,
        _ => {
            me.expect_problem(401, "token_revoked");
            Some(false)
        }
    }
}
