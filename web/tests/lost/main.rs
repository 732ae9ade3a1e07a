//! The database is lost, replaced, or older than the node's answers: the real program notices.
//!
//! A logged-out token must stay refused, whatever happens to the program's files: [`older`] copies that return, a
//! [`file`](file) that disappears under the running program, a backup after a clean [`stop`], a second name of one file, files
//! that others can [write](private), a [`pooler`] in front of Postgres.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers included")]

mod file;
mod older;
mod pooler;
mod private;
mod stop;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use rescind_testkit::{ApiClient, Ended, Program, Running, Tokens};

const ALICE: (&str, &str) = ("alice", "correct horse battery staple");
const MARK: &str = "high-water.json";

/// The program with a store timeout for a busy machine, one issuer for all nodes, and tokens that do not expire during a test.
fn program() -> Program {
    run_by(env!("CARGO_BIN_EXE_rescind"))
}

/// The same, started by another executable.
fn run_by(executable: &str) -> Program {
    Program::new(executable)
        .env("RESCIND_STORE_TIMEOUT", "10s")
        .env("RESCIND_PUBLIC_URL", "http://rescind.test")
        .env("RESCIND_DEMO", "public")
        .env("RESCIND_ACCESS_TTL", "1h")
        .env("RESCIND_LOGIN_LIMIT", "off")
}

/// The program in its own mount namespace, after these commands; `None` if this machine does not permit it.
fn mounted(commands: &str) -> Option<Program> {
    for way in [&["-m"][..], &["-Urm"]] {
        let permitted = Command::new("unshare").args(way).arg("true").output();
        if permitted.is_ok_and(|output| output.status.success()) {
            let script = format!("{commands} && exec {}", env!("CARGO_BIN_EXE_rescind"));
            let program = run_by("unshare").arg(way[0]).arg("sh").arg("-c").arg(script);
            return Some(program);
        }
    }
    eprintln!("LEFT OUT: mounting is not permitted here");
    None
}

async fn start(program: Program) -> Running {
    let running = program.start().await.unwrap();
    running.ready().await.unwrap();
    running
}

/// The program does not start.
async fn refused(program: Program) -> Ended {
    let ended = program.run_to_exit().await.unwrap();
    assert!(!ended.status.success(), "{}", ended.stderr);
    ended
}

/// Runs a command on the data of another program.
async fn command(data: &Path, words: &[&str]) -> Ended {
    let program = program().env("RESCIND_DATA_DIR", data);
    let program = words.iter().fold(program, |program, word| program.arg(word));
    program.run_to_exit().await.unwrap()
}

async fn log_in(client: &ApiClient) -> Tokens {
    client.log_in(ALICE.0, ALICE.1).await.expect_status(200).tokens()
}

/// Logs in and out again; returns the revoked tokens.
async fn logged_out(running: &Running) -> Tokens {
    let client = running.api_client();
    let tokens = log_in(&client).await;
    client.log_out(tokens.access()).await.expect_status(204);
    tokens
}

/// A program that was stopped with an account, a session, and its schema in the database's file.
async fn settled() -> (Program, Tokens) {
    let running = start(program()).await;
    let kept = log_in(&running.api_client()).await;
    logged_out(&running).await;
    (running.terminate().await.unwrap().program, kept)
}

fn remove(data: &Path, names: &[&str]) {
    for name in names {
        let _ = fs::remove_file(data.join(name));
    }
}

fn database(data: &Path) -> PathBuf {
    data.join("rescind.db")
}
