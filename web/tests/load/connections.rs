//! Connections that are slow on purpose.

use std::time::Duration;

use rescind_testkit::{Program, Running};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};

use crate::crowd::{DEMO_PASSWORD, allow_files, open};

/// The head of a login, and the first byte of its body.
pub(crate) const SLOW_BODY: &str =
    "POST /api/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{";

async fn connect(running: &Running) -> TcpStream {
    let address = running.base_url().trim_start_matches("http://");
    TcpStream::connect(address).await.unwrap()
}

/// The program's output until it closes the connection.
async fn last_words(mut connection: TcpStream, within: Duration) -> String {
    let mut said = Vec::new();
    // A reset is an end too.
    let _ = timeout(within, connection.read_to_end(&mut said))
        .await
        .unwrap_or_else(|_| panic!("still open after {within:?}: {}", String::from_utf8_lossy(&said)));
    String::from_utf8_lossy(&said).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_bodies_are_ended_and_block_no_other_client() {
    allow_files(4_000);
    let shell = format!("ulimit -Sn 1024; exec {}", env!("CARGO_BIN_EXE_rescind"));
    let running = open(
        Program::new("/bin/sh")
            .arg("-c")
            .arg(shell)
            .env("RESCIND_STORE_TIMEOUT", "20s"),
    )
    .await;
    let mut slow = Vec::new();
    for _ in 0..1_100 {
        let mut connection = connect(&running).await;
        connection.write_all(SLOW_BODY.as_bytes()).await.unwrap();
        slow.push(connection);
    }
    let honest = async {
        let api = running.api_client();
        let tokens = api.log_in("alice", DEMO_PASSWORD).await.tokens();
        api.log_out(tokens.access()).await.expect_status(204);
    };
    timeout(Duration::from_secs(8), honest)
        .await
        .expect("slow bodies block a login and a logout");
    for connection in slow {
        let said = last_words(connection, Duration::from_secs(20)).await;
        assert!(
            said.starts_with("HTTP/1.1 408") && said.contains("request_timeout"),
            "{said}"
        );
    }
}

#[tokio::test]
async fn a_head_that_never_ends_is_ended() {
    let running = open(crate::crowd::program()).await;
    let sent = [
        ("GET /api/me HTTP/1.1\r\nHost: x\r\n", 8, "408"),
        ("GET /api/me HTTP/1.1\r\nHost: x\r\n\r\nGET /", 40, "401"),
        (
            "GET /api/me HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n",
            40,
            "401",
        ),
    ];
    let ended = sent.map(async |(bytes, within, status)| {
        let mut connection = connect(&running).await;
        connection.write_all(bytes.as_bytes()).await.unwrap();
        let said = last_words(connection, Duration::from_secs(within)).await;
        assert!(said.starts_with(&format!("HTTP/1.1 {status}")), "{bytes:?}: {said}");
    });
    futures::future::join_all(ended).await;
}

#[tokio::test]
async fn connections_beyond_the_bound_wait_for_a_place() {
    let running = open(crate::crowd::program().env("RESCIND_MAX_CONNECTIONS", "20")).await;
    let mut idle = Vec::new();
    for _ in 0..30 {
        idle.push(connect(&running).await);
    }
    // Served when the first of the idle ones have been closed.
    let asked = Instant::now();
    running.api_client().get("/api/me", None).await.expect_status(401);
    assert!(asked.elapsed() > Duration::from_secs(2), "{:?}", asked.elapsed());
}

#[tokio::test]
async fn more_connections_than_files_are_refused_by_name() {
    let program = crate::crowd::program().env("RESCIND_MAX_CONNECTIONS", "100000000");
    let ended = program.run_to_exit().await.unwrap();
    assert_eq!(ended.status.code(), Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("RESCIND_MAX_CONNECTIONS"), "{}", ended.stderr);
}
