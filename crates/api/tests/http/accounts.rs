//! Sign-up, the current user, and the list of devices.

use std::time::Duration;

use actix_web::http::{Method, header};
use rescind_session::{Policy, SessionState};
use serde_json::json;

use crate::world::{PASSWORD, World, at, call};

#[tokio::test]
async fn sign_up_then_login_then_me_returns_the_user() {
    let world = World::new().await;
    let signed_up = world
        .post("/api/users", json!({ "username": "Carol", "password": PASSWORD }))
        .await;
    signed_up.is(201);
    assert_eq!(signed_up.json()["username"], "carol");
    let tokens = world.login_as("carol").await;
    let me = world.me(&tokens.access).await;
    me.is(200);
    let me = me.json();
    assert_eq!(me["user_id"], signed_up.json()["user_id"]);
    assert_eq!(me["session_id"], tokens.session.to_string());
    assert_eq!(
        (&me["issued_at"], &me["expires_at"]),
        (&json!("2026-01-01T12:00:00Z"), &json!("2026-01-01T12:05:00Z"))
    );
    let mut fields: Vec<_> = me.as_object().unwrap().keys().collect();
    fields.sort();
    assert_eq!(
        fields,
        [
            "expires_at",
            "issued_at",
            "session_id",
            "token_id",
            "user_id",
            "username"
        ]
    );
}

#[tokio::test]
async fn a_name_differing_only_in_case_is_taken() {
    let world = World::new().await;
    world
        .post("/api/users", json!({ "username": "ALICE", "password": PASSWORD }))
        .await
        .is_problem(409, "username_taken");
}

#[tokio::test]
async fn devices_are_listed_with_this_one_marked() {
    let world = World::new().await;
    let first = call(Method::POST, "/api/login")
        .insert_header((header::USER_AGENT, "Phone/1.0"))
        .set_json(json!({ "username": "alice", "password": PASSWORD }));
    let phone = world.send(first).await.tokens();
    world.clock.advance(Duration::from_secs(60));
    let laptop = world.login().await;
    world.login_as("bob").await;
    world.clock.advance(Duration::from_secs(60));
    let laptop = world.refresh(&laptop.refresh).await.tokens();

    let list = world.get("/api/sessions", &laptop.access).await;
    list.is(200);
    assert_eq!(
        list.json(),
        json!([
            {
                "session_id": phone.session, "current": false, "created_at": at("2026-01-01T12:00:00Z"),
                "last_seen_at": at("2026-01-01T12:00:00Z"), "user_agent": "Phone/1.0", "ip": "192.0.2.1", "generation": 0,
            },
            {
                "session_id": laptop.session, "current": true, "created_at": at("2026-01-01T12:01:00Z"),
                "last_seen_at": at("2026-01-01T12:02:00Z"), "user_agent": null, "ip": "192.0.2.1", "generation": 1,
            },
        ])
    );
}

#[tokio::test]
async fn ending_one_device_from_the_list_keeps_the_others() {
    let world = World::new().await;
    let (lost, kept) = (world.login().await, world.login().await);
    let end = |id: String| {
        call(Method::DELETE, &format!("/api/sessions/{id}"))
            .insert_header((header::AUTHORIZATION, format!("Bearer {}", kept.access)))
    };
    world.send(end(lost.session.to_string())).await.is(204);
    world.me(&lost.access).await.is_problem(401, "token_revoked");
    world.me(&kept.access).await.is(200);

    let bobs = world.login_as("bob").await;
    world
        .send(end(bobs.session.to_string()))
        .await
        .is_problem(404, "not_found");
    world
        .send(end("not-an-id".to_owned()))
        .await
        .is_problem(404, "not_found");
    world.me(&bobs.access).await.is(200);
}

