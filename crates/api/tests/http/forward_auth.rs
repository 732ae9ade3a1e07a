//! Forward authentication: what a proxy is told of the requests that it asks about.

use actix_web::{
    http::{Method, header},
    test::TestRequest,
};
use rescind_session::Policy;

use crate::{
    faulty::Fault,
    world::{ACCESS, Browser, Make, REFRESH, World, call},
};

const PROXY: &str = "192.0.2.1/32";
const CHECK: &str = "/auth/check";

async fn behind_proxy() -> World {
    Make {
        trusted_proxies: &[PROXY],
        settings: |settings| settings.forward_auth_same_method(true),
        ..Make::default()
    }
    .world()
    .await
}

/// As nginx, Traefik and Caddy ask about a request with this method.
fn asked(method: &str) -> TestRequest {
    call(Method::GET, CHECK).insert_header(("x-original-method", method.to_owned()))
}

fn bearer(request: TestRequest, token: &str) -> TestRequest {
    request.insert_header((header::AUTHORIZATION, format!("Bearer {token}")))
}

#[tokio::test]
async fn the_headers_of_a_200_name_the_caller() {
    let world = behind_proxy().await;
    let tokens = world.login().await;
    let me = world.me(&tokens.access).await.json();
    for method in ["GET", "POST", "BREW"] {
        let reply = world.send(bearer(asked(method), &tokens.access)).await;
        reply.is(200);
        assert_eq!(reply.header("x-auth-user"), me["user_id"].as_str());
        assert_eq!(reply.header("x-auth-session"), me["session_id"].as_str());
        assert_eq!(reply.header("x-auth-expires"), me["expires_at"].as_str());
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        assert!(reply.body.is_empty());
    }
}

#[tokio::test]
async fn a_user_id_is_percent_encoded() {
    let world = behind_proxy().await;
    let attempt = world
        .service
        .begin_login("o'brien, ü+%\" ".parse().unwrap())
        .await
        .unwrap();
    let client = rescind_session::token::ClientId::first_party();
    let tokens = attempt
        .open_session(client, rescind_session::Device::default())
        .await
        .unwrap();
    let token = tokens.access_token.expose_secret().to_owned();
    let reply = world.send(bearer(asked("GET"), &token)).await;
    reply.is(200);
    assert_eq!(reply.header("x-auth-user"), Some("o%27brien%2C%20%C3%BC%2B%25%22%20"));
}

#[tokio::test]
async fn after_a_logout_the_next_request_is_refused_with_a_challenge() {
    for policy in [Policy::stored(), Policy::blacklist()] {
        let world = World::under(policy).await;
        let tokens = world.login().await;
        world.send(bearer(asked("GET"), &tokens.access)).await.is(200);
        world.post_as("/api/logout", &tokens.access).await.is(204);
        let reply = world.send(bearer(asked("GET"), &tokens.access)).await;
        reply.is_problem(401, "token_revoked");
        assert!(reply.header("x-auth-user").is_none());
    }
}

#[tokio::test]
async fn refused_credentials_are_401() {
    let world = behind_proxy().await;
    let tokens = world.login().await;
    world.send(asked("GET")).await.is_problem(401, "token_missing");
    for unreadable in ["Bearer", "Bearer a b", "bearer\ttoken"] {
        let request = asked("GET").insert_header((header::AUTHORIZATION, unreadable));
        world.send(request).await.is_problem(401, "token_invalid");
    }
    let twice = format!("{ACCESS}={0}; {ACCESS}={0}", tokens.access);
    let request = asked("GET").insert_header((header::COOKIE, twice));
    world.send(request).await.is_problem(401, "token_invalid");
    world.let_access_tokens_expire();
    world
        .send(bearer(asked("GET"), &tokens.access))
        .await
        .is_problem(401, "token_expired");
}

#[tokio::test]
async fn nothing_is_refreshed() {
    let world = behind_proxy().await;
    let browser = world.browser();
    let session = browser.log_in("alice").await;
    world.let_access_tokens_expire();
    let reply = browser
        .send(asked("GET").insert_header(("x-original-uri", "/shop?a=1&b=2")))
        .await;
    reply.is_problem(401, "token_expired");
    assert!(reply.set_cookies().is_empty());
    assert_eq!(world.row(session).await.generation().get(), 0);
    assert_eq!(
        reply.header("x-auth-refresh"),
        Some("/refresh?next=%2Fshop%3Fa%3D1%26b%3D2")
    );
    for elsewhere in ["//evil.example", "https://evil.example/", "/logout"] {
        let reply = browser
            .send(asked("GET").insert_header(("x-original-uri", elsewhere)))
            .await;
        assert_eq!(reply.header("x-auth-refresh"), Some("/refresh?next=%2F"), "{elsewhere}");
    }
}

