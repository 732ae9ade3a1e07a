//! A private Redis, and the faults that a test can cause in it.
//!
//! The port, the directory and the process belong to one test, and no configuration file of the machine is read. The
//! data is in memory only, unless the test needs more: a Redis that loses everything in a restart is the hard case for
//! its users.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::ops::Deref;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;
use tokio::time::timeout;

use crate::Tool;
use crate::daemon::Farewell;
use crate::resp::Resp;
use crate::server::{DEADLINE, PORTS_TO_TRY, Server};

/// A Redis server on a free port of 127.0.0.1, for one test. Dropping it ends it.
///
/// ```no_run
/// # async fn test() {
/// use rescind_testkit::{RedisServer, Tool, needs};
/// let Some(_) = needs(Tool::Redis) else { return };
/// let redis = RedisServer::start().await;
/// redis.command(&["SET", "key", "value"]).await;
/// redis.flush_all().await;
/// assert_eq!(redis.command(&["GET", "key"]).await, "");
/// # }
/// ```
#[derive(Debug)]
pub struct RedisServer {
    executable: PathBuf,
    arguments: Vec<String>,
    password: Option<String>,
    server: Server,
}

impl Deref for RedisServer {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

/// The data of a Redis at one moment, to be [restarted from](RedisServer::restart_from) later.
#[derive(Clone)]
pub struct RedisSnapshot(Vec<u8>);

impl std::fmt::Debug for RedisSnapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RedisSnapshot({} bytes)", self.0.len())
    }
}

impl RedisServer {
    /// An empty server without persistence. Call [`needs`](crate::needs) before.
    ///
    /// # Panics
    /// If it does not come up.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// The same with further arguments, such as `&["--appendonly", "yes"]` or `&["--maxmemory-policy", "allkeys-lru"]`.
    /// With `--requirepass` the [`url`](Self::url) has the password too. With `--sentinel` it is a sentinel that
    /// watches no server before `SENTINEL MONITOR`.
    ///
    /// # Panics
    /// If it does not come up.
    pub async fn with(arguments: &[&str]) -> Self {
        let executable = Tool::Redis
            .find()
            .unwrap_or_else(|| panic!("no redis-server here; ask `needs(Tool::Redis)` first"));
        let directory =
            TempDir::with_prefix("rescind-redis-").unwrap_or_else(|e| panic!("no directory for a Redis: {e}"));
        let password = arguments
            .windows(2)
            .find_map(|pair| (pair[0] == "--requirepass").then(|| pair[1].to_owned()));
        let mut server = Self {
            executable,
            arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
            password,
            server: Server::new("Redis", directory, Farewell::Kill),
        };
        server.make_data_dir();
        for _ in 0..PORTS_TO_TRY {
            server.server.take_port();
            if server.come_up().await {
                return server;
            }
            if !server.has_lost_its_port() {
                break;
            }
        }
        panic!("Redis ended instead of listening:\n{}", server.logs());
    }

