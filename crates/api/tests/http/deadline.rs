//! A request has one waiting time for its stores, for all its calls to them together.

use std::time::Duration;

use actix_web::{
    http::{Method, header},
    test::TestRequest,
};
use serde_json::json;

use crate::{
    faulty::Fault,
    world::{PASSWORD, Reply, Tokens, World, call, from_own_page, navigation},
};

/// The store timeout is 500 ms; a timer may be a few late.
const IN_TIME: Duration = Duration::from_millis(510);

/// Every reply that waits for a store: a name, and whether it needs a valid access cookie.
const OVER_COOKIES: [(&str, bool); 7] = [
    ("form login", true),
    ("form logout", true),
    ("refresh on the way", false),
    ("password", true),
    ("renew", false),
    ("mine", true),
    ("why", true),
];

fn over_cookies(name: &str) -> TestRequest {
    let post = |path| from_own_page(call(Method::POST, path));
    match name {
        "form login" => post("/login").set_form([("username", "bob"), ("password", PASSWORD)]),
        "form logout" => post("/logout"),
        "refresh on the way" => navigation("/refresh?next=/page"),
        "password" => post("/password").set_form([("old", PASSWORD), ("new", "battery staples")]),
        "renew" => post("/renew"),
        "mine" => navigation("/mine"),
        _ => navigation("/why"),
    }
}

fn as_bearer(tokens: &Tokens) -> Vec<TestRequest> {
    let bearer = |method: Method, path: &str| {
        call(method, path).insert_header((header::AUTHORIZATION, format!("Bearer {}", tokens.access)))
    };
    let refresh = json!({ "refresh_token": tokens.refresh });
    vec![
        bearer(Method::GET, "/api/me"),
        bearer(Method::GET, "/api/sessions"),
        bearer(Method::DELETE, &format!("/api/sessions/{}", tokens.session)),
        bearer(Method::POST, "/api/logout"),
        bearer(Method::POST, "/api/logout-everywhere"),
        call(Method::POST, "/api/logout").set_json(&refresh),
        call(Method::POST, "/api/refresh").set_json(&refresh),
        call(Method::POST, "/api/login").set_json(json!({ "username": "alice", "password": PASSWORD })),
        call(Method::POST, "/api/users").set_json(json!({ "username": "carol", "password": PASSWORD })),
        bearer(Method::POST, "/api/reauthenticate").set_json(json!({ "password": PASSWORD })),
        call(Method::GET, "/health/ready"),
    ]
}

async fn in_time(what: &str, reply: impl Future<Output = Reply>) -> Reply {
    let began = tokio::time::Instant::now();
    let reply = reply.await;
    assert!(began.elapsed() <= IN_TIME, "{what} took {:?}", began.elapsed());
    reply
}

/// Slow stores answer each call in time, but all calls of a request together too late.
#[tokio::test(start_paused = true)]
async fn no_request_waits_longer_than_the_store_timeout() {
    for fault in [Fault::Hangs, Fault::Slow] {
        let world = World::new().await;
        for n in 0..as_bearer(&world.login().await).len() {
            let request = as_bearer(&world.login().await).remove(n);
            world.all_stores_now(fault);
            let reply = in_time(&format!("{n} beside {fault:?}"), world.send(request)).await;
            if fault == Fault::Hangs {
                reply.is_problem(503, "store_unavailable");
            }
            world.all_stores_now(Fault::None);
        }
        for (name, live) in OVER_COOKIES {
            let world = World::new().await;
            let browser = world.browser();
            browser.log_in("alice").await;
            if !live {
                world.let_access_tokens_expire();
            }
            world.all_stores_now(fault);
            let reply = in_time(&format!("{name} beside {fault:?}"), browser.send(over_cookies(name))).await;
            if fault == Fault::Hangs && name != "why" {
                assert_eq!(reply.status, 503, "{name}: {}", reply.body);
            }
        }
    }
}

/// The login ends the old session, and then the new one: both need the blacklist.
#[tokio::test(start_paused = true)]
async fn a_form_login_waits_once_for_a_hanging_blacklist() {
    let world = World::new().await;
    let browser = world.browser();
    browser.log_in("alice").await;
    world.blacklist.now(Fault::Hangs);
    let reply = in_time("the login", browser.send(over_cookies("form login"))).await;
    reply.is_problem(503, "revocation_pending");
    assert!(reply.set_cookies().is_empty());
}
