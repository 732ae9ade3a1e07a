//! Programs, which keep their tokens themselves.

use std::time::Duration;

use actix_web::http::{Method, header};
use rescind_session::{Policy, SessionState};
use serde_json::json;

use crate::world::{World, call};

#[tokio::test]
async fn a_login_gives_all_that_a_client_needs() {
    let world = World::new().await;
    let reply = world.try_login("alice", crate::world::PASSWORD).await;
    let tokens = reply.tokens();
    assert_eq!(
        reply.json(),
        json!({
            "access_token": tokens.access, "token_type": "Bearer", "expires_in": 300,
            "refresh_token": tokens.refresh, "refresh_expires_in": 7 * 24 * 60 * 60, "session_id": tokens.session,
        })
    );
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert!(reply.set_cookies().is_empty(), "a program keeps its tokens itself");
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_are_answered_alike() {
    let world = World::new().await;
    let (wrong, unknown) = (
        world.try_login("alice", "wrong horse").await,
        world.try_login("nobody", "wrong horse").await,
    );
    wrong.is_problem(401, "invalid_credentials");
    let without_id = |reply: &crate::world::Reply| {
        let mut body = reply.json();
        body.as_object_mut().unwrap().remove("instance");
        body
    };
    assert_eq!(without_id(&wrong), without_id(&unknown));
}

#[tokio::test]
async fn a_stolen_token_is_revoked_after_the_logout() {
    let world = World::new().await;
    let tokens = world.login().await;
    world.me(&tokens.access).await.is(200);
    let out = world.post_as("/api/logout", &tokens.access).await;
    out.is(204);
    assert_eq!((out.body.as_str(), out.header("cache-control")), ("", Some("no-store")));
    world.me(&tokens.access).await.is_problem(401, "token_revoked");
    world.refresh(&tokens.refresh).await.is_problem(401, "session_closed");
}

#[tokio::test]
async fn without_a_token_the_challenge_names_no_error() {
    let world = World::new().await;
    let reply = world.send(call(Method::GET, "/api/me")).await;
    reply.is_problem(401, "token_missing");
    assert_eq!(reply.header("www-authenticate"), Some(r#"Bearer realm="rescind""#));
}

#[tokio::test]
async fn a_bad_token_is_challenged_with_invalid_token() {
    let world = World::new().await;
    let tokens = world.login().await;
    let tampered = format!("{}A", tokens.access);
    world.me(&tampered).await.is_problem(401, "token_invalid");
    world.let_access_tokens_expire();
    let reply = world.me(&tokens.access).await;
    reply.is_problem(401, "token_expired");
    let challenge = reply.header("www-authenticate").unwrap();
    assert!(
        challenge.starts_with(r#"Bearer realm="rescind", error="invalid_token""#),
        "{challenge}"
    );
}

#[tokio::test]
async fn an_unreadable_authorization_header_is_invalid_request() {
    let world = World::new().await;
    let token = world.login().await.access;
    let good = format!("Bearer {token}");
    let twice = call(Method::GET, "/api/me")
        .append_header((header::AUTHORIZATION, good.clone()))
        .append_header((header::AUTHORIZATION, good.clone()));
    let mut replies = vec![world.send(twice).await];
    for unreadable in [
        "Bearer",
        "Bearer ",
        "bearer",
        &format!("{good} {token}"),
        &format!("{good},{good}"),
    ] {
        let request = call(Method::GET, "/api/me").insert_header((header::AUTHORIZATION, unreadable));
        replies.push(world.send(request).await);
    }
    for reply in replies {
        reply.is_problem(400, "authorization_unreadable");
        let challenge = reply.header("www-authenticate").unwrap();
        assert!(challenge.contains(r#"error="invalid_request""#), "{challenge}");
    }
    let lower_case = call(Method::GET, "/api/me").insert_header((header::AUTHORIZATION, format!("bearer {token}")));
    world.send(lower_case).await.is(200);
}

#[tokio::test]
async fn a_bearer_token_wins_over_cookies_and_never_falls_back_to_them() {
    let world = World::new().await;
    let browser = world.browser();
    let session = browser.log_in("alice").await;
    let bobs = world.login_as("bob").await;
    let both =
        |token: &str| call(Method::GET, "/mine").insert_header((header::AUTHORIZATION, format!("Bearer {token}")));
    let reply = browser.send(both(&bobs.access)).await;
    assert_eq!(reply.body, format!("{} Bearer", bobs.session));
    browser.send(both("nonsense")).await.is_problem(401, "token_invalid");
    assert_eq!(browser.visit("/mine").await.body, format!("{session} Cookie"));
}

#[tokio::test]
async fn another_authorization_scheme_is_ignored() {
    let world = World::new().await;
    let browser = world.browser();
    browser.log_in("alice").await;
    let basic = || call(Method::GET, "/api/me").insert_header((header::AUTHORIZATION, "Basic c3RhZ2luZw=="));
    browser.send(basic()).await.is(200);
    world.send(basic()).await.is_problem(401, "token_missing");
}

#[tokio::test]
async fn a_refresh_token_buys_the_next_tokens_once() {
    let world = World::new().await;
    let first = world.login().await;
    let second = world.refresh(&first.refresh).await.tokens();
    assert_ne!(first.refresh, second.refresh);
    assert_eq!(first.session, second.session);
    world.me(&second.access).await.is(200);
    let third = world.refresh(&second.refresh).await.tokens();
    world.refresh(&first.refresh).await.is_problem(401, "refresh_reused");
    world.me(&third.access).await.is_problem(401, "token_revoked");
}

#[tokio::test]
async fn a_forged_refresh_token_closes_no_session() {
    let world = World::new().await;
    let tokens = world.login().await;
    let forged = format!("{}AAAA", &tokens.refresh[..tokens.refresh.len() - 4]);
    world.refresh(&forged).await.is_problem(401, "refresh_invalid");
    world
        .post("/api/logout", json!({ "refresh_token": forged }))
        .await
        .is_problem(401, "refresh_invalid");
    world.me(&tokens.access).await.is(200);
}

#[tokio::test]
async fn an_idle_session_has_expired() {
    let world = World::new().await;
    let tokens = world.login().await;
    world.clock.advance(Duration::from_secs(7 * 24 * 60 * 60));
    world.refresh(&tokens.refresh).await.is_problem(401, "refresh_expired");
}

#[tokio::test]
async fn logout_works_with_an_expired_access_token() {
    let world = World::new().await;
    let (expired, refresh_only) = (world.login().await, world.login().await);
    world.let_access_tokens_expire();
    world.post_as("/api/logout", &expired.access).await.is(204);
    world.refresh(&expired.refresh).await.is_problem(401, "session_closed");
    world
        .post("/api/logout", json!({ "refresh_token": refresh_only.refresh }))
        .await
        .is(204);
    world
        .refresh(&refresh_only.refresh)
        .await
        .is_problem(401, "session_closed");
}

#[tokio::test]
async fn logout_without_credentials_is_token_missing() {
    let world = World::new().await;
    world
        .send(call(Method::POST, "/api/logout"))
        .await
        .is_problem(401, "token_missing");
    world
        .post("/api/logout", json!({}))
        .await
        .is_problem(401, "token_missing");
}

#[tokio::test]
async fn a_bearer_token_and_a_refresh_token_of_different_sessions_end_neither() {
    let world = World::new().await;
    let (one, other) = (world.login().await, world.login().await);
    let request = call(Method::POST, "/api/logout")
        .insert_header((header::AUTHORIZATION, format!("Bearer {}", one.access)))
        .set_json(json!({ "refresh_token": other.refresh }));
    world.send(request).await.is_problem(400, "different_sessions");
    for tokens in [one, other] {
        assert_eq!(world.row(tokens.session).await.state, SessionState::Open);
    }
}

#[tokio::test]
async fn without_refresh_tokens_the_policy_leaves_out_their_fields() {
    for policy in [Policy::stored(), Policy::client_delete(), Policy::short_lived()] {
        let world = World::under(policy).await;
        let reply = world.try_login("alice", crate::world::PASSWORD).await;
        let mut fields: Vec<_> = reply.json().as_object().unwrap().keys().cloned().collect();
        fields.sort();
        assert_eq!(fields, ["access_token", "expires_in", "session_id", "token_type"]);
        world
            .refresh("rrt_whatever")
            .await
            .is_problem(409, "policy_has_no_refresh");
        world.post_as("/api/logout", &reply.tokens().access).await.is(204);
    }
}
