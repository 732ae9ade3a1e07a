//! Two nodes of the shop, with a real Redis: login, a role, refresh, logout, and the other node refuses.
//!
//! The shop is built in a folder outside this repository, as its owner builds it: alone, with the features that it asks for.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::{env, fs, process::Command};

use rescind_testkit::{ApiClient, Program, RedisServer, Reply, Tokens, Tool, needs};
use serde_json::json;
use sqlx::SqlitePool;

const PASSWORD: &str = "correct horse battery staple";
/// Of that password.
const BCRYPT: &str = "$2b$05$abcdefghijklmnopqrstuuFiPhXf1sVd3pCCRO.uVh34H/qI/ZsuS";

/// Builds the shop in `folder`; its program.
fn built_in(folder: &Path) -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let crates = fs::canonicalize(here.join("../../../crates")).unwrap();
    let versions = fs::read_to_string(here.join("../Cargo.toml")).unwrap();
    let (_, versions) = versions.split_once("resolver").unwrap();
    let versions = versions.replace("../../crates", crates.to_str().unwrap());
    let manifest = fs::read_to_string(here.join("Cargo.toml")).unwrap();
    let (manifest, _) = manifest.split_once("[dev-dependencies]").unwrap();
    let manifest = manifest.replace("existing-app", "shop");
    fs::create_dir(folder.join("src")).unwrap();
    fs::write(
        folder.join("Cargo.toml"),
        format!("{manifest}[workspace]\nresolver{versions}"),
    )
    .unwrap();
    fs::copy(here.join("../Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    for source in fs::read_dir(here.join("src")).unwrap() {
        let source = source.unwrap();
        fs::copy(source.path(), folder.join("src").join(source.file_name())).unwrap();
    }

    // Beside what the repository builds, so that what both need is built once.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let mut build = Command::new(env::var("CARGO").unwrap());
    build.args(["build", "--offline", "--target-dir"]).arg(target);
    assert!(build.current_dir(folder).status().unwrap().success());
    target.join("debug").join("shop")
}

async fn log_in(node: &ApiClient, email: &str, password: &str) -> Reply {
    let body = json!({"username": email, "password": password});
    node.post("/auth/login", None, Some(&body)).await
}

async fn statuses(node: &ApiClient, tokens: &Tokens) -> [u16; 3] {
    let mut statuses = [0; 3];
    for (status, path) in statuses.iter_mut().zip(["/orders", "/prices", "/admin/stock"]) {
        *status = node.get(path, Some(tokens.access())).await.status;
    }
    statuses
}

#[tokio::test]
async fn members_log_in_with_their_bcrypt_hashes_and_a_logout_holds_on_every_node() {
    let Some(_) = needs(Tool::Redis) else { return };
    let redis = RedisServer::start().await;
    let outside = tempfile::tempdir().unwrap();
    let program = Program::new(built_in(outside.path()));
    let table = format!("sqlite:{}?mode=rwc", program.data_dir().join("shop.db").display());
    let program = program
        .env("SHOP_MEMBERS", &table)
        .env("REDIS_URL", redis.url())
        .env("RESCIND_PUBLIC_URL", "http://shop.test")
        .env("RESCIND_STORE_TIMEOUT", "10s");
    let first = program.start().await.unwrap();
    first.ready().await.unwrap();
    let second = first.second_node().start().await.unwrap();
    second.ready().await.unwrap();
    let (one, other) = (first.api_client(), second.api_client());

    let members = SqlitePool::connect(&table).await.unwrap();
    for (id, email, role) in [(7, "o'brien@example.com", "buyer"), (8, "Ann@Example.com", "admin")] {
        let member = sqlx::query("INSERT INTO members (id, email, hash, role) VALUES (?, ?, ?, ?)");
        member
            .bind(id)
            .bind(email)
            .bind(BCRYPT)
            .bind(role)
            .execute(&members)
            .await
            .unwrap();
    }

    log_in(&one, "ann@example.com", "a wrong password")
        .await
        .expect_status(401);
    let buyer = log_in(&one, "O'Brien@Example.com", PASSWORD)
        .await
        .expect_status(200)
        .tokens();
    let admin = log_in(&one, "ann@example.com", PASSWORD)
        .await
        .expect_status(200)
        .tokens();
    for node in [&one, &other] {
        assert_eq!(statuses(node, &buyer).await, [200, 200, 403]);
        assert_eq!(statuses(node, &admin).await, [200, 200, 200]);
    }
    assert_eq!(
        one.get("/orders", Some(buyer.access())).await.text,
        "The orders of member 7."
    );

    // A changed role is in the next token.
    sqlx::query("UPDATE members SET role = 'buyer' WHERE id = 8")
        .execute(&members)
        .await
        .unwrap();
    let renew = json!({"refresh_token": refresh_token_of(&admin)});
    let renewed = other
        .post("/auth/refresh", None, Some(&renew))
        .await
        .expect_status(200)
        .tokens();
    assert_eq!(statuses(&other, &renewed).await, [200, 200, 403]);

    one.post("/auth/logout", Some(renewed.access()), None)
        .await
        .expect_status(204);
    for node in [&one, &other] {
        node.get("/orders", Some(renewed.access()))
            .await
            .expect_problem(401, "token_revoked");
        node.get("/orders", Some(admin.access()))
            .await
            .expect_problem(401, "token_revoked");
        assert_eq!(
            node.get("/prices", Some(renewed.access())).await.status,
            200,
            "verified only"
        );
        assert_eq!(statuses(node, &buyer).await, [200, 200, 403], "another member");
    }

    // A disabled member's sessions end at the next refresh.
    sqlx::query("UPDATE members SET disabled = TRUE WHERE id = 7")
        .execute(&members)
        .await
        .unwrap();
    log_in(&other, "o'brien@example.com", PASSWORD).await.expect_status(401);
    let renew = json!({"refresh_token": refresh_token_of(&buyer)});
    other
        .post("/auth/refresh", None, Some(&renew))
        .await
        .expect_problem(401, "session_closed");
    one.get("/orders", Some(buyer.access()))
        .await
        .expect_problem(401, "token_revoked");
}

fn refresh_token_of(tokens: &Tokens) -> &str {
    secrecy::ExposeSecret::expose_secret(tokens.refresh())
}

/// Lines of code: no comments, no blank lines.
fn lines(source: &str) -> impl Iterator<Item = &str> {
    let lines = source.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with("//"))
}

#[test]
fn the_shop_adds_at_most_60_lines_of_its_own() {
    let mut before: Vec<_> = lines(include_str!("../before/main.rs")).collect();
    let now = [include_str!("../src/main.rs"), include_str!("../src/login.rs")];
    let is_new = |line: &&str| match before.iter().position(|kept| kept == line) {
        Some(kept) => {
            before.remove(kept);
            false
        }
        None => true,
    };
    let added = now.into_iter().flat_map(lines).filter(is_new).count();
    println!("{added} lines");
    assert!((30..=60).contains(&added), "{added} lines");
}
