//! Somebody at a browser with scripts, at the far end of a wire.

use std::{future::Future, time::Duration};

use rescind_testkit::{ApiClient, Browser, CookieClient, JavaScript, Program, Running, Tool, needs};
use serde_json::{Value, json};
use tokio::time::{interval, timeout};

use crate::wire::Wire;

const DEMO_PASSWORD: &str = "correct horse battery staple";

/// A life of access tokens in which renewing ahead of time can be told from renewing too late: its last quarter is long
/// enough for a busy machine.
pub(crate) const SHORT: &str = "10s";
/// A life that a test can wait for the end of.
pub(crate) const BRIEF: &str = "3s";
/// One in which nothing runs out.
pub(crate) const LONG: &str = "10m";

pub(crate) const RENEWAL: &str = "POST /api/refresh ";

/// Longer than any lives that are waited for, and than a slow machine needs.
const PATIENCE: Duration = Duration::from_secs(120);

/// A browser, the program, and the wire between them.
pub(crate) struct Person {
    pub(crate) browser: Browser,
    pub(crate) wire: Wire,
    pub(crate) api: ApiClient,
    running: Running,
}

impl Person {
    /// Starts everything, with this life of access tokens; nothing if there is no browser on this machine.
    pub(crate) async fn arrive(access_ttl: &str) -> Option<Self> {
        Self::arrive_with(|program| program.env("RESCIND_ACCESS_TTL", access_ttl)).await
    }

    /// The same with settings of any kind.
    pub(crate) async fn arrive_with(settings: impl FnOnce(Program) -> Program) -> Option<Self> {
        needs(Tool::Chromium)?;
        let (wire, listener) = Wire::bind().await;
        let program = Program::new(env!("CARGO_BIN_EXE_rescind"))
            .env("RESCIND_PUBLIC_URL", wire.url())
            // That a busy machine is slow is not what is tried here.
            .env("RESCIND_STORE_TIMEOUT", "10s");
        let running = settings(program).start().await.unwrap();
        running.ready().await.unwrap();
        wire.carry_to(listener, running.base_url());
        let browser = Browser::start(wire.url(), JavaScript::On).await;
        let api = running.api_client();
        Some(Self {
            browser,
            wire,
            api,
            running,
        })
    }

    /// Logs in, and stands on the account page.
    pub(crate) async fn log_in_as(&self, name: &str) {
        self.browser.open("/login").await;
        self.browser.press(&format!("Log in as {name}")).await;
        self.assert_on_account_of(name).await;
    }

    /// The page is the private one of `name`.
    pub(crate) async fn assert_on_account_of(&self, name: &str) {
        self.browser.wait_for_text("Your devices").await;
        assert_eq!(self.browser.path().await, "/account");
        let text = self.browser.text().await;
        assert!(text.contains(name), "this is not {name}'s page:\n{text}");
    }

    /// Opens the account page in a window of its own, which is in sight beside the others, and makes it the current one.
    pub(crate) async fn open_account_in_another_window(&self) {
        let driver = self.browser.driver();
        let window = driver.new_window().await.unwrap();
        self.browser.switch_to(&window).await;
        self.browser.open("/account").await;
        self.assert_on_account_of("alice").await;
        assert_eq!(
            self.evaluate("return document.visibilityState").await,
            "visible",
            "a window that nobody sees renews nothing"
        );
    }

    /// Runs this before any script of the pages that the current tab opens from now on.
    pub(crate) async fn before_scripts(&self, source: &str) {
        let driver = self.browser.driver();
        let parameters = json!({"source": source});
        driver
            .cdp()
            .send_raw("Page.addScriptToEvaluateOnNewDocument", parameters)
            .await
            .unwrap();
    }

    /// What this function body returns, in the current tab.
    pub(crate) async fn evaluate(&self, body: &str) -> Value {
        let returned = self.browser.driver().execute(body, Vec::new()).await.unwrap();
        returned.json().clone()
    }