#[tokio::test]
async fn ending_another_device_needs_a_login_of_the_last_five_minutes() {
    let world = World::new().await;
    let (other, another, own) = (world.login().await, world.login().await, world.login().await);
    let end = async |id: String, token: &str| {
        let request = call(Method::DELETE, &format!("/api/sessions/{id}"));
        let request = request.insert_header((header::AUTHORIZATION, format!("Bearer {token}")));
        world.send(request).await
    };
    world.clock.advance(Duration::from_secs(299));
    end(other.session.to_string(), &own.access).await.is(204);
    world.clock.advance(Duration::from_secs(2));
    let own = world.refresh(&own.refresh).await.tokens();
    let refused = end(another.session.to_string(), &own.access).await;
    refused.is_problem(401, "insufficient_user_authentication");
    let challenge = refused.header("www-authenticate").unwrap();
    assert!(
        challenge.contains(r#"error="insufficient_user_authentication""#),
        "{challenge}"
    );
    assert!(challenge.contains(r#"max_age="300""#), "{challenge}");
    // Another user's session is no different.
    let bobs = world.login_as("bob").await;
    end(bobs.session.to_string(), &own.access)
        .await
        .is_problem(401, "insufficient_user_authentication");
    assert_eq!(world.row(another.session).await.state, SessionState::Open);

    let again = call(Method::POST, "/api/reauthenticate")
        .insert_header((header::AUTHORIZATION, format!("Bearer {}", own.access)))
        .set_json(json!({ "password": PASSWORD }));
    let fresh = world.send(again).await.tokens();
    end(another.session.to_string(), &fresh.access).await.is(204);
    world.refresh(&another.refresh).await.is_problem(401, "session_closed");
    world.me(&bobs.access).await.is(200);
}

/// Its own session, and all at once: then the thief is out too.
#[tokio::test]
async fn logging_out_needs_no_fresh_login() {
    let world = World::new().await;
    for everywhere in [false, true] {
        let (own, other) = (world.login().await, world.login().await);
        world.clock.advance(Duration::from_secs(3600));
        let own = world.refresh(&own.refresh).await.tokens();
        if everywhere {
            world.post_as("/api/logout-everywhere", &own.access).await.is(204);
            world.refresh(&other.refresh).await.is_problem(401, "session_closed");
        } else {
            let request = call(Method::DELETE, &format!("/api/sessions/{}", own.session));
            let request = request.insert_header((header::AUTHORIZATION, format!("Bearer {}", own.access)));
            world.send(request).await.is(204);
        }
        world.me(&own.access).await.is_problem(401, "token_revoked");
    }
}

#[tokio::test]
async fn a_common_password_is_refused_with_the_reason() {
    let world = World::new().await;
    for password in ["passwordpassword", "QWERTYUIOPASDFGHJKL", "1234567890123456789"] {
        let refused = world
            .post("/api/users", json!({ "username": "carol", "password": password }))
            .await;
        refused.is_problem(422, "invalid_input");
        assert_eq!(
            refused.json()["errors"],
            json!([{ "field": "password", "detail": "must not be one of the most common passwords" }])
        );
        let browser = world.browser();
        browser.log_in("alice").await;
        let changed = browser
            .submit("/password", &[("old", PASSWORD), ("new", password)])
            .await;
        changed.is_problem(422, "invalid_input");
        assert_eq!(changed.json()["errors"][0]["field"], "new_password");
    }
    world.login().await;
}

#[tokio::test]
async fn logging_out_everywhere_ends_all_of_ones_own_sessions() {
    let world = World::new().await;
    let (one, other, bobs) = (world.login().await, world.login().await, world.login_as("bob").await);
    world.post_as("/api/logout-everywhere", &one.access).await.is(204);
    for tokens in [&one, &other] {
        world.me(&tokens.access).await.is_problem(401, "token_revoked");
        world.refresh(&tokens.refresh).await.is_problem(401, "session_closed");
    }
    world.me(&bobs.access).await.is(200);
}

#[tokio::test]
async fn without_rows_listing_or_ending_sessions_is_policy_keeps_no_session() {
    let world = World::under(Policy::client_delete()).await;
    let tokens = world.login().await;
    world
        .get("/api/sessions", &tokens.access)
        .await
        .is_problem(409, "policy_keeps_no_session");
    world
        .post_as("/api/logout-everywhere", &tokens.access)
        .await
        .is_problem(409, "policy_keeps_no_session");
    let end = call(Method::DELETE, &format!("/api/sessions/{}", tokens.session))
        .insert_header((header::AUTHORIZATION, format!("Bearer {}", tokens.access)));
    world.send(end).await.is_problem(409, "policy_keeps_no_session");
}