    /// `redis://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_through(self.port())
    }

    /// The same through another port of this machine: that of a [`TcpRelay`](crate::TcpRelay).
    #[must_use]
    pub fn url_through(&self, port: u16) -> String {
        match &self.password {
            Some(password) => format!("redis://:{password}@127.0.0.1:{port}"),
            None => format!("redis://127.0.0.1:{port}"),
        }
    }

    /// Sends the server a command and returns its answer: the elements of a list on separate lines, an empty text for
    /// nil.
    ///
    /// # Panics
    /// If the server refuses it or does not answer within a minute.
    pub async fn command(&self, command: &[&str]) -> String {
        match timeout(DEADLINE, self.attempt(command)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => panic!("Redis did not do {command:?}: {error}\n{}", self.logs()),
            Err(_) => panic!("no answer to {command:?} within {} s", DEADLINE.as_secs()),
        }
    }

    /// Sends the server a command that it may refuse, and waits as long as it takes.
    ///
    /// # Errors
    /// Those of the connection; [`io::ErrorKind::Other`] with the server's message if it refuses.
    pub async fn attempt(&self, command: &[&str]) -> io::Result<String> {
        self.connection().await?.ask(command).await
    }

    /// Deletes everything (`FLUSHALL`).
    pub async fn flush_all(&self) {
        self.command(&["FLUSHALL", "SYNC"]).await;
    }

    /// Starts the server again after [`kill_9`](Server::kill_9), with the data on its disk: none, unless it was started
    /// with `--appendonly yes` or got a `SAVE`.
    ///
    /// # Panics
    /// If it does not come up.
    pub async fn start_again(&self) {
        assert!(self.daemon().is_none(), "this Redis runs already");
        assert!(self.come_up().await, "Redis did not come up again:\n{}", self.logs());
    }

    /// Kills the server and starts it empty, without the data on its disk.
    ///
    /// # Panics
    /// If it does not come up.
    pub async fn restart_empty(&self) {
        self.kill_9();
        self.make_data_dir();
        self.start_again().await;
    }

    /// Restarts the server cleanly: it saves, ends, and starts with all its data under a new `run_id`.
    ///
    /// # Panics
    /// If it does not come up.
    pub async fn restart_keeping_data(&self) {
        self.command(&["SAVE"]).await;
        self.kill_9();
        self.start_again().await;
    }

    /// A copy of its current data.
    ///
    /// # Panics
    /// If the server cannot save.
    pub async fn save_snapshot(&self) -> RedisSnapshot {
        self.command(&["SAVE"]).await;
        let dump = self.data_dir().join("dump.rdb");
        RedisSnapshot(fs::read(&dump).unwrap_or_else(|e| panic!("no snapshot in {}: {e}", dump.display())))
    }

    /// Kills the server and starts it with the data of the snapshot, like a restore from a backup.
    ///
    /// # Panics
    /// If it does not come up, or was started with `--appendonly yes`: it would not read a snapshot.
    pub async fn restart_from(&self, snapshot: &RedisSnapshot) {
        let append_only = self.command(&["CONFIG", "GET", "appendonly"]).await;
        assert!(append_only.ends_with("no"), "an append-only Redis reads no snapshot");
        self.kill_9();
        self.make_data_dir();
        fs::write(self.data_dir().join("dump.rdb"), &snapshot.0)
            .unwrap_or_else(|e| panic!("the snapshot cannot be laid out: {e}"));
        self.start_again().await;
    }

    /// One field of `INFO`, such as `run_id`.
    ///
    /// # Panics
    /// If there is no such field.
    pub async fn info(&self, field: &str) -> String {
        let info = self.command(&["INFO", "everything"]).await;
        info_field(&info, field).unwrap_or_else(|| panic!("no {field} in INFO"))
    }

    /// How often each command was called since the start or `CONFIG RESETSTAT`, those within scripts too, in lower
    /// case. `info` is left out, because this function uses it. Round trips are counted by
    /// [`TcpRelay::round_trips`](crate::TcpRelay::round_trips).
    pub async fn commands_processed(&self) -> BTreeMap<String, u64> {
        let info = self.command(&["INFO", "commandstats"]).await;
        let count = |line: &str| {
            let (command, numbers) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
            Some((command.to_owned(), numbers.split(',').next()?.parse().ok()?))
        };
        let mut counts: BTreeMap<_, _> = info.lines().filter_map(count).collect();
        counts.remove("info");
        counts
    }

    /// Starts the server on its port, and returns whether it listens there; otherwise it has ended.
    async fn come_up(&self) -> bool {
        let mut command = Command::new(&self.executable);
        command
            // A file of its own: a sentinel and a cluster's node store what they learn.
            .arg(self.config_file())
            .args(["--port", &self.port().to_string(), "--bind", "127.0.0.1"])
            .arg("--dir")
            .arg(self.data_dir())
            .args(["--save", "", "--appendonly", "no"])
            .args(&self.arguments);
        let is_ready = async |id: u32| {
            let info = self.attempt(&["INFO", "everything"]).await.unwrap_or_default();
            let is = |field, value: &str| info_field(&info, field).is_none_or(|found| found == value);
            !info.is_empty() && is("process_id", &id.to_string()) && is("loading", "0")
        };
        self.server.come_up(command, is_ready).await
    }

    async fn connection(&self) -> io::Result<Resp> {
        let mut connection = Resp::connect(self.port()).await?;
        if let Some(password) = &self.password {
            connection.ask(&["AUTH", password]).await?;
        }
        Ok(connection)
    }

    /// Makes an empty directory, without its earlier contents.
    fn make_data_dir(&self) {
        let directory = self.data_dir();
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir(&directory)
            .and_then(|()| fs::write(self.config_file(), ""))
            .unwrap_or_else(|e| panic!("{} cannot be made: {e}", directory.display()));
    }

    fn config_file(&self) -> PathBuf {
        self.directory().join("redis.conf")
    }
}

fn info_field(info: &str, field: &str) -> Option<String> {
    info.lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))
        .map(|value| value.trim_end().to_owned())
}
