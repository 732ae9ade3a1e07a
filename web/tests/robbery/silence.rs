//! The demo shows stolen tokens to their owner; the log never contains them, at any level.

use std::collections::BTreeSet;

use rescind_testkit::{ExposeSecret, SecretString};

use crate::{
    screen::{Door, Screen},
    visitor::{DEMO_PASSWORD, Visitor, open, program},
};

/// What must not be in the log.
#[derive(Default)]
struct Secrets(BTreeSet<String>);

impl Secrets {
    /// A token, complete and in the parts that would be enough for a thief.
    fn token(&mut self, token: &SecretString) {
        let token = token.expose_secret();
        self.0.insert(token.to_owned());
        self.0.extend(token.strip_prefix("rrt_").map(str::to_owned));
        self.0.extend(token.split('.').skip(1).map(str::to_owned));
    }

    /// What the visitor's browser holds.
    fn cookies(&mut self, visitor: &Visitor) {
        for name in ["rescind_access", "rescind_refresh", "rescind_visitor"] {
            if let Some(value) = visitor.client.cookie(name) {
                self.token(&value);
            }
        }
    }

    /// Every token that the screen shows: the thief's own, too.
    fn shown(&mut self, screen: &Screen) {
        for door in Door::BOTH {
            let command = screen.command(door);
            let is_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            let words = command.expose_secret().split(|c| !is_token(c));
            for token in words.filter(|word| word.starts_with("eyJ") && word.len() > 100) {
                self.token(&token.to_owned().into());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_stolen_token_and_no_visitors_cookie_is_in_the_log_at_trace_level() {
    let mut secrets = Secrets::default();
    let running = open(program().env("RUST_LOG", "trace")).await;
    let visitor = Visitor::arrive(&running).await;
    for action in [
        "/demo/rob",
        "/demo/log-out",
        "/demo/thief/try",
        "/demo/rob/second",
        "/demo/thief/steal-refresh",
        "/demo/thief/refresh",
        "/demo/thief/refresh",
        "/demo/thief/try",
    ] {
        let screen = visitor.press(action).await;
        secrets.shown(&screen);
        secrets.cookies(&visitor);
    }
    visitor.client.post("/demo/refresh", &[]).await.expect_status(303);
    visitor.press("/demo/thief/try").await;
    visitor.press("/demo/thief/refresh").await;
    visitor.press("/demo/forget").await;
    // An unknown visitor's cookie must not be logged either.
    visitor
        .client
        .plant_cookie("rescind_visitor=guessed-by-somebody-else; Path=/");
    visitor.client.open("/demo").await;
    secrets.0.insert("guessed-by-somebody-else".to_owned());
    secrets
        .0
        .extend([" ", "+", "%20"].map(|space| DEMO_PASSWORD.replace(' ', space)));

    let logs = running.terminate().await.unwrap().program.logs().to_owned();
    assert!(
        logs.contains(r#""level":"TRACE""#) && logs.contains("/demo/thief/try"),
        "this is no log at trace level"
    );
    assert!(secrets.0.len() > 15, "only {} secrets", secrets.0.len());
    for secret in &secrets.0 {
        let said: Vec<_> = logs.lines().filter(|line| line.contains(secret.as_str())).collect();
        assert!(
            said.is_empty(),
            "a secret of {} letters is in the log: {said:#?}",
            secret.len()
        );
    }
}
