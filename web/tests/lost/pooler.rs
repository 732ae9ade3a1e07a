//! PgBouncer between the program and Postgres.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::unix::fs::{PermissionsExt, chown},
    path::Path,
    time::Duration,
};

use rescind_testkit::{PostgresServer, Tool, needs};
use tempfile::TempDir;
use tokio::{
    process::{Child, Command},
    time::{sleep, timeout},
};

use crate::{logged_out, program, refused, start};

/// A PgBouncer on a free port, in front of every database of a server, with its defaults but for its mode.
struct PgBouncer {
    port: u16,
    _process: Child,
    _directory: TempDir,
}

impl PgBouncer {
    async fn to(postgres: &PostgresServer, binary: &Path, pool_mode: &str) -> Self {
        let directory = TempDir::with_prefix("rescind-pgbouncer-").unwrap();
        let (users, file) = (directory.path().join("users"), directory.path().join("pgbouncer.ini"));
        fs::write(&users, "\"rescind\" \"\"\n").unwrap();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let settings = format!(
            "[databases]\n* = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = trust\nauth_file = {}\npool_mode = {pool_mode}\n",
            postgres.port(),
            users.display()
        );
        fs::write(&file, settings).unwrap();
        let mut command = Command::new(binary);
        command.arg(&file).current_dir(directory.path()).kill_on_drop(true);
        if rustix::process::getuid().is_root() {
            // It refuses to run as root.
            const NOBODY: u32 = 65_534;
            command.uid(NOBODY).gid(NOBODY);
            fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o700)).unwrap();
            chown(directory.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let process = command.spawn().unwrap();
        let listens = async {
            while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(Duration::from_secs(60), listens).await.unwrap();
        Self {
            port,
            _process: process,
            _directory: directory,
        }
    }
}

#[tokio::test]
async fn a_pooler_that_changes_sessions_is_refused_by_name_and_keeps_no_lock() {
    let (Some(_), Some(binary)) = (needs(Tool::Postgres), needs(Tool::PgBouncer)) else {
        return;
    };
    let postgres = PostgresServer::start().await;
    for mode in ["transaction", "statement", "session"] {
        let pooler = PgBouncer::to(&postgres, &binary, mode).await;
        let url = postgres.fresh_database().await;
        let pooled = url.replace(&postgres.port().to_string(), &pooler.port.to_string());
        let up = program().env("DATABASE_URL", &url).arg("migrate").arg("up");
        let up = up.run_to_exit().await.unwrap();
        assert!(up.status.success(), "after {mode}: {}", up.stderr);
        if mode == "session" {
            // The lock only needs that a connection keeps its session.
            logged_out(&start(program().env("DATABASE_URL", &pooled)).await).await;
            continue;
        }
        for _ in 0..2 {
            let said = refused(program().env("DATABASE_URL", &pooled)).await.stderr;
            assert!(said.contains("DATABASE_URL") && said.contains("PgBouncer"), "{said}");
        }
        // No lock was left.
        let running = start(program().env("DATABASE_URL", &url)).await;
        running.terminate().await.unwrap();
    }
}
