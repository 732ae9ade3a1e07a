//! One user's sessions are bounded, and so is the page that lists them.

use rescind_testkit::{ExposeSecret, Running};

use crate::crowd::{DEMO_PASSWORD, address, login, open, program, signup};

async fn log_in(running: &Running, name: &str, password: &str) -> rescind_testkit::Tokens {
    let api = running.api_client();
    api.send(login(&api, &address(1), name, password)).await.tokens()
}

#[tokio::test]
async fn the_oldest_session_ends_when_a_user_has_too_many() {
    let running = open(program().env("RESCIND_SESSIONS_PER_USER", "3")).await;
    let password = "a password of nobody else's";
    let api = running.api_client();
    api.send(signup(&api, &address(1), "carol")).await.expect_status(201);
    let mut held = Vec::new();
    for _ in 0..5 {
        held.push(log_in(&running, "carol", password).await);
    }
    for tokens in &held[..2] {
        api.me(tokens.access()).await.expect_problem(401, "token_revoked");
        api.refresh(tokens.refresh())
            .await
            .expect_problem(401, "session_closed");
    }
    for tokens in &held[2..] {
        api.me(tokens.access()).await.expect_status(200);
    }
    let listed = api.sessions(held[4].access()).await.expect_status(200);
    assert_eq!(listed.body.as_array().unwrap().len(), 3);
    // Many visitors log in as alice in the demo.
    let first = log_in(&running, "alice", DEMO_PASSWORD).await;
    for _ in 0..4 {
        log_in(&running, "alice", DEMO_PASSWORD).await;
    }
    api.me(first.access()).await.expect_status(200);
}

#[tokio::test]
async fn the_list_of_sessions_comes_in_pages() {
    let running = open(program().env("RESCIND_LOGIN_LIMIT", "off")).await;
    let mut last = None;
    for _ in 0..57 {
        last = Some(log_in(&running, "alice", DEMO_PASSWORD).await);
    }
    let (api, tokens) = (running.api_client(), last.unwrap());
    let mut seen = Vec::new();
    let mut next = "/api/sessions?limit=25".to_owned();
    while !next.is_empty() {
        let page = api.get(&next, Some(tokens.access())).await.expect_status(200);
        let sessions = page.body.as_array().unwrap();
        assert!(sessions.len() <= 25);
        seen.extend(
            sessions
                .iter()
                .map(|session| session["session_id"].as_str().unwrap().to_owned()),
        );
        let link = page.header_values("link").next().unwrap_or_default();
        next = link.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
    }
    assert_eq!(seen.len(), 57);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 57, "one stands on two pages");
    let whole = api.sessions(tokens.access()).await.expect_status(200);
    assert_eq!(whole.body.as_array().unwrap().len(), 50);
    for refused in ["limit=0", "limit=101", "limit=x", "after=x"] {
        let reply = api
            .get(&format!("/api/sessions?{refused}"), Some(tokens.access()))
            .await;
        reply.expect_problem(400, "bad_request");
    }
    let browser = running.cookie_client();
    let token = tokens.access().expose_secret();
    browser.plant_cookie(&format!("rescind_access={token}; Path=/"));
    let page = browser.open("/account").await.expect_status(200);
    assert!(page.text.matches("/logout\"").count() < 25, "all of them on one page");
    assert!(page.text.contains("/account?devices=2"), "no way to the next page");
}
