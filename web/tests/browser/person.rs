//! A person with a browser, and a freshly started program.

use rescind_testkit::{ApiClient, Browser, JavaScript, Program, Running, SecretString, Tokens, Tool, needs};
use thirtyfour::By;

/// The password of the demo accounts.
pub(crate) const DEMO_PASSWORD: &str = "correct horse battery staple";
const PASSWORD: &str = "long enough for anybody";

/// The lifetime of access tokens if one has to expire: as short as a slow page load allows.
pub(crate) const BRIEF: &str = "5s";
/// Their lifetime if none may expire.
pub(crate) const LONG: &str = "10m";

/// A person at a browser.
pub(crate) struct Person {
    pub(crate) browser: Browser,
    pub(crate) running: Running,
    pub(crate) api: ApiClient,
}

impl Person {
    /// Starts the program with this lifetime of access tokens, and a browser; `None` if this machine has no browser.
    pub(crate) async fn arrive(access_ttl: &str, javascript: JavaScript) -> Option<Self> {
        needs(Tool::Chromium)?;
        let program = Program::new(env!("CARGO_BIN_EXE_rescind"))
            .env("RESCIND_ACCESS_TTL", access_ttl)
            // A machine busy with browsers is slow, which these tests do not measure.
            .env("RESCIND_STORE_TIMEOUT", "20s");
        let running = program.start().await.unwrap();
        running.ready().await.unwrap();
        let browser = running.browser(javascript).await;
        let api = running.api_client();
        Some(Self { browser, running, api })
    }

    /// Types a name and a password into the form of `/login`, and sends it.
    pub(crate) async fn log_in(&self, username: &str, password: &str) {
        self.browser.open("/login").await;
        self.type_and_send(username, password).await;
    }

    /// The same on the login page that is open.
    pub(crate) async fn type_and_send(&self, username: &str, password: &str) {
        self.browser.fill("Username", username).await;
        self.browser.fill("Password", password).await;
        self.browser.press("Log in").await;
    }

    /// Logs in as alice.
    pub(crate) async fn log_in_as_alice(&self) {
        self.log_in("alice", DEMO_PASSWORD).await;
        self.assert_on_account_of("alice").await;
    }

    /// Signs carol up, whose account is the same in the browser and in the API, and logs in there.
    pub(crate) async fn carol_in_the_api(&self) -> Tokens {
        let _ = self.api.sign_up("carol", PASSWORD).await;
        self.api.log_in("carol", PASSWORD).await.tokens()
    }

    pub(crate) async fn log_in_as_carol(&self) {
        self.log_in("carol", PASSWORD).await;
        self.assert_on_account_of("carol").await;
    }

    /// Logs out with the button of the open account page. Every page has another of the same name in its head.
    pub(crate) async fn log_out_of_account(&self) {
        let button = By::Css("main form[action='/logout'] button");
        self.browser.driver().find(button).await.unwrap().click().await.unwrap();
        self.browser.wait_for_text("You are logged out.").await;
        assert_eq!(self.browser.path().await, "/");
        self.assert_holds_no_token().await;
    }

    /// The page is the private one of `name`.
    pub(crate) async fn assert_on_account_of(&self, name: &str) {
        self.browser.wait_for_text("Your devices").await;
        assert_eq!(self.browser.path().await, "/account");
        let text = self.browser.text().await;
        assert!(text.contains(name), "this is not {name}'s page:\n{text}");
    }

    /// The access token in the browser's cookie.
    pub(crate) async fn access_token(&self) -> SecretString {
        self.browser.cookie("rescind_access").await.unwrap()
    }

    /// Waits until the access token in the browser's cookie has expired.
    pub(crate) async fn let_the_access_token_run_out(&self) {
        self.api.until_expired(&self.access_token().await).await;
    }

    /// The `sid` on the open account page. Read from the page, because an access token for the API may have expired by then.
    pub(crate) async fn shown_session(&self) -> String {
        self.shown_after("\nsid\n").await
    }

    /// The generation that the account page shows for this device, which it lists first.
    pub(crate) async fn shown_generation(&self) -> u64 {
        let shown = self.shown_after("generation ").await;
        shown.trim_end_matches(|c: char| !c.is_ascii_digit()).parse().unwrap()
    }

    /// The first word after `label` on the page.
    async fn shown_after(&self, label: &str) -> String {
        let text = self.browser.text().await;
        let after = text.split_once(label).map(|(_, after)| after.split_whitespace().next());
        let word = after.flatten();
        assert!(word.is_some(), "nothing after {label:?} on the page:\n{text}");
        word.unwrap().to_owned()
    }

    /// The browser holds no token.
    pub(crate) async fn assert_holds_no_token(&self) {
        for name in ["rescind_access", "rescind_refresh"] {
            assert!(self.browser.cookie(name).await.is_none(), "{name} was kept");
        }
    }
}
