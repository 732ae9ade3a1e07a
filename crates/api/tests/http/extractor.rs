//! An adopter's handler with [`Authenticated`](rescind_api::Authenticated) among its parameters.

use actix_web::{App, http::header, test, test::TestRequest, web};
use rescind_api::Authenticated;
use rescind_session::token::{AccessClaims, ExtraClaims};

use crate::{
    faulty::Fault,
    world::{World, call, navigation},
};

#[tokio::test]
async fn a_handler_runs_for_a_logged_in_user_and_gets_the_claims() {
    let world = World::new().await;
    let tokens = world.login().await;
    assert_eq!(
        world.get("/mine", &tokens.access).await.body,
        format!("{} Bearer", tokens.session)
    );
    let browser = world.browser();
    let session = browser.log_in("bob").await;
    assert_eq!(browser.visit("/mine").await.body, format!("{session} Cookie"));
}

#[tokio::test]
async fn a_handler_does_not_run_without_a_valid_token() {
    let world = World::new().await;
    world.send(navigation("/mine")).await.is_problem(401, "token_missing");
    let tokens = world.login().await;
    world.post_as("/api/logout", &tokens.access).await.is(204);
    world
        .get("/mine", &tokens.access)
        .await
        .is_problem(401, "token_revoked");
}

#[tokio::test]
async fn a_refresh_token_is_not_accepted_as_access_token() {
    let world = World::new().await;
    let tokens = world.login().await;
    world
        .get("/mine", &tokens.refresh)
        .await
        .is_problem(401, "token_invalid");
    world.refresh(&tokens.access).await.is_problem(401, "refresh_invalid");
}

#[tokio::test]
async fn a_failing_blacklist_is_a_503() {
    let world = World::new().await;
    let tokens = world.login().await;
    world.blacklist.now(Fault::Fails);
    world
        .get("/mine", &tokens.access)
        .await
        .is_problem(503, "store_unavailable");
    let browser = world.browser();
    browser.plant(crate::world::ACCESS, &tokens.access);
    browser.visit("/mine").await.is_problem(503, "store_unavailable");
    browser.visit("/page").await.is_problem(503, "store_unavailable");
}