    /// What this function body resolves to. In it `module` is what the page's own script exports.
    pub(crate) async fn resolve(&self, body: &str) -> Value {
        let script = format!(
            "const done = arguments[arguments.length - 1];
             const source = document.querySelector('script[type=module]').src;
             (async () => {{ const module = await import(source); {body} }})().then(done, error => done('failed: ' + error));"
        );
        let resolved = self.browser.driver().execute_async(&script, Vec::new()).await.unwrap();
        resolved.json().clone()
    }

    /// Writes down from now on what the renewal of the current tab tells.
    pub(crate) async fn listen(&self) {
        let heard = self
            .resolve(
                "window.heard = [];
                 for (const kind of ['state', 'refused']) {
                   module.renewal.addEventListener(kind, ({ detail }) => window.heard.push({ kind, detail }));
                 }
                 return 'listening';",
            )
            .await;
        assert_eq!(heard, "listening");
    }

    /// What was told since [`listen`](Self::listen); nothing either if the page has gone since.
    pub(crate) async fn heard(&self) -> Vec<Value> {
        let heard = self.evaluate("return window.heard ?? []").await;
        heard.as_array().unwrap().clone()
    }

    /// What `GET /session` says of the browser's cookies.
    pub(crate) async fn state(&self) -> Value {
        self.resolve("return await (await fetch('/session')).json();").await
    }

    /// How often the browser's tokens have been renewed, always in time.
    pub(crate) async fn generation(&self) -> u64 {
        let state = self.state().await;
        assert_eq!(state["state"], "live", "it was renewed too late, if at all: {state}");
        state["generation"].as_u64().unwrap()
    }

    /// Waits until the browser's tokens are of this generation.
    pub(crate) async fn until_generation(&self, generation: u64) {
        until(&format!("generation {generation}"), async || {
            self.state().await["generation"].as_u64() >= Some(generation)
        })
        .await;
        let state = self.state().await;
        assert_eq!(
            state["generation"], generation,
            "more was renewed than had to be: {state}"
        );
    }

    /// Waits until the access token in the browser's cookie has run out.
    pub(crate) async fn let_the_access_token_run_out(&self) {
        let token = self.browser.cookie("rescind_access").await.unwrap();
        self.api.until_expired(&token).await;
    }

    /// The same, without asking the page anything: another one is in front, or it sleeps.
    pub(crate) async fn let_a_life_pass(&self) {
        let another = self.api.log_in("bob", DEMO_PASSWORD).await.tokens();
        self.api.until_expired(another.access()).await;
    }

    /// A visitor without cookies, on the program's own side of the wire.
    pub(crate) fn cookie_client(&self) -> CookieClient {
        self.running.cookie_client()
    }

    /// Alice logs out everywhere, on another device.
    pub(crate) async fn end_the_session_from_elsewhere(&self) {
        let elsewhere = self.api.log_in("alice", DEMO_PASSWORD).await.tokens();
        self.api.log_out_everywhere(elsewhere.access()).await.expect_status(204);
    }

    /// The content security policy was kept to, in the current tab and in all before.
    pub(crate) async fn assert_policy_kept(&self) {
        let said = self.browser.console().await;
        let violations: Vec<_> = said
            .iter()
            .filter(|entry| entry.message.contains("Content Security Policy"))
            .collect();
        assert!(violations.is_empty(), "{violations:#?}");
    }
}

/// Waits until it is so. What a page will do cannot be awaited from outside, only asked for.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, is_so: impl Fn() -> F) {
    let mut again = interval(Duration::from_millis(100));
    let becomes_so = async {
        loop {
            again.tick().await;
            if is_so().await {
                return;
            }
        }
    };
    assert!(
        timeout(PATIENCE, becomes_so).await.is_ok(),
        "{what} did not come within {} s",
        PATIENCE.as_secs()
    );
}
