//! `GET /oauth/status/{n}`: who gets which list.

use std::time::Duration;

use actix_web::http::{Method, header};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use miniz_oxide::inflate::decompress_to_vec_zlib;
use rescind_session::token::TokenParts;

use crate::{
    faulty::Fault,
    world::{Make, Reply, Tokens, World, call},
};

const BASE: &str = "https://rescind.example";

pub(crate) fn make() -> Make {
    Make {
        config: |config| config.status_list(Some(format!("{BASE}/oauth/status"))),
        ..Make::default()
    }
}

/// Whether the token's bit is set in a list.
fn is_set(reply: &Reply, tokens: &Tokens) -> bool {
    let list = TokenParts::split_without_verifying(&reply.body).unwrap().claims;
    let list = list["status_list"]["lst"].as_str().unwrap();
    let bits = decompress_to_vec_zlib(&BASE64_URL_SAFE_NO_PAD.decode(list).unwrap()).unwrap();
    let claims = TokenParts::split_without_verifying(&tokens.access).unwrap().claims;
    let place = usize::try_from(claims["status"]["status_list"]["idx"].as_u64().unwrap()).unwrap();
    bits[place / 8] >> (place % 8) & 1 == 1
}

/// The path of the list that a token names.
pub(crate) fn path(tokens: &Tokens) -> String {
    let claims = TokenParts::split_without_verifying(&tokens.access).unwrap().claims;
    let uri = claims["status"]["status_list"]["uri"].as_str().unwrap();
    uri.strip_prefix(BASE).unwrap().to_owned()
}

async fn fetch(world: &World, path: &str) -> Reply {
    world.send(call(Method::GET, path)).await
}

#[tokio::test]
async fn a_list_is_served_as_a_signed_token_that_caches_may_keep_for_seconds() {
    let world = make().world().await;
    let path = path(&world.login().await);
    let reply = fetch(&world, &path).await;
    reply.is(200);
    assert_eq!(reply.header("content-type"), Some("application/statuslist+jwt"));
    assert_eq!(reply.header("cache-control"), Some("public, max-age=5"));
    let parts = TokenParts::split_without_verifying(&reply.body).unwrap();
    assert_eq!(parts.claims["sub"], format!("{BASE}{path}"));

    let tag = reply.header("etag").unwrap().to_owned();
    let again = world
        .send(call(Method::GET, &path).insert_header((header::IF_NONE_MATCH, tag)))
        .await;
    again.is(304);
    assert!(again.body.is_empty());
    let other = world
        .send(call(Method::GET, &path).insert_header((header::IF_NONE_MATCH, "\"other\"")))
        .await;
    other.is(200);
}

#[tokio::test]
async fn a_logout_is_in_the_list_within_seconds() {
    let world = make().world().await;
    let tokens = world.login().await;
    let path = path(&tokens);
    let other = world.login().await;
    let before = fetch(&world, &path).await;
    assert!(!is_set(&before, &tokens) && !is_set(&before, &other));
    world.post_as("/api/logout", &tokens.access).await.is(204);
    for _ in 0..200 {
        let after = fetch(&world, &path).await;
        after.is(200);
        assert!(!is_set(&after, &other));
        if is_set(&after, &tokens) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the bit was not set");
}

#[tokio::test]
async fn a_list_that_no_token_names_is_not_found() {
    let world = make().world().await;
    let _ = world.login().await;
    for path in [
        "/oauth/status/1",
        "/oauth/status/x",
        "/oauth/status/-1",
        "/oauth/status/99999999999999999999",
    ] {
        fetch(&world, path).await.is_problem(404, "not_found");
    }
    let without = World::new().await;
    fetch(&without, "/oauth/status/0").await.is_problem(404, "not_found");
}

#[tokio::test]
async fn a_node_that_may_lack_revocations_signs_no_list() {
    let world = make().world().await;
    let path = path(&world.login().await);
    world.sessions.now(Fault::Fails);
    let reply = fetch(&world, &path).await;
    assert_eq!(reply.status, 503, "{}", reply.body);
    world.sessions.now(Fault::None);
    world.blacklist.now(Fault::Fails);
    let reply = fetch(&world, &path).await;
    assert_eq!(reply.status, 503, "{}", reply.body);
    world.blacklist.now(Fault::None);
    fetch(&world, &path).await.is(200);
}

#[tokio::test]
async fn a_node_whose_blacklist_is_being_filled_signs_no_list() {
    let world = make().cold();
    fetch(&world, "/oauth/status/0")
        .await
        .is_problem(503, "store_unavailable");
}
