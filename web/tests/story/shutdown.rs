//! Shutdown: running requests are answered first.

use std::time::Duration;

use rescind_testkit::Program;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{interval, timeout},
};

use crate::stage::{DEMO_PASSWORD, Stage};

/// A login that the program has begun to read and cannot answer yet: its body is missing.
async fn begin_login(address: &str, body: &str) -> TcpStream {
    let mut connection = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /api/login HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Expect: 100-continue\r\nConnection: close\r\n\r\n",
        body.len()
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 25];
    connection.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100 Continue\r\n\r\n");
    connection
}

/// Waits until new connections are refused.
async fn until_closed(address: &str) {
    let mut again = interval(Duration::from_millis(20));
    while TcpStream::connect(address).await.is_ok() {
        again.tick().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_sigterm_running_requests_are_answered_and_the_exit_status_is_0() {
    let stage = Stage::open().await;
    let address = stage.running.base_url().trim_start_matches("http://").to_owned();
    let body = json!({"username": "alice", "password": DEMO_PASSWORD}).to_string();
    let mut begun = Vec::new();
    for _ in 0..3 {
        begun.push(begin_login(&address, &body).await);
    }

    let finish = async {
        timeout(Duration::from_secs(10), until_closed(&address))
            .await
            .expect("it still lets people in");
        let mut answers = Vec::new();
        for mut connection in begun {
            connection.write_all(body.as_bytes()).await.unwrap();
            let mut answer = String::new();
            connection.read_to_string(&mut answer).await.unwrap();
            answers.push(answer);
        }
        answers
    };
    let (ended, answers) = tokio::join!(stage.running.terminate(), finish);
    let ended = ended.unwrap();
    for answer in answers {
        // Not the answer itself: it holds tokens.
        let status = answer.lines().next().unwrap_or("none at all");
        assert!(
            status.starts_with("HTTP/1.1 200") && answer.contains("access_token"),
            "{status}"
        );
    }
    assert!(ended.status.success(), "{}\n{}", ended.status, ended.stderr);
}

#[tokio::test]
async fn an_idle_program_ends_at_once_with_one_line_on_standard_output() {
    let stage = Stage::open().await;
    stage.log_in().await;
    // Less than the ten seconds that running requests would get: an idle connection is none.
    let ended = timeout(Duration::from_secs(8), stage.running.terminate())
        .await
        .expect("it waits for nobody")
        .unwrap();
    assert!(ended.status.success(), "{}", ended.status);
    assert_eq!(ended.stdout.lines().count(), 1, "{}", ended.stdout);
}

/// A closed terminal sends SIGHUP.
#[tokio::test]
async fn sighup_ends_the_program_like_sigterm() {
    let stage = Stage::open().await;
    send(&stage, Signal::HUP);
    let ended = timeout(Duration::from_secs(8), stage.running.ended())
        .await
        .unwrap()
        .unwrap();
    assert!(ended.status.success(), "{}", ended.status);
    assert!(ended.stderr.contains("all requests were answered"), "{}", ended.stderr);
}

#[tokio::test]
async fn under_nohup_sighup_stays_ignored() {
    let nohup = Program::new("nohup").arg(env!("CARGO_BIN_EXE_rescind"));
    let stage = Stage::with(nohup.env("RESCIND_LOGIN_LIMIT", "off")).await;
    send(&stage, Signal::HUP);
    stage.log_in().await;
    let ended = stage.running.terminate().await.unwrap();
    assert!(ended.status.success(), "{}", ended.status);
}

fn send(stage: &Stage, signal: Signal) {
    let id = stage.running.process_id().and_then(|id| i32::try_from(id).ok());
    kill_process(id.and_then(Pid::from_raw).unwrap(), signal).unwrap();
}
