//! Keys that are older than their database: their tokens may have been revoked, and this database lacks the revocations. Each
//! start succeeds, no older token is accepted, and logins work after a few seconds.

use std::{fs, path::Path};

use rescind_testkit::{PostgresServer, Program, Tokens, Tool, needs};

use crate::{
    clock::{command, copy},
    stage::{Stage, program},
};

/// With an issuer that does not depend on the port, so that another program can accept its tokens by their contents.
fn fixed() -> Program {
    program().env("RESCIND_PUBLIC_URL", "http://127.0.0.1")
}

/// A program that was stopped after two logins, of which the first was ended.
async fn past(program: Program) -> (Program, [Tokens; 2]) {
    let stage = Stage::with(program).await;
    let (ended, open) = (stage.log_in().await, stage.log_in().await);
    stage.api.log_out(ended.access()).await.expect_status(204);
    (stage.running.terminate().await.unwrap().program, [ended, open])
}

/// Starts on an empty database.
async fn assert_no_token_is_revived(program: Program, old: &[Tokens]) -> Stage {
    let stage = Stage::with(program).await;
    assert!(
        stage.running.logs().contains("no node has used this database before"),
        "{}",
        stage.running.logs()
    );
    for tokens in old {
        // Not `/api/me`, which would be 401 because the account is gone.
        let refused = stage.api.get("/api/sessions", Some(tokens.access())).await;
        refused.expect_problem(401, "token_revoked");
        stage.api.me(tokens.access()).await.expect_problem(401, "token_revoked");
    }
    let new = stage.log_in().await;
    stage.assert_alive(&new).await;
    stage.api.sessions(new.access()).await.expect_status(200);
    let newer = stage.api.refresh(new.refresh()).await.expect_status(200).tokens();
    stage.assert_alive(&newer).await;
    stage
}

fn remove_database(data: &Path) {
    for name in ["rescind.db", "rescind.db-wal", "rescind.db-shm"] {
        let _ = fs::remove_file(data.join(name));
    }
}

#[tokio::test]
async fn a_deleted_database_brings_no_token_back() {
    let (stopped, old) = past(fixed()).await;
    remove_database(&stopped.data_dir());
    let stage = assert_no_token_is_revived(stopped, &old).await;
    // The floor is in the database, and holds after a restart, too.
    let stage = Stage::with(stage.running.kill_9().await).await;
    for tokens in &old {
        stage.api.me(tokens.access()).await.expect_problem(401, "token_revoked");
    }
}

#[tokio::test]
async fn an_empty_file_in_its_place_brings_no_token_back() {
    let (stopped, old) = past(fixed()).await;
    remove_database(&stopped.data_dir());
    fs::write(stopped.data_dir().join("rescind.db"), "").unwrap();
    assert_no_token_is_revived(stopped, &old).await;
}

#[tokio::test]
async fn the_floor_holds_under_every_policy() {
    for policy in ["stored", "client_delete", "short_lived", "rotation"] {
        let (stopped, old) = {
            let stage = Stage::with(fixed().env("RESCIND_POLICY", policy)).await;
            let old = stage.log_in().await;
            (stage.running.kill_9().await, old)
        };
        remove_database(&stopped.data_dir());
        let stage = Stage::with(stopped).await;
        let refused = stage.api.me(old.access()).await;
        refused.expect_problem(401, "token_revoked");
        stage.assert_alive(&stage.log_in().await).await;
    }
}

#[tokio::test]
async fn from_sqlite_to_postgres_with_the_same_keys_no_old_token_is_accepted() {
    let Some(_) = needs(Tool::Postgres) else { return };
    let (stopped, old) = past(fixed()).await;
    let url = PostgresServer::shared().await.fresh_database().await;
    let migrate = Program::new(env!("CARGO_BIN_EXE_rescind")).env("DATABASE_URL", &url);
    let migrated = migrate.arg("migrate").arg("up").run_to_exit().await.unwrap();
    assert!(migrated.status.success(), "{}", migrated.stderr);
    assert_no_token_is_revived(stopped.env("DATABASE_URL", &url), &old).await;
}