#[tokio::test(start_paused = true)]
async fn a_hanging_blacklist_is_a_503_within_the_timeout() {
    let world = World::new().await;
    let tokens = world.login().await;
    world.blacklist.now(Fault::Hangs);
    let began = tokio::time::Instant::now();
    world
        .get("/mine", &tokens.access)
        .await
        .is_problem(503, "store_unavailable");
    assert!(
        (500..=510).contains(&began.elapsed().as_millis()),
        "the store timeout: {:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn an_incomplete_blacklist_accepts_no_token() {
    let world = crate::world::Make::default().cold();
    let password = rescind_session::Password::new(crate::world::PASSWORD);
    world.service.sign_up("alice", &password).await.unwrap();
    let tokens = world.login().await;
    world
        .get("/mine", &tokens.access)
        .await
        .is_problem(503, "store_unavailable");
    world.service.sync_blacklist(100).await.unwrap();
    world.get("/mine", &tokens.access).await.is(200);
}

#[tokio::test]
async fn an_application_without_configure_is_reported_in_the_log_only() {
    let handler = |_: Authenticated| async { "in" };
    let app = test::init_service(App::new().route("/", web::get().to(handler))).await;
    let reply = test::call_service(&app, TestRequest::get().to_request()).await;
    assert_eq!(reply.status(), 500);
    let body = String::from_utf8(test::read_body(reply).await.to_vec()).unwrap();
    assert!(
        body.contains(r#""code":"internal""#) && !body.contains("configure"),
        "{body}"
    );
}

#[tokio::test]
async fn a_token_in_the_query_is_ignored() {
    let world = World::new().await;
    let tokens = world.login().await;
    let path = format!("/mine?access_token={}", tokens.access);
    let reply = world
        .send(call(actix_web::http::Method::GET, &path).insert_header((header::ACCEPT, "*/*")))
        .await;
    reply.is_problem(401, "token_missing");
}

/// A route that checks the signature and the expiry only.
#[tokio::test]
async fn verified_only_needs_no_store_and_accepts_a_revoked_token() {
    let world = World::new().await;
    let tokens = world.login().await;
    world.post_as("/api/logout", &tokens.access).await.is(204);
    world.all_stores_now(Fault::Fails);
    let reply = world.get("/verified-only", &tokens.access).await;
    assert_eq!(reply.is(200).body, format!("{} Bearer", tokens.session));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    world
        .get("/verified-only", "wrong")
        .await
        .is_problem(401, "token_invalid");
    world.let_access_tokens_expire();
    world
        .get("/verified-only", &tokens.access)
        .await
        .is_problem(401, "token_expired");
    world
        .send(navigation("/verified-only"))
        .await
        .is_problem(401, "token_missing");
}

#[tokio::test]
async fn an_optional_user_is_none_on_a_401_and_stays_a_503() {
    let world = World::new().await;
    let tokens = world.login().await;
    assert_eq!(world.get("/maybe", &tokens.access).await.is(200).body, "somebody");
    assert_eq!(world.send(navigation("/maybe")).await.is(200).body, "nobody");
    assert_eq!(world.get("/maybe", "wrong").await.is(200).body, "nobody");
    world
        .get("/maybe", "")
        .await
        .is_problem(400, "authorization_unreadable");
    world.blacklist.now(Fault::Fails);
    world
        .get("/maybe", &tokens.access)
        .await
        .is_problem(503, "store_unavailable");
    world.blacklist.now(Fault::None);
    world.post_as("/api/logout", &tokens.access).await.is(204);
    assert_eq!(world.get("/maybe", &tokens.access).await.is(200).body, "nobody");
}

/// Why there is a type for it: actix itself drops every error of an optional extractor.
#[tokio::test]
async fn actix_itself_makes_a_503_of_an_optional_user_none() {
    let world = World::new().await;
    let tokens = world.login().await;
    world.blacklist.now(Fault::Fails);
    assert_eq!(world.get("/option", &tokens.access).await.is(200).body, "nobody");
}

#[tokio::test]
async fn require_login_refuses_a_whole_scope_like_the_extractor() {
    let world = World::new().await;
    let tokens = world.login().await;
    let inside = world.get("/private/mine", &tokens.access).await;
    assert_eq!(inside.is(200).body, format!("{} Bearer", tokens.session));
    world.get("/private/plain", &tokens.access).await.is(200);
    for path in ["/private/plain", "/private/mine", "/private/nothing"] {
        let missing = world.send(navigation(path)).await;
        missing.is_problem(401, "token_missing");
        let outside = world.send(navigation("/mine")).await;
        assert_eq!(missing.header("www-authenticate"), outside.header("www-authenticate"));
        world.get(path, "").await.is_problem(400, "authorization_unreadable");
    }
    world.blacklist.now(Fault::Fails);
    world
        .get("/private/plain", &tokens.access)
        .await
        .is_problem(503, "store_unavailable");
    world.blacklist.now(Fault::None);
    world.post_as("/api/logout", &tokens.access).await.is(204);
    world
        .get("/private/plain", &tokens.access)
        .await
        .is_problem(401, "token_revoked");
}

#[tokio::test]
async fn a_handler_behind_require_login_checks_no_second_time() {
    let world = World::new().await;
    let tokens = world.login().await;
    let before = world.blacklist.calls();
    world.get("/private/mine", &tokens.access).await.is(200);
    assert_eq!(world.blacklist.calls() - before, 1);
}

/// A token with claims of the application, signed by the service's key.
fn with_claims(world: &World, token: &str, change: impl FnOnce(&mut AccessClaims)) -> String {
    let mut claims = world.service.genuine_claims(token).unwrap();
    change(&mut claims);
    world
        .service
        .keys()
        .ring
        .sign(&claims)
        .unwrap()
        .expose_secret()
        .to_owned()
}

#[tokio::test]
async fn a_route_can_require_a_role() {
    let world = World::new().await;
    let token = world.login().await.access;
    let admin = with_claims(&world, &token, |claims| {
        claims.extra = ExtraClaims::new().with_roles(["user", "admin"])
    });
    let other = with_claims(&world, &token, |claims| {
        claims.extra = ExtraClaims::new().with_roles(["administrator"])
    });
    let text = with_claims(&world, &token, |claims| {
        claims.extra = ExtraClaims::new().with("roles", "admin").unwrap();
    });
    for path in ["/admin", "/needs?role"] {
        world.get(path, &admin).await.is(200);
        for token in [&token, &other, &text] {
            world.get(path, token).await.is_problem(403, "insufficient_role");
        }
        world.send(navigation(path)).await.is_problem(401, "token_missing");
    }
    world.post_as("/api/logout", &token).await.is(204);
    world.get("/admin", &admin).await.is_problem(401, "token_revoked");
}

#[tokio::test]
async fn a_route_can_require_a_scope() {
    let world = World::new().await;
    let token = world.login().await.access;
    let scope = |scopes: &[&str]| {
        with_claims(&world, &token, |claims| {
            claims.extra = ExtraClaims::new().with_scope(scopes).unwrap()
        })
    };
    for path in ["/write", "/needs?scope"] {
        world.get(path, &scope(&["orders:read", "orders:write"])).await.is(200);
        for token in [token.clone(), scope(&["orders:writer"])] {
            let refused = world.get(path, &token).await;
            refused.is_problem(403, "insufficient_scope");
            let challenge = refused.header("www-authenticate").unwrap();
            assert!(challenge.contains(r#"error="insufficient_scope""#), "{challenge}");
            assert!(challenge.ends_with(r#"scope="orders:write""#), "{challenge}");
        }
    }
}

#[tokio::test]
async fn a_route_can_require_a_recent_login() {
    let world = World::new().await;
    let tokens = world.login().await;
    let unknown = with_claims(&world, &tokens.access, |claims| claims.auth_time = None);
    for path in ["/payout", "/needs?fresh"] {
        world.get(path, &tokens.access).await.is(200);
        world
            .get(path, &unknown)
            .await
            .is_problem(401, "insufficient_user_authentication");
    }
    world.clock.advance(std::time::Duration::from_secs(61));
    let refreshed = world.refresh(&tokens.refresh).await.tokens();
    for token in [&tokens.access, &refreshed.access] {
        for path in ["/payout", "/needs?fresh"] {
            let refused = world.get(path, token).await;
            refused.is_problem(401, "insufficient_user_authentication");
            let challenge = refused.header("www-authenticate").unwrap();
            assert!(
                challenge.contains(r#"error="insufficient_user_authentication""#),
                "{challenge}"
            );
            assert!(challenge.ends_with(r#"max_age="60""#), "{challenge}");
        }
    }
    world.get("/payout", &world.login().await.access).await.is(200);
}
