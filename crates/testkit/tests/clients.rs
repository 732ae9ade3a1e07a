//! What the clients without a browser send, keep and print.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its fixtures included")]

mod canned;

use canned::Canned;
use rescind_testkit::{ApiClient, CookieClient, ExposeSecret, Provenance, Thief};

const TOKENS: &str = r#"{"access_token":"eyJ.a.b","token_type":"Bearer","expires_in":300,"refresh_token":"rrt_x",
    "refresh_expires_in":604800,"session_id":"s-1"}"#;

const ANSWERS: &[(&str, &str, &str)] = &[
    ("/api/login", "200 OK\r\nContent-Type: application/json", TOKENS),
    (
        "/api/me",
        "401 Unauthorized\r\nContent-Type: application/problem+json",
        r#"{"code":"token_revoked","status":401}"#,
    ),
    (
        "POST /login",
        "303 See Other\r\nLocation: /account\r\nSet-Cookie: rescind_access=eyJ.c.d; Path=/; HttpOnly",
        "",
    ),
    ("/account", "200 OK\r\nContent-Type: text/html", "<p>your account</p>"),
];

#[tokio::test]
async fn an_api_client_sends_only_the_arguments_of_the_call() {
    let server = Canned::start(ANSWERS).await;
    let client = ApiClient::new(&server.base_url);
    let tokens = client.log_in("alice", "secret words").await.tokens();
    assert_eq!((tokens.session_id.as_str(), tokens.expires_in), ("s-1", 300));
    client.me(tokens.access()).await.expect_problem(401, "token_revoked");
    client.get("/api/me", None).await.expect_status(401);
    let requests = server.requests();
    assert!(!requests[0].contains("authorization"), "{}", requests[0]);
    assert!(requests[1].contains("authorization: bearer eyj.a.b"), "{}", requests[1]);
    assert!(
        !requests[2].contains("authorization") && !requests[2].contains("cookie"),
        "{}",
        requests[2]
    );
}

#[tokio::test]
async fn tokens_and_a_thief_print_as_redacted() {
    let server = Canned::start(ANSWERS).await;
    let client = ApiClient::new(&server.base_url);
    let tokens = client.log_in("alice", "secret words").await.tokens();
    let thief = Thief::copying(&client, &tokens);
    let printed = format!("{tokens:?} {thief:?}");
    assert!(!printed.contains("eyJ") && !printed.contains("rrt_"), "{printed}");
    assert_eq!(thief.tries_me().await.code(), "token_revoked");
}

#[tokio::test]
#[should_panic(expected = "unexpected answer")]
async fn a_problem_with_another_code_is_not_the_expected_one() {
    let server = Canned::start(ANSWERS).await;
    let _ = ApiClient::new(&server.base_url)
        .get("/api/me", None)
        .await
        .expect_problem(401, "token_expired");
}

#[tokio::test]
async fn a_visitor_keeps_and_shares_cookies_and_follows_no_redirect() {
    let server = Canned::start(ANSWERS).await;
    let visitor = CookieClient::new(&server.base_url);
    let answer = visitor.log_in("alice", "secret words").await.expect_status(303);
    assert_eq!(server.requests().len(), 1, "the redirect was followed");
    assert_eq!(visitor.cookie("rescind_access").unwrap().expose_secret(), "eyJ.c.d");
    let other_tab = visitor.clone();
    assert_eq!(
        other_tab.follow(&answer).await.expect_status(200).text,
        "<p>your account</p>"
    );
    let request = &server.requests()[1];
    assert!(
        request.starts_with("get /account ") && request.contains("cookie: rescind_access=eyj.c.d"),
        "{request}"
    );
}

#[tokio::test]
async fn a_form_has_the_origin_headers_of_the_named_browser() {
    let server = Canned::start(ANSWERS).await;
    let visitor = CookieClient::new(&server.base_url);
    let own = format!("origin: {}", server.base_url);
    let cases = [
        (
            Provenance::SameOrigin,
            Some("sec-fetch-site: same-origin"),
            Some(own.as_str()),
        ),
        (Provenance::OldBrowser, None, Some(own.as_str())),
        (
            Provenance::OtherOrigin("https://evil.example".into()),
            Some("sec-fetch-site: cross-site"),
            Some("origin: https://evil.example"),
        ),
        (Provenance::Silent, None, None),
    ];
    for (provenance, site, origin) in cases {
        visitor
            .with_provenance(provenance.clone())
            .log_out()
            .await
            .expect_status(404);
        let request = server.requests().pop().unwrap();
        assert!(request.starts_with("post /logout "), "{request}");
        for (header, wanted) in [("sec-fetch-site", site), ("origin:", origin)] {
            match wanted {
                Some(line) => assert!(request.contains(line), "{provenance:?}: {request}"),
                None => assert!(!request.contains(header), "{provenance:?}: {request}"),
            }
        }
    }
}
