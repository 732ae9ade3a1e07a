//! The assembled program's answers to wrong requests: problem documents to programs, pages to people. Every case of the API is
//! tested in its own crate; this proves that the assembly does not change them.

use rescind_testkit::Reply;
use serde_json::json;

use crate::stage::{DEMO_PASSWORD, Stage, program};

const HTML: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// Checks the headers that every answer has, right or wrong.
#[track_caller]
fn assert_guarded(reply: &Reply) {
    let policy = reply.header("content-security-policy");
    assert!(
        policy.contains("default-src 'none'") && !policy.contains("unsafe-inline"),
        "{policy:?} of {reply:?}"
    );
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
    assert!(!reply.header("x-request-id").is_empty(), "{reply:?}");
}

#[track_caller]
fn assert_problem(reply: Reply, status: u16, code: &str) -> Reply {
    let reply = reply.expect_problem(status, code);
    assert_guarded(&reply);
    assert_eq!(reply.body["status"], status);
    assert!(!reply.body["detail"].as_str().unwrap().is_empty());
    assert_eq!(
        reply.body["instance"],
        format!("urn:uuid:{}", reply.header("x-request-id")),
        "to be found in the log"
    );
    assert_eq!(reply.header("cache-control"), "no-store");
    reply
}

#[tokio::test]
async fn a_wrong_api_request_gets_a_problem_document() {
    let stage = Stage::open().await;
    let api = &stage.api;
    for unknown in [
        "/api/nothing",
        "/api",
        "/nothing",
        "/api/sessions/not-an-id/x",
        "/static/nothing.css",
    ] {
        assert_problem(api.get(unknown, None).await, 404, "not_found");
    }
    for (method, path) in [
        ("GET", "/api/login"),
        ("DELETE", "/api/me"),
        ("PUT", "/api/sessions"),
        ("DELETE", "/account"),
    ] {
        let refused = api.send(api.request(method, path)).await;
        let refused = assert_problem(refused, 405, "method_not_allowed");
        assert!(!refused.header("allow").is_empty(), "{method} {path}: {refused:?}");
    }
    let too_much = json!({"username": "alice", "password": "x".repeat(20_000)});
    assert_problem(
        api.post("/api/login", None, Some(&too_much)).await,
        413,
        "payload_too_large",
    );

    let login = |media_type: &str, body: &'static str| {
        api.send(
            api.request("POST", "/api/login")
                .header("Content-Type", media_type)
                .body(body),
        )
    };
    assert_problem(login("application/json", r#"{"username": "#).await, 400, "bad_request");
    assert_problem(
        login("text/plain", r#"{"username": "alice"}"#).await,
        415,
        "unsupported_media_type",
    );
    assert_problem(login("application/json", "[1, 2]").await, 422, "invalid_input");
    let refused = assert_problem(
        login("application/json", r#"{"username": 7}"#).await,
        422,
        "invalid_input",
    );
    let wrong: Vec<_> = refused.body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| &error["field"])
        .collect();
    assert_eq!(wrong, ["username", "password"]);

    let refused = assert_problem(api.get("/api/me", None).await, 401, "token_missing");
    assert!(refused.header("www-authenticate").starts_with("Bearer"), "{refused:?}");
    assert_problem(api.me(&"eyJ.eyJ.x".into()).await, 401, "token_invalid");
}

#[tokio::test]
async fn a_wrong_page_request_gets_a_page_like_a_right_one() {
    let stage = Stage::open().await;
    let visitor = stage.running.cookie_client();
    let ask = |method: &str, path: &str| visitor.request(method, path).header("Accept", HTML);
    let much = "x".repeat(200_000);
    let wrong = [
        (404, visitor.send(ask("GET", "/nothing")).await),
        (405, visitor.send(ask("GET", "/logout")).await),
        (
            413,
            visitor
                .send(ask("POST", "/login").form(&[("username", "alice"), ("password", &much)]))
                .await,
        ),
        (
            415,
            visitor
                .send(
                    ask("POST", "/login")
                        .header("Content-Type", "text/plain")
                        .body("username=alice"),
                )
                .await,
        ),
        (
            403,
            visitor
                .send(
                    visitor
                        .request("GET", "/refresh")
                        .header("Accept", HTML)
                        .header("Sec-Purpose", "prefetch"),
                )
                .await,
        ),
    ];
    for (status, page) in wrong {
        assert_eq!(page.status, status, "{page:?}");
        assert!(page.header("content-type").starts_with("text/html"), "{page:?}");
        assert!(page.text.contains("<h1>") && page.text.contains("Rescind"), "{page:?}");
        assert!(
            page.text.contains(page.header("x-request-id")),
            "to be found in the log: {page:?}"
        );
        assert_guarded(&page);
    }
    for path in ["/", "/login", "/signup"] {
        let page = visitor.send(ask("GET", path)).await.expect_status(200);
        assert_guarded(&page);
        assert_eq!(page.header("cache-control"), "no-store", "{path}");
    }
    // Under /api the client is a program, with any Accept header.
    let refused = visitor.send(ask("GET", "/api/me")).await;
    assert_problem(refused, 401, "token_missing");
}

#[tokio::test]
async fn health_and_static_files_are_served() {
    let stage = Stage::open().await;
    for path in ["/health/live", "/health/ready"] {
        stage.api.get(path, None).await.expect_status(200);
    }
    let home = stage.api.get("/", None).await.expect_status(200);
    let stylesheet = home
        .text
        .split('"')
        .find(|word| word.starts_with("/static/") && word.ends_with(".css"))
        .unwrap();
    let served = stage.api.get(stylesheet, None).await.expect_status(200);
    assert!(
        served.header("cache-control").contains("immutable") && served.header("content-type").starts_with("text/css")
    );
    let known = stage
        .api
        .request("GET", stylesheet)
        .header("If-None-Match", served.header("etag"));
    stage.api.send(known).await.expect_status(304);
    // The font, whose address is in the stylesheet.
    let font = served.text.split('"').find(|word| word.ends_with(".woff2")).unwrap();
    let font = stage.api.get(font, None).await.expect_status(200);
    assert_eq!(
        (font.header("content-type"), font.header("content-encoding")),
        ("font/woff2", "")
    );
    assert!(font.header("cache-control").contains("immutable"));
}

/// The form does two things. Sending it again after the second one failed would only report that the name is taken.
#[tokio::test]
async fn a_new_account_that_cannot_be_logged_in_yet_leads_to_the_login() {
    let stage = Stage::with(program().env("RESCIND_LOGIN_LIMIT", "1/hour")).await;
    stage
        .api
        .log_in("alice", "wrong horse")
        .await
        .expect_problem(401, "invalid_credentials");
    let visitor = stage.running.cookie_client();
    let form = [("username", "carol"), ("password", DEMO_PASSWORD)];
    let reply = visitor.post("/signup", &form).await.expect_status(303);
    assert_eq!(reply.header("location"), "/login?next=/account");
    assert!(visitor.cookie("rescind_access").is_none());
    visitor.follow(&reply).await.expect_status(200);
    let taken = visitor.post("/signup", &form).await.expect_status(409);
    assert!(taken.text.contains("is taken"), "{taken:?}");
}
