//! A freshly started program, and a person at a browser.

use rescind_testkit::{Browser, JavaScript, Program, Running, Tool, needs};

/// The password of the demo accounts.
pub(crate) const DEMO_PASSWORD: &str = "correct horse battery staple";
/// The password of people who sign up.
pub(crate) const PASSWORD: &str = "long enough for anybody";

/// The program, with lifetimes so long that no token expires, and a store timeout for a busy machine.
pub(crate) fn program() -> Program {
    Program::new(env!("CARGO_BIN_EXE_rescind"))
        .env("RESCIND_ACCESS_TTL", "10m")
        .env("RESCIND_STORE_TIMEOUT", "5s")
        // Another node, which is down, so that the sentences on nodes are checked too.
        .env("RESCIND_NODE", "a")
        .env("RESCIND_DEMO_PEERS", "http://127.0.0.1:1")
}

/// Starts it, and waits until it is ready.
pub(crate) async fn start(program: Program) -> Running {
    let running = program.start().await.unwrap();
    running.ready().await.unwrap();
    running
}

/// The program and a browser; `None` if this machine has no browser.
pub(crate) async fn arrive(javascript: JavaScript) -> Option<(Running, Browser)> {
    needs(Tool::Chromium)?;
    let running = start(program()).await;
    let browser = running.browser(javascript).await;
    Some((running, browser))
}

/// Signs up in the browser, and lands on the account.
pub(crate) async fn sign_up(browser: &Browser, username: &str) {
    browser.open("/signup").await;
    browser.fill("Username", username).await;
    browser.fill("Password", PASSWORD).await;
    browser.press("Sign up").await;
    browser.wait_for_text("Your devices").await;
}
