//! `rescind users` beside running nodes: what the command answered counts at the next request of every node, and what it could
//! not finish is finished by a repeat.

use std::process::Stdio;

use rescind_testkit::{RedisServer, Tokens};
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

use crate::{
    cluster::{Database, Node, Plan, has_stores},
    turns::turn,
};

const PASSWORD: &str = "long enough for anybody";

async fn sign_up(node: &Node, name: &str) -> [Tokens; 2] {
    let body = json!({ "username": name, "password": PASSWORD });
    node.api.post("/api/users", None, Some(&body)).await.expect_status(201);
    let log_in = async || node.api.log_in(name, PASSWORD).await.tokens();
    [log_in().await, log_in().await]
}

async fn run(plan: &Plan, words: &[&str]) {
    let program = words.iter().fold(plan.program(), |program, word| program.arg(word));
    let ended = program.run_to_exit().await.unwrap();
    assert!(ended.status.success(), "{}", ended.stderr);
}

/// Kills the command after the user is written and before the sessions are ended.
async fn kill_between(plan: &Plan, words: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rescind"));
    command
        .args(words)
        .envs(plan.environment())
        .env("FAILPOINTS", "between-user-and-sessions=return")
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut process = command.spawn().unwrap();
    let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
    loop {
        let line = lines.next_line().await.unwrap();
        assert!(line.is_some(), "the command ended before it reached the failpoint");
        let line = line.unwrap();
        if line.contains("the failpoint between-user-and-sessions was reached") {
            break;
        }
    }
    process.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_a_command_removed_is_refused_by_every_running_node() {
    if !has_stores() {
        return;
    }
    let _turn = turn().await;
    let redis = RedisServer::start().await;
    for policy in ["blacklist", "stored"] {
        let plan = Plan::on(&Database::on_shared_postgres().await)
            .with_redis(&redis.url())
            .env("RESCIND_REDIS_NAMESPACE", policy)
            .env("RESCIND_GRACE", "")
            .env("RESCIND_POLICY", policy);
        let nodes: [Node; 2] = plan.start().await;
        let staying = sign_up(&nodes[0], "dave").await;
        for (name, words) in [
            ("carol", &["users", "disable", "carol"][..]),
            ("erin", &["users", "delete", "erin", "--yes"]),
        ] {
            let leaving = sign_up(&nodes[0], name).await;
            run(&plan, words).await;
            for node in &nodes {
                for tokens in &leaving {
                    node.api.me(tokens.access()).await.expect_problem(401, "token_revoked");
                }
                let refused = node.api.log_in(name, PASSWORD).await;
                refused.expect_problem(401, "invalid_credentials");
            }
        }
        for tokens in &staying {
            nodes[1].assert_alive(tokens).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_killed_between_its_steps_is_finished_by_a_repeat() {
    if !has_stores() {
        return;
    }
    let _turn = turn().await;
    let redis = RedisServer::start().await;
    let plan = Plan::on(&Database::on_shared_postgres().await).with_redis(&redis.url());
    let [node] = plan.start().await;
    for (name, words) in [
        ("carol", &["users", "disable", "carol"][..]),
        ("erin", &["users", "delete", "erin", "--yes"]),
    ] {
        let leaving = sign_up(&node, name).await;
        kill_between(&plan, words).await;
        // The account is already disabled.
        let refused = node.api.log_in(name, PASSWORD).await;
        refused.expect_problem(401, "invalid_credentials");
        run(&plan, words).await;
        for tokens in &leaving {
            node.api.me(tokens.access()).await.expect_problem(401, "token_revoked");
            node.api
                .refresh(tokens.refresh())
                .await
                .expect_problem(401, "session_closed");
        }
    }
}
