//! Security headers for every reply.

use actix_web::http::Method;

use crate::world::{Make, Reply, World, call, navigation};

const ALWAYS: [&str; 8] = [
    "content-security-policy",
    "x-content-type-options",
    "x-frame-options",
    "referrer-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "permissions-policy",
    "x-request-id",
];

fn carries_them(reply: &Reply) {
    for name in ALWAYS {
        assert!(reply.header(name).is_some(), "{} lacks {name}", reply.status);
    }
}

#[tokio::test]
async fn every_reply_has_the_security_headers() {
    let world = World::new().await;
    let requests = [
        navigation("/page"),
        navigation("/mine"),
        navigation("/nothing-here"),
        navigation("/gives-up"),
        navigation("/health/live"),
        call(Method::POST, "/api/login").insert_header(("sec-fetch-site", "cross-site")),
        call(Method::GET, "/api/login"),
    ];
    for request in requests {
        carries_them(&world.send(request).await);
    }
}

#[tokio::test]
async fn the_content_security_policy_allows_no_script_and_nothing_inline() {
    let world = World::new().await;
    let reply = world.send(navigation("/page")).await;
    insta::assert_snapshot!(
        reply.header("content-security-policy").unwrap(),
        @"default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    assert_eq!(
        reply.header("referrer-policy"),
        Some("same-origin"),
        "no-referrer would make forms send Origin: null"
    );
}

#[tokio::test]
async fn a_handlers_own_security_headers_are_kept() {
    let world = World::new().await;
    let browser = world.browser();
    browser.log_in("alice").await;
    assert_eq!(
        browser.visit("/own-headers").await.header("content-security-policy"),
        Some("default-src 'self'")
    );
}

#[tokio::test]
async fn hsts_is_sent_over_https_only() {
    let world = World::new().await;
    let hsts = "strict-transport-security";
    assert_eq!(
        world.send(navigation("/page")).await.header(hsts),
        Some("max-age=31536000")
    );
    let plain = Make {
        public_url: "http://127.0.0.1:8080",
        ..Make::default()
    }
    .world()
    .await;
    assert_eq!(plain.send(navigation("/page")).await.header(hsts), None);
}
