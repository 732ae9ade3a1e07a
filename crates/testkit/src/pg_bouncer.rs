//! A private PgBouncer in front of a private Postgres.

use std::net::{Ipv4Addr, TcpStream};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use crate::daemon::{Daemon, Farewell};
use crate::port::free_port;
use crate::postgres_server::{as_owner, give_away};
use crate::{PostgresServer, Tool};

const DEADLINE: Duration = Duration::from_secs(60);

/// A PgBouncer on a free port of 127.0.0.1. Dropping it ends it.
#[derive(Debug)]
pub struct PgBouncer {
    port: u16,
    /// Dropped before the directory in which it works.
    _daemon: Daemon,
    _directory: TempDir,
}

impl PgBouncer {
    /// In front of every database of that server, with its defaults but for the `pool_mode`: `session`, `transaction` or
    /// `statement`. The test has asked [`needs`](crate::needs) before.
    ///
    /// # Panics
    /// If it does not come up.
    pub async fn to(postgres: &PostgresServer, pool_mode: &str) -> Self {
        let directory = TempDir::with_prefix("rescind-pgbouncer-").unwrap_or_else(|e| panic!("no directory: {e}"));
        let port = free_port();
        let (users, file) = (directory.path().join("users"), directory.path().join("pgbouncer.ini"));
        let settings = format!(
            "[databases]\n* = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = trust\nauth_file = {}\npool_mode = {pool_mode}\n",
            postgres.port(),
            users.display()
        );
        let written = std::fs::write(&file, settings)
            .and_then(|()| std::fs::write(&users, "\"rescind\" \"\"\n"))
            .and_then(|()| give_away(directory.path()));
        written.unwrap_or_else(|e| panic!("PgBouncer cannot be configured: {e}"));
        // Like Postgres it refuses to run as root.
        let mut command = as_owner(Command::new(Tool::PgBouncer.find().unwrap_or_default()));
        command.arg(&file).current_dir(directory.path());
        let log = directory.path().join("log");
        let mut daemon = Daemon::spawn(command, &log, directory.path(), Farewell::Kill)
            .unwrap_or_else(|e| panic!("PgBouncer cannot be run: {e}"));
        let up = async {
            while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
                assert!(
                    daemon.is_running().unwrap_or(false),
                    "PgBouncer ended instead of listening: {}",
                    std::fs::read_to_string(&log).unwrap_or_default()
                );
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(DEADLINE, up)
            .await
            .unwrap_or_else(|_| panic!("PgBouncer does not listen"));
        Self {
            port,
            _daemon: daemon,
            _directory: directory,
        }
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}
