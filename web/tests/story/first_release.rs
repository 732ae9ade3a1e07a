//! Databases that the first release wrote: tables without a prefix, user ids that are UUIDs, tokens without `auth_time`.
//!
//! After `rescind migrate up` its open sessions go on, and what was logged out stays refused. Its tokens live for ten
//! years, because nothing can sign new ones for it.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use rescind_testkit::{ApiClient, PostgresServer, Program, Tool, needs};
use secrecy::SecretString;
use serde_json::Value;

use crate::stage::program;

fn fixtures(database: &str) -> PathBuf {
    let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/story/first_release");
    tests.join(database)
}

/// The program with the keys of that database, and the settings that wrote it.
fn with_keys_of(database: &str, public_url: &str) -> Program {
    let program = ["RESCIND_REFRESH_TTL", "RESCIND_ACCESS_TTL"]
        .iter()
        .fold(program(), |program, setting| program.env(setting, "3640d"))
        .env("RESCIND_SESSION_MAX", "3650d")
        .env("RESCIND_DEMO", "public")
        .env("RESCIND_PUBLIC_URL", public_url);
    let keys = program.data_dir().join("keys");
    fs::create_dir_all(&keys).unwrap();
    for name in ["access-0001.pem", "refresh-0001.key", "high-water.json"] {
        let kept = keys.join(name);
        fs::copy(fixtures(database).join(name), &kept).unwrap();
        fs::set_permissions(&kept, fs::Permissions::from_mode(0o600)).unwrap();
    }
    for directory in [keys, program.data_dir()] {
        fs::set_permissions(directory, fs::Permissions::from_mode(0o700)).unwrap();
    }
    program
}

async fn assert_refused(api: &ApiClient, tokens: &Value) {
    let token = |name: &str| SecretString::from(tokens[name].as_str().unwrap());
    api.me(&token("access_token"))
        .await
        .expect_problem(401, "token_revoked");
    let refused = api.refresh(&token("refresh_token")).await;
    refused.expect_problem(401, "session_closed");
}

async fn assert_sessions_go_on_and_ended_ones_stay_ended(database: &str, program: Program, url: Option<&str>) {
    let mut migrate = self::program().env("RESCIND_DATA_DIR", program.data_dir());
    if let Some(url) = url {
        migrate = migrate.env("DATABASE_URL", url);
    }
    let moved = migrate.arg("migrate").arg("up").run_to_exit().await.unwrap();
    assert!(moved.status.success(), "{}", moved.stderr);
    let running = program.start().await.unwrap();
    running.ready().await.unwrap();
    let api = running.api_client();
    let tokens = fs::read(fixtures(database).join("tokens.json")).unwrap();
    let tokens: Value = serde_json::from_slice(&tokens).unwrap();
    for name in ["live", "rotated"] {
        let old = &tokens[name];
        let access = SecretString::from(old["access_token"].as_str().unwrap());
        let me = api.me(&access).await.expect_status(200);
        assert_eq!(me.body["session_id"], old["session_id"], "{name}");
        let refresh = SecretString::from(old["refresh_token"].as_str().unwrap());
        let renewed = api.refresh(&refresh).await.expect_status(200).tokens();
        api.me(renewed.access()).await.expect_status(200);
        api.log_out(renewed.access()).await.expect_status(204);
        assert_refused(&api, old).await;
    }
    for name in ["ended", "ended_everywhere"] {
        assert_refused(&api, &tokens[name]).await;
    }
}

#[tokio::test]
async fn a_sqlite_file_of_the_first_release_keeps_its_sessions_and_revocations() {
    let program = with_keys_of("sqlite", "http://127.0.0.1:18301");
    let file = program.data_dir().join("rescind.db");
    fs::copy(fixtures("sqlite").join("rescind.db"), &file).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    assert_sessions_go_on_and_ended_ones_stay_ended("sqlite", program, None).await;
}

#[tokio::test]
async fn a_postgres_of_the_first_release_keeps_its_sessions_and_revocations() {
    let Some(_) = needs(Tool::Postgres) else { return };
    let postgres = PostgresServer::shared().await;
    let url = postgres.fresh_database().await;
    let dump = fs::read_to_string(fixtures("postgres").join("dump.sql")).unwrap();
    postgres.sql_in(&url, &dump).await;
    let program = with_keys_of("postgres", "http://127.0.0.1:18302").env("DATABASE_URL", &url);
    assert_sessions_go_on_and_ended_ones_stay_ended("postgres", program, Some(&url)).await;
}
