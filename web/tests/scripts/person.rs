//! A person at a browser with scripts, connected through a faulty wire.

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

/// A lifetime of access tokens that distinguishes renewing ahead of time from renewing too late: its last quarter is long
/// enough for a busy machine.
pub(crate) const SHORT: &str = "10s";
/// A lifetime short enough to wait for twice.
pub(crate) const BRIEF: &str = "5s";
/// A lifetime in which no token expires.
pub(crate) const LONG: &str = "10m";

pub(crate) const RENEWAL: &str = "POST /api/refresh ";

/// Longer than any awaited lifetime, and than a slow machine needs.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often a browser's tokens were renewed, counted at both ends of the wire.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Renewals {
    /// Answered renewals. A redundant one is answered too, with the same tokens as the one before.
    pub(crate) answered: u64,
    /// By how many generations the browser's refresh token has grown.
    pub(crate) generation: u64,
}

/// The tokens of a person who was away: the access token has expired, the refresh token is valid.
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
    /// Starts everything, with this lifetime of access tokens; `None` if this machine has no browser.
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

    /// Starts everything, with long lifetimes, and returns tokens with an expired access token.
    ///
    /// They are from an earlier run of the program, with short lifetimes. Rejected: one short lifetime for the whole test. Then
    /// the renewed token may expire too, before a busy machine checks it.
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

    /// Opens a page that depends on no login, with its scripts.
    pub(crate) async fn open_page_without_login(&self) {
        self.browser.open("/no-such-page").await;
    }

    /// Sets these tokens. The open page must not depend on a login: a page opened with them renews them.
    pub(crate) async fn come_back_with(&self, late: &Late) {
        for (name, value) in &late.cookies {
            let mut cookie = Cookie::new(cookie_name(self.wire.url(), name), value.expose_secret());
            cookie.set_path("/");
            self.browser.driver().add_cookie(cookie).await.unwrap();
        }
        assert_eq!(self.state().await["state"], "stale");
    }

    /// Logs in, and arrives at the account page.
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

    /// Opens the account page in its own visible window beside the others, and makes it the current one.
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

    /// The return value of this function body, in the current tab.
    pub(crate) async fn evaluate(&self, body: &str) -> Value {
        let returned = self.browser.driver().execute(body, Vec::new()).await.unwrap();
        returned.json().clone()
    }

    /// The resolved value of this function body. In it `module` has the exports of the page's own script.
    pub(crate) async fn resolve(&self, body: &str) -> Value {
        let script = format!(
            "const done = arguments[arguments.length - 1];
             const source = document.querySelector('script[type=module]').src;
             (async () => {{ const module = await import(source); {body} }})().then(done, error => done('failed: ' + error));"
        );
        let resolved = self.browser.driver().execute_async(&script, Vec::new()).await.unwrap();
        resolved.json().clone()
    }

    /// Records from now on the notifications of the current tab's renewal.
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

    /// The notifications since [`listen`](Self::listen); none if the page was left since.
    pub(crate) async fn heard(&self) -> Vec<Value> {
        let heard = self.evaluate("return window.heard ?? []").await;
        heard.as_array().unwrap().clone()
    }

    /// The answer of `GET /session` to the browser's cookies.
    pub(crate) async fn state(&self) -> Value {
        self.resolve("return await (await fetch('/session')).json();").await
    }

    /// Waits until the browser's tokens are of this generation, or of a later one: renewals continue meanwhile.
    pub(crate) async fn until_generation(&self, generation: u64) {
        until(&format!("generation {generation}"), async || {
            self.state().await["generation"].as_u64() >= Some(generation)
        })
        .await;
    }

    /// How often the tokens were renewed, at a moment at which no tab renews. Otherwise one number could change while the
    /// other is read, so the current tab takes the turn to renew, and does not use it.
    pub(crate) async fn renewals(&self) -> Renewals {
        until_there_is("a moment without a renewal", async || {
            self.take_turn().await;
            // `None` if the access token has expired on a slow machine: then tabs have to renew it first.
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

    /// Waits until the access token in the browser's cookie has expired.
    pub(crate) async fn let_the_access_token_run_out(&self) {
        let token = self.browser.cookie("rescind_access").await.unwrap();
        self.api.until_expired(&token).await;
    }

    /// The same, without a script in the page: another one is in front, or it sleeps.
    pub(crate) async fn let_a_life_pass(&self) {
        let another = self.api.log_in("bob", DEMO_PASSWORD).await.tokens();
        self.api.until_expired(another.access()).await;
    }

    /// A visitor without cookies, on the program's own side of the wire.
    pub(crate) fn cookie_client(&self) -> CookieClient {
        self.running.cookie_client()
    }

    /// Alice logs out in a program that has a copy of her refresh token.
    pub(crate) async fn end_the_session_from_elsewhere(&self) {
        let token = self.browser.cookie("rescind_refresh").await.unwrap();
        self.api.log_out_by_refresh_token(&token).await.expect_status(204);
    }

    /// The content security policy was not violated, in the current tab and in all before.
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
        // These tests do not measure a busy machine's speed.
        .env("RESCIND_STORE_TIMEOUT", "10s")
}

async fn start(program: Program) -> Running {
    let running = program.start().await.unwrap();
    running.ready().await.unwrap();
    running
}

/// Polls until it is so: a page's actions cannot be awaited from outside. The condition must stay true: "at least n", never
/// "n at this moment".
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, is_so: impl Fn() -> F) {
    until_there_is(what, async || is_so().await.then_some(())).await;
}

/// The same, for a value.
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
