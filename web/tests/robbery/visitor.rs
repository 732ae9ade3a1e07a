//! A visitor who came to be robbed, and the program.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use rescind_testkit::{ApiClient, CookieClient, Program, Provenance, Reply, Running, SecretString};

use crate::screen::{Door, Screen, span_in};

/// The password of the demo accounts.
pub(crate) const DEMO_PASSWORD: &str = "correct horse battery staple";
/// The buttons of both acts, in order, after the robbery.
pub(crate) const BOTH_ACTS: [&str; 8] = [
    "/demo/log-out",
    "/demo/thief/try",
    "/demo/rob/second",
    "/demo/thief/steal-refresh",
    "/demo/thief/refresh",
    "/demo/thief/refresh",
    "/demo/refresh",
    "/demo/thief/try",
];
/// How much page and token may differ on the time left: both have whole seconds.
const ROUNDING: Duration = Duration::from_secs(2);

/// The program in demo mode, with tokens that do not expire during a test, and a store timeout for a machine that also
/// compiles.
pub(crate) fn program() -> Program {
    Program::new(env!("CARGO_BIN_EXE_rescind"))
        .env("RESCIND_ACCESS_TTL", "10m")
        .env("RESCIND_STORE_TIMEOUT", "10s")
}

/// Starts it, and waits until it is ready.
pub(crate) async fn open(program: Program) -> Running {
    let running = program.start().await.unwrap();
    running.ready().await.unwrap();
    running
}

/// A visitor of the demo, with a cookie jar and without scripts.
#[derive(Clone)]
pub(crate) struct Visitor {
    pub(crate) client: CookieClient,
    pub(crate) api: ApiClient,
}

impl Visitor {
    /// Arrives at the first page.
    pub(crate) async fn arrive(running: &Running) -> Self {
        let visitor = Self {
            client: running.cookie_client(),
            api: running.api_client(),
        };
        visitor.client.open("/").await.expect_status(200);
        visitor
    }

    /// Arrives with a browser that sends these headers on the origin of its requests.
    pub(crate) async fn arrive_as(running: &Running, provenance: Provenance) -> Self {
        let visitor = Self::arrive(running).await;
        Self {
            client: visitor.client.with_provenance(provenance),
            ..visitor
        }
    }

    /// Arrives, and presses the one button.
    pub(crate) async fn be_robbed(running: &Running) -> Self {
        let visitor = Self::arrive(running).await;
        visitor.press("/demo/rob").await;
        visitor
    }

    /// Presses a button of the screen, and follows it back to the screen.
    pub(crate) async fn press(&self, action: &str) -> Screen {
        let reply = self.client.post(action, &[]).await.expect_status(303);
        let to = reply.header("location");
        assert!(to == "/demo" || to.starts_with("/demo#"), "{action} leads to {to}");
        self.screen().await
    }

    /// The screen as it is now.
    pub(crate) async fn screen(&self) -> Screen {
        Screen::of(&self.client.open("/demo").await.expect_status(200).text)
    }

    /// Any page.
    pub(crate) async fn page(&self, path: &str) -> (Reply, Screen) {
        let reply = self.client.open(path).await.expect_status(200);
        let screen = Screen::of(&reply.text);
        (reply, screen)
    }

    /// Waits as somebody does who reads for longer than a token lives.
    pub(crate) async fn until_the_copy_expires(&self) {
        let mut again = tokio::time::interval(Duration::from_millis(100));
        while self.screen().await.words("#thief .chips").contains("left") {
            again.tick().await;
        }
    }

    /// The access token in the cookie.
    pub(crate) fn access(&self) -> SecretString {
        self.client.cookie("rescind_access").unwrap()
    }

    /// The refresh token in the cookie.
    pub(crate) fn refresh(&self) -> SecretString {
        self.client.cookie("rescind_refresh").unwrap()
    }

    /// When the access token in the cookie expires.
    pub(crate) async fn expiry(&self) -> Timestamp {
        expiry(&self.api, &self.access()).await
    }

    /// The name that the cookies log in, if any.
    pub(crate) async fn name(&self) -> Option<String> {
        let me = self.client.open("/api/me").await;
        (me.status == 200).then(|| me.body["username"].as_str().unwrap().to_owned())
    }

    /// The signature-only door shows, on this visitor's screen, exactly how long it stays open for a token with this expiry.
    pub(crate) async fn assert_still_inside_until(&self, expiry: Timestamp) {
        let (reply, screen) = self.page("/demo").await;
        screen.assert_accepted(Door::SignatureOnly);
        assert_eq!(screen.open_until(Door::SignatureOnly), expiry);
        let shown_at = rfc2822::parse(reply.header("date")).unwrap().timestamp();
        assert_left(&screen.verdict(Door::SignatureOnly), (shown_at, shown_at), expiry);
    }
}

/// A live access token's expiry, from the API.
pub(crate) async fn expiry(api: &ApiClient, access: &SecretString) -> Timestamp {
    let me = api.me(access).await.expect_status(200);
    me.body["expires_at"].as_str().unwrap().parse().unwrap()
}

/// The verdict shows the time left when it was drawn, which was between these two instants.
#[track_caller]
pub(crate) fn assert_left(verdict: &str, (earliest, latest): (Timestamp, Timestamp), expiry: Timestamp) {
    assert!(verdict.contains("still inside for another"), "{verdict}");
    let told = span_in(verdict).unwrap_or_else(|| panic!("no time in {verdict:?}"));
    let left = |shown: Timestamp| {
        let left = expiry.duration_since(shown).max(SignedDuration::ZERO);
        Duration::try_from(left).unwrap()
    };
    let (most, least) = (left(earliest), left(latest));
    assert!(
        told <= most + ROUNDING && told + ROUNDING >= least,
        "{verdict:?}, but between {least:?} and {most:?} are left"
    );
}
