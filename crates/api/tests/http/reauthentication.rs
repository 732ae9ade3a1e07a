//! Asking a logged-in user for the password again.

use std::time::Duration;

use actix_web::{
    http::{Method, header},
    test::TestRequest,
};
use rescind_session::Policy;
use serde_json::{Value, json};

use crate::{
    faulty::Fault,
    world::{Make, PASSWORD, Reply, Tokens, World, call, from_own_page},
};

fn again(body: Value) -> TestRequest {
    call(Method::POST, "/api/reauthenticate").set_json(body)
}

async fn with(world: &World, token: &str, body: Value) -> Reply {
    let request = again(body).insert_header((header::AUTHORIZATION, format!("Bearer {token}")));
    world.send(request).await
}

async fn password(world: &World, token: &str, password: &str) -> Reply {
    with(world, token, json!({ "password": password })).await
}

async fn an_old_login(world: &World) -> Tokens {
    let tokens = world.login().await;
    world.clock.advance(Duration::from_secs(61));
    world
        .get("/payout", &tokens.access)
        .await
        .is_problem(401, "insufficient_user_authentication");
    tokens
}

#[tokio::test]
async fn a_password_makes_the_login_fresh_again_and_refreshes_keep_it() {
    let world = World::new().await;
    let old = an_old_login(&world).await;
    let fresh = password(&world, &old.access, PASSWORD).await.tokens();
    assert_eq!((fresh.session, &fresh.refresh), (old.session, &old.refresh));
    world.get("/payout", &fresh.access).await.is(200);
    world.clock.advance(Duration::from_secs(30));
    let refreshed = world.refresh(&old.refresh).await.tokens();
    world.get("/payout", &refreshed.access).await.is(200);
    world.clock.advance(Duration::from_secs(31));
    let refreshed = world.refresh(&refreshed.refresh).await.tokens();
    world
        .get("/payout", &refreshed.access)
        .await
        .is_problem(401, "insufficient_user_authentication");
    world.post_as("/api/logout", &refreshed.access).await.is(204);
    world.me(&fresh.access).await.is_problem(401, "token_revoked");
}

#[tokio::test]
async fn a_wrong_password_changes_nothing_and_a_missing_one_is_invalid_input() {
    let world = World::new().await;
    let old = an_old_login(&world).await;
    password(&world, &old.access, "wrong-horse")
        .await
        .is_problem(401, "invalid_credentials");
    for body in [json!({}), json!({ "password": 1 })] {
        let reply = with(&world, &old.access, body).await;
        reply.is_problem(422, "invalid_input");
        assert_eq!(reply.json()["errors"][0]["field"], "password");
    }
    world
        .send(again(json!({ "password": PASSWORD })))
        .await
        .is_problem(401, "token_missing");
    let refreshed = world.refresh(&old.refresh).await.tokens();
    world
        .get("/payout", &refreshed.access)
        .await
        .is_problem(401, "insufficient_user_authentication");
    world.sessions.now(Fault::Fails);
    password(&world, &refreshed.access, PASSWORD)
        .await
        .is_problem(503, "store_unavailable");
}

#[tokio::test]
async fn a_browser_gets_fresh_cookies_and_no_token_in_the_body() {
    let world = World::new().await;
    let browser = world.browser();
    browser.log_in("alice").await;
    world.clock.advance(Duration::from_secs(61));
    browser
        .visit("/payout")
        .await
        .is_problem(401, "insufficient_user_authentication");
    let reply = browser
        .send(from_own_page(again(json!({ "password": PASSWORD }))))
        .await;
    reply.is(200);
    assert!(reply.json().get("access_token").is_none() && reply.json().get("refresh_token").is_none());
    browser.visit("/payout").await.is(200);
}

#[tokio::test]
async fn a_policy_without_rows_cannot_record_it() {
    let world = World::under(Policy::client_delete()).await;
    let token = world.login().await.access;
    password(&world, &token, PASSWORD)
        .await
        .is_problem(409, "policy_keeps_no_session");
}

/// A thief who has the token could guess the password here.
#[tokio::test(start_paused = true)]
async fn guesses_count_against_the_login_limit() {
    let world = Make {
        login_limit: "3/hour".parse().unwrap(),
        ..Make::default()
    }
    .world()
    .await;
    let token = world.login().await.access;
    let mut codes = Vec::new();
    for _ in 0..4 {
        codes.push(password(&world, &token, "wrong-horse").await.code());
    }
    assert_eq!(codes[0], "invalid_credentials");
    assert_eq!(codes[3], "rate_limited");
    password(&world, &token, PASSWORD).await.is_problem(429, "rate_limited");
}

#[tokio::test]
async fn a_proof_that_the_application_checks_makes_a_browsers_login_fresh_again() {
    let world = World::new().await;
    let browser = world.browser();
    let session = browser.log_in("alice").await.to_string();
    world.clock.advance(Duration::from_secs(61));
    let stale = browser.visit("/payout").await;
    stale.is_problem(401, "insufficient_user_authentication");
    let renewed = browser.submit("/passkey-again", &[]).await;
    assert_eq!(renewed.is(200).body, session);
    assert_eq!(renewed.set_cookies().len(), 1, "the refresh token stays");
    browser.visit("/payout").await.is(200);
    world.let_access_tokens_expire();
    let again = browser.submit("/renew", &[]).await;
    assert_eq!(again.body, "renewed, press again", "the session lives on");
}