#[tokio::test]
async fn a_token_revoked_in_another_database_is_refused_in_the_first_too() {
    let (stopped, [_, open]) = past(fixed()).await;
    let (first, aside) = (
        stopped.data_dir().join("rescind.db"),
        stopped.data_dir().join("first.db"),
    );
    fs::rename(&first, &aside).unwrap();
    let stage = assert_no_token_is_revived(stopped, &[]).await;
    stage.api.log_out(open.access()).await.expect_status(204);
    let stopped = stage.running.terminate().await.unwrap().program;
    fs::rename(&aside, &first).unwrap();
    let stage = Stage::with(stopped).await;
    assert!(
        stage
            .running
            .logs()
            .contains("these keys were used with another database since"),
        "{}",
        stage.running.logs()
    );
    let refused = stage.api.get("/api/sessions", Some(open.access())).await;
    refused.expect_problem(401, "token_revoked");
    stage.assert_alive(&stage.log_in().await).await;
    // It is the newest now, so the next start does not warn.
    let stage = Stage::with(stage.running.terminate().await.unwrap().program).await;
    let said = stage
        .running
        .logs()
        .matches("these keys were used with another database since")
        .count();
    assert_eq!(said, 1, "{}", stage.running.logs());
}

/// The state after a crash between making the keys and claiming the database, too.
#[tokio::test]
async fn with_provided_keys_on_a_fresh_database_no_old_token_is_accepted() {
    let (stopped, old) = past(fixed()).await;
    let fresh = fixed();
    copy(&stopped.data_dir().join("keys"), &fresh.data_dir().join("keys"));
    assert_no_token_is_revived(fresh, &old).await;
}

#[tokio::test]
async fn with_keys_adopted_before_the_first_start_no_old_token_is_accepted() {
    let (stopped, old) = past(fixed()).await;
    remove_database(&stopped.data_dir());
    let adopted = command(&stopped.data_dir(), &["keys", "adopt"]).await;
    assert!(adopted.status.success(), "{}", adopted.stderr);
    let stage = Stage::with(stopped).await;
    for tokens in &old {
        stage.api.me(tokens.access()).await.expect_problem(401, "token_revoked");
    }
    stage.assert_alive(&stage.log_in().await).await;
}

#[tokio::test]
async fn a_first_start_does_not_wait() {
    let stage = Stage::with(fixed()).await;
    let before = tokio::time::Instant::now();
    stage.log_in().await;
    assert!(!stage.running.logs().contains("no node has used this database before"));
    // Far less than a floor would take; a login takes a password's hash.
    assert!(before.elapsed().as_secs() < 5, "{:?}", before.elapsed());
}

#[tokio::test]
async fn after_migrate_fresh_the_program_starts_and_old_tokens_are_refused() {
    let (stopped, old) = past(fixed()).await;
    let fresh = command(&stopped.data_dir(), &["migrate", "fresh", "--yes"]).await;
    assert!(fresh.status.success(), "{}", fresh.stderr);
    let stage = Stage::with(stopped).await;
    for tokens in &old {
        stage.api.me(tokens.access()).await.expect_problem(401, "token_invalid");
    }
    stage.assert_alive(&stage.log_in().await).await;
}

#[tokio::test]
async fn a_distant_issue_floor_is_503_and_names_the_remedy() {
    let Some(_) = needs(Tool::Faketime) else { return };
    let (stopped, old) = past(fixed()).await;
    remove_database(&stopped.data_dir());
    // The database is first used by a clock that is a year ahead.
    let stage = Stage::with(stopped.with_clock_offset("+365d")).await;
    let stopped = stage.running.terminate().await.unwrap().program;
    let stage = Stage::unready(stopped.with_clock_offset("+0")).await;
    let refused = stage.api.log_in("alice", crate::stage::DEMO_PASSWORD).await;
    assert_eq!(
        (refused.status, &refused.body["reason"]),
        (503, &"clock".into()),
        "{refused:?}"
    );
    let unready = stage.api.get("/health/ready", None).await;
    assert_eq!(
        (unready.status, &unready.body["reason"]),
        (503, &"clock".into()),
        "{unready:?}"
    );
    for tokens in &old {
        stage.api.me(tokens.access()).await.expect_problem(401, "token_revoked");
    }
    crate::stage::until(async || stage.running.logs().contains("run `rescind restored`")).await;
    let lines = stage.running.logs().matches("`rescind restored`").count();
    assert_eq!(lines, 1, "{}", stage.running.logs());

    let stopped = stage.running.terminate().await.unwrap().program;
    let restored = command(&stopped.data_dir(), &["restored", "--yes"]).await;
    assert!(restored.status.success(), "{}", restored.stderr);
    let stage = Stage::with(stopped).await;
    stage.assert_alive(&stage.log_in().await).await;
    for tokens in &old {
        assert_eq!(stage.api.me(tokens.access()).await.status, 401);
    }
}
