//! Somebody at a browser with scripts, at the far end of a wire.

use std::{future::Future, time::Duration};

use rescind_testkit::{
    ApiClient, Browser, CookieClient, ExposeSecret, JavaScript, Program, Running, SecretString, Tool, cookie_name,
    needs,
};
use serde_json::{Value, json};
use thirtyfour::Cookie;
use tokio::{
    net::TcpListener,
    time::{MissedTickBehavior, interval, timeout},
};

use crate::wire::Wire;

const DEMO_PASSWORD: &str = "correct horse battery staple";

/// A life of access tokens in which renewing ahead of time can be told from renewing too late: its last quarter is long
/// enough for a busy machine.
pub(crate) const SHORT: &str = "10s";
/// A life that a test can wait for the end of, twice.
pub(crate) const BRIEF: &str = "5s";
/// One in which nothing runs out.
pub(crate) const LONG: &str = "10m";

pub(crate) const RENEWAL: &str = "POST /api/refresh ";

/// Longer than any lives that are waited for, and than a slow machine needs.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often the tokens of a browser have been renewed, from both ends of the wire.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Renewals {
    /// Renewals that were answered. One too many is answered as well, with what the one before got.
    pub(crate) answered: u64,
    /// By how many generations the browser's refresh token has grown.
    pub(crate) generation: u64,
}

/// The tokens of somebody who was away for too long: the access token has run out, the refresh token buys another.
pub(crate) struct Late {
    cookies: [(&'static str, SecretString); 2],
}

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
        let running = start(settings(program(&wire))).await;
        Some(Self::at(wire, listener, running).await)
    }

    /// Starts everything, with lives in which nothing runs out, and gives tokens of somebody for whom one has.
    ///
    /// They are of a life of the program before this one, in which lives were short. Rejected: one short life for the whole
    /// test. Then what is renewed runs out too, while a busy machine has not yet come to look at it.
    pub(crate) async fn arrive_late() -> Option<(Self, Late)> {
        needs(Tool::Chromium)?;
        let (wire, listener) = Wire::bind().await;
        let before = start(program(&wire).env("RESCIND_ACCESS_TTL", "1s")).await;
        let earlier = before.cookie_client();
        earlier.log_in("alice", DEMO_PASSWORD).await.expect_status(303);
        let cookies = ["rescind_access", "rescind_refresh"].map(|name| (name, earlier.cookie(name).unwrap()));
        before.api_client().until_expired(&cookies[0].1).await;
        let program = before.terminate().await.unwrap().program;
        let running = start(program.env("RESCIND_ACCESS_TTL", LONG)).await;
        Some((Self::at(wire, listener, running).await, Late { cookies }))
    }

    async fn at(wire: Wire, listener: TcpListener, running: Running) -> Self {
        wire.carry_to(listener, running.base_url());
        let browser = Browser::start(wire.url(), JavaScript::On).await;
        let api = running.api_client();
        Self {
            browser,
            wire,
            api,
            running,
        }
    }

    /// Opens a page that is drawn for nobody, and has its scripts.
    pub(crate) async fn open_nobodys_page(&self) {
        self.browser.open("/no-such-page").await;
    }

    /// Holds these tokens from now on. The page that is open must be nobody's: one that is opened with them has new ones.
    pub(crate) async fn come_back_with(&self, late: &Late) {
        for (name, value) in &late.cookies {
            let mut cookie = Cookie::new(cookie_name(self.wire.url(), name), value.expose_secret());
            cookie.set_path("/");
            self.browser.driver().add_cookie(cookie).await.unwrap();
        }
        assert_eq!(self.state().await["state"], "stale");
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

    /// Waits until the browser's tokens are of this generation, or of a later one. Lives go on while one looks.
    pub(crate) async fn until_generation(&self, generation: u64) {
        until(&format!("generation {generation}"), async || {
            self.state().await["generation"].as_u64() >= Some(generation)
        })
        .await;
    }

    /// How often the tokens have been renewed up to a moment at which no tab renews. Each of the two numbers alone has
    /// changed by the time that the other is read, so the current tab takes its turn to renew, and does not use it.
    pub(crate) async fn renewals(&self) -> Renewals {
        until_there_is("a moment without a renewal", async || {
            self.take_turn().await;
            // Nothing where a slow machine has let the access token run out: then tabs have to renew it first.
            let generation = self.state().await["generation"].as_u64();
            let answered = u64::try_from(self.wire.answered(RENEWAL)).unwrap();
            self.end_turn().await;
            generation.map(|generation| Renewals { answered, generation })
        })
        .await
    }

    /// Lets no tab renew before [`end_turn`](Self::end_turn), in the name of the current one.
    pub(crate) async fn take_turn(&self) {
        self.resolve(
            "await new Promise((held) => {
               const turn = new Promise((end) => (window.end_turn = end));
               navigator.locks.request('rescind-renewal', () => (held(), turn));
             });",
        )
        .await;
    }

    pub(crate) async fn end_turn(&self) {
        self.evaluate("window.end_turn()").await;
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

/// The program at the far end of this wire.
fn program(wire: &Wire) -> Program {
    Program::new(env!("CARGO_BIN_EXE_rescind"))
        .env("RESCIND_PUBLIC_URL", wire.url())
        // That a busy machine is slow is not what is tried here.
        .env("RESCIND_STORE_TIMEOUT", "10s")
}

async fn start(program: Program) -> Running {
    let running = program.start().await.unwrap();
    running.ready().await.unwrap();
    running
}

/// Waits until it is so. What a page will do cannot be awaited from outside, only asked for. What is asked for must not
/// pass: "at least so many", never "so many just now".
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, is_so: impl Fn() -> F) {
    until_there_is(what, async || is_so().await.then_some(())).await;
}

/// The same for something to have.
pub(crate) async fn until_there_is<T>(what: &str, found: impl AsyncFn() -> Option<T>) -> T {
    let mut again = interval(Duration::from_millis(100));
    again.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let there_is = async {
        loop {
            again.tick().await;
            if let Some(found) = found().await {
                return found;
            }
        }
    };
    let found = timeout(PATIENCE, there_is).await.ok();
    assert!(found.is_some(), "{what} did not come within {} s", PATIENCE.as_secs());
    found.unwrap()
}
