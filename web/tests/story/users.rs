//! Accounts that an administrator lists, disables, enables and deletes with a command.

use rescind_testkit::{Ended, Tokens};

use crate::stage::{Stage, program};

const PASSWORD: &str = "long enough for anybody";

/// Stops the node, runs the command, and starts the node again.
async fn command(stage: Stage, words: &[&str]) -> (Stage, Ended) {
    let stopped = stage.running.kill_9().await;
    let here = program().env("RESCIND_DATA_DIR", stopped.data_dir());
    let here = words.iter().fold(here, |program, word| program.arg(word));
    let ended = here.run_to_exit().await.unwrap();
    (Stage::with(stopped).await, ended)
}

async fn sign_up(stage: &Stage, name: &str) -> Tokens {
    let body = serde_json::json!({ "username": name, "password": PASSWORD });
    stage.api.post("/api/users", None, Some(&body)).await.expect_status(201);
    stage.api.log_in(name, PASSWORD).await.tokens()
}

#[tokio::test]
async fn accounts_are_listed_disabled_enabled_and_deleted_by_a_command() {
    let stage = Stage::open().await;
    let (carol, dave) = (sign_up(&stage, "carol").await, sign_up(&stage, "dave").await);

    let (stage, done) = command(stage, &["users", "disable", "Carol"]).await;
    assert!(
        done.stdout.contains("carol is disabled"),
        "{}{}",
        done.stdout,
        done.stderr
    );
    stage.assert_dead(&carol).await;
    stage.assert_alive(&dave).await;
    let refused = stage.api.log_in("carol", PASSWORD).await;
    refused.expect_problem(401, "invalid_credentials");

    let (stage, listed) = command(stage, &["users", "list"]).await;
    let lines: Vec<Vec<_>> = listed
        .stdout
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    let of = |name: &str| lines.iter().find(|line| line.last() == Some(&name)).map(|line| line[0]);
    assert_eq!(
        (of("alice"), of("carol"), of("dave")),
        (Some("public"), Some("disabled"), Some("enabled"))
    );
    assert_eq!(lines.len(), 4, "{}", listed.stdout);

    let (stage, _) = command(stage, &["users", "enable", "carol"]).await;
    stage.api.log_in("carol", PASSWORD).await.expect_status(200);
    stage.assert_dead(&carol).await;

    let (stage, done) = command(stage, &["users", "delete", "carol", "--yes"]).await;
    assert!(
        done.stdout.contains("carol is deleted"),
        "{}{}",
        done.stdout,
        done.stderr
    );
    stage.assert_dead(&carol).await;
    stage.assert_alive(&dave).await;
    sign_up(&stage, "carol").await;

    let (_, refused) = command(stage, &["users", "disable", "nobody"]).await;
    assert!(
        !refused.status.success() && refused.stderr.contains("no account"),
        "{}",
        refused.stderr
    );
}

#[tokio::test]
async fn beside_a_node_without_redis_accounts_are_listed_and_not_changed() {
    let stage = Stage::open().await;
    let carol = sign_up(&stage, "carol").await;
    let run = async |words: &[&str]| {
        let beside = program().env("RESCIND_DATA_DIR", stage.running.data_dir());
        let beside = words.iter().fold(beside, |program, word| program.arg(word));
        beside.run_to_exit().await.unwrap()
    };
    let listed = run(&["users", "list"]).await;
    assert!(
        listed.status.success() && listed.stdout.contains("carol"),
        "{}",
        listed.stderr
    );
    let refused = run(&["users", "disable", "carol"]).await;
    assert!(
        !refused.status.success() && refused.stderr.contains("Stop it first"),
        "{}",
        refused.stderr
    );
    stage.assert_alive(&carol).await;
}