#[tokio::test]
async fn without_an_answer_of_the_blacklist_it_is_503() {
    let world = behind_proxy().await;
    let tokens = world.login().await;
    world.blacklist.now(Fault::Fails);
    let reply = world.send(bearer(asked("GET"), &tokens.access)).await;
    reply.is_problem(503, "store_unavailable");
}

async fn cross_site(browser: &Browser<'_>, request: TestRequest) -> u16 {
    let request = request.insert_header(("sec-fetch-site", "cross-site"));
    browser.send_but_forget(request).await.status.as_u16()
}

#[tokio::test]
async fn the_cross_origin_rule_holds_for_the_method_of_the_proxied_request() {
    let world = behind_proxy().await;
    let browser = world.browser();
    browser.log_in("alice").await;
    let plain = || call(Method::GET, CHECK);
    assert_eq!(cross_site(&browser, asked("GET")).await, 200);
    assert_eq!(
        cross_site(&browser, plain().insert_header(("x-forwarded-method", "HEAD"))).await,
        200
    );
    for method in ["POST", "DELETE", "get", ""] {
        assert_eq!(cross_site(&browser, asked(method)).await, 403, "{method}");
    }
    assert_eq!(
        cross_site(&browser, plain()).await,
        403,
        "no method is taken for a write"
    );
    // One that the client added does not make a write harmless.
    let forged = asked("POST").insert_header(("x-forwarded-method", "GET"));
    assert_eq!(cross_site(&browser, forged).await, 403);
    let forged = asked("GET").append_header(("x-original-method", "POST"));
    assert_eq!(cross_site(&browser, forged).await, 403);
    let websocket = asked("GET").insert_header((header::SEC_WEBSOCKET_VERSION, "13"));
    assert_eq!(cross_site(&browser, websocket).await, 403);
    let own = asked("POST").insert_header(("sec-fetch-site", "same-origin"));
    browser.send_but_forget(own).await.is(200);
}

#[tokio::test]
async fn the_method_is_believed_from_trusted_proxies_only() {
    let world = World::new().await;
    let browser = world.browser();
    browser.log_in("alice").await;
    assert_eq!(cross_site(&browser, asked("GET")).await, 403);
}

#[tokio::test]
async fn envoy_asks_with_the_same_method_at_the_same_path() {
    let world = behind_proxy().await;
    let tokens = world.login().await;
    let browser = world.browser();
    browser.log_in("alice").await;
    let at = |method| call(method, "/auth/check/orders/7?page=2");
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::OPTIONS] {
        world.send(at(method.clone())).await.is_problem(401, "token_missing");
        world.send(bearer(at(method), &tokens.access)).await.is(200);
    }
    assert_eq!(cross_site(&browser, at(Method::GET)).await, 200);
    assert_eq!(cross_site(&browser, at(Method::POST)).await, 403);
    // What another proxy would have told does not count.
    let told = at(Method::POST).insert_header(("x-original-method", "GET"));
    assert_eq!(cross_site(&browser, told).await, 403);
}

#[tokio::test]
async fn only_get_is_answered_unless_envoy_is_chosen() {
    let world = World::new().await;
    let tokens = world.login().await;
    for path in ["/auth/check/", "/auth/check/orders"] {
        world
            .send(bearer(call(Method::GET, path), &tokens.access))
            .await
            .is(404);
    }
    let post = bearer(call(Method::POST, CHECK), &tokens.access);
    assert!([404, 405].contains(&world.send(post).await.status.as_u16()));
}

#[tokio::test]
async fn a_preflight_is_no_permission() {
    let world = Make {
        trusted_proxies: &[PROXY],
        settings: |settings| {
            settings
                .forward_auth_same_method(true)
                .allowed_origins(vec!["https://app.example".parse().unwrap()])
        },
        ..Make::default()
    }
    .world()
    .await;
    let preflight = |path| {
        call(Method::OPTIONS, path)
            .insert_header((header::ORIGIN, "https://app.example"))
            .insert_header((header::ACCESS_CONTROL_REQUEST_METHOD, "GET"))
    };
    world.send(preflight("/api/me")).await.is(200);
    world
        .send(preflight("/auth/check/orders"))
        .await
        .is_problem(401, "token_missing");
}

#[tokio::test]
async fn a_refresh_token_is_no_permission() {
    let world = behind_proxy().await;
    let tokens = world.login().await;
    world
        .send(bearer(asked("GET"), &tokens.refresh))
        .await
        .is_problem(401, "token_invalid");
    let request = asked("GET").insert_header((header::COOKIE, format!("{REFRESH}={}", tokens.refresh)));
    world.send(request).await.is_problem(401, "token_missing");
}
