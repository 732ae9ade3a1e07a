//! Two tabs of a page on another origin: login, a silent renewal in both, and a logout that both show.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use rescind_testkit::{Browser, ExposeSecret, JavaScript, Program, Tool, needs};

const PASSWORD: &str = "correct horse battery staple";

#[tokio::test]
async fn both_tabs_stay_logged_in_until_one_logs_out() {
    let Some(_) = needs(Tool::Chromium) else { return };
    let running = Program::new(env!("CARGO_BIN_EXE_spa"))
        .env("RESCIND_ACCESS_TTL", "3s")
        .env("RESCIND_STORE_TIMEOUT", "10s")
        .start()
        .await
        .unwrap();
    running.ready().await.unwrap();
    let logs = running.logs();
    let page = logs
        .lines()
        .find_map(|line| line.strip_prefix("The page is on "))
        .unwrap();
    let browser = Browser::start(page, JavaScript::On).await;
    let first = browser.tab().await;
    browser.open("/").await;
    browser.wait_for_text("You are logged out.").await;
    browser.fill("username", "alice").await;
    browser.fill("password", PASSWORD).await;
    browser.press_in_place("Sign up").await;
    browser.wait_for_text("You are alice.").await;
    let second = browser.new_tab().await;
    browser.open("/").await;
    browser.wait_for_text("You are alice.").await;

    let access = browser.cookie("rescind_access").await.unwrap();
    running.api_client().until_expired(&access).await;
    // Not the access token: a slow machine may see it expire first.
    let before = browser.cookie("rescind_refresh").await.unwrap();
    for tab in [&second, &first] {
        browser.switch_to(tab).await;
        browser.press_in_place("Who am I?").await;
        browser.wait_for_text("You are alice.").await;
    }
    let refresh = browser.cookie("rescind_refresh").await.unwrap();
    assert_ne!(refresh.expose_secret(), before.expose_secret(), "it was renewed");
    browser.press_in_place("Log out").await;
    browser.wait_for_text("You are logged out.").await;
    browser.switch_to(&second).await;
    browser.wait_for_text("You are logged out.").await;
    let refused = running.api_client().refresh(&refresh).await;
    refused.expect_problem(401, "session_closed");
}
