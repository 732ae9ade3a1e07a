//! A sandbox of the lab, and the recording of a story in it.

use std::time::Duration;

use actix_web::http::header;
use jiff::Timestamp;
use rand::{SeedableRng, rngs::StdRng};
use rescind_lab::{
    Action, Answer, Exchange, Outcome, Sandbox, SandboxError, Setup, Who,
    meter::{Access, Store},
};
use rescind_session::Policy;

use crate::{
    lab::of_action,
    pages::times::{clock, length},
    trace::{Finding, Moment, Said, class_of, cost::times, reply},
};

/// Every story begins on 1 January 2026, ten o'clock.
const BEGINS: i64 = 1_767_261_600;
/// The seed of every story's randomness. Its tokens are useless outside of the story.
const SEED: u64 = 7519;

/// Two spans, side by side: from the login to the logout, and from the theft to the copy's expiry or refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spans {
    out: Duration,
    stolen: Duration,
    dead: Duration,
}

impl Spans {
    pub(crate) const WIDTH: u64 = 1000;
    /// So that a short span is visible.
    const LEAST: u64 = 5;

    pub(crate) fn you(&self) -> String {
        length(self.out)
    }

    pub(crate) fn copy(&self) -> String {
        length(self.dead.saturating_sub(self.stolen))
    }

    /// How long the copy worked after the logout, if it did.
    pub(crate) fn after(&self) -> Option<String> {
        let after = self.dead.saturating_sub(self.out);
        (!after.is_zero()).then(|| length(after))
    }

    pub(crate) fn theft_at(&self) -> u64 {
        self.place(self.stolen).min(Self::WIDTH - Self::LEAST)
    }

    pub(crate) fn logout_at(&self) -> u64 {
        self.place(self.out).max(Self::LEAST)
    }

    /// The width of the part before the logout in which the copy works.
    pub(crate) fn before_width(&self) -> u64 {
        self.logout_at().saturating_sub(self.theft_at())
    }

    pub(crate) fn after_width(&self) -> u64 {
        if self.dead > self.out {
            Self::WIDTH - self.logout_at()
        } else {
            0
        }
    }

    fn place(&self, at: Duration) -> u64 {
        let whole = self.dead.max(self.out).as_secs().max(1);
        at.as_secs() * Self::WIDTH / whole
    }
}

pub(crate) struct Story {
    pub(crate) finding: Finding,
    pub(crate) spans: Option<Spans>,
    pub(crate) moments: Vec<Moment>,
}

pub(in crate::learn) struct Play {
    pub(in crate::learn) sandbox: Sandbox,
    pub(in crate::learn) moments: Vec<Moment>,
    stolen: Option<Duration>,
    logged_out: Option<Duration>,
    /// When a copy was last accepted after the logout.
    accepted: Option<Duration>,
    /// When it was first refused.
    refused: Option<Duration>,
}

impl Play {
    /// Begins a story without a login. `change` sets the lifetimes.
    pub(in crate::learn) async fn begin(
        answer: Answer,
        change: impl FnOnce(&mut Policy),
    ) -> Result<Self, SandboxError> {
        let mut setup = Setup::new(answer, begins());
        change(&mut setup.policy);
        Ok(Self {
            sandbox: Sandbox::open(setup, StdRng::seed_from_u64(SEED)).await?,
            moments: Vec::new(),
            stolen: None,
            logged_out: None,
            accepted: None,
            refused: None,
        })
    }

    /// Does an action, and returns its last outcome; `None` if it is not possible now.
    pub(in crate::learn) async fn press(&mut self, action: Action) -> Option<Outcome> {
        self.press_as(action, None).await
    }

    /// The same, under another name.
    pub(super) async fn press_as(&mut self, action: Action, name: Option<&str>) -> Option<Outcome> {
        let before = self.sandbox.now();
        let step = self.sandbox.press(action).await.ok()?.clone();
        if action == Action::CopyAccess {
            self.stolen = Some(step.at);
        }
        if action == Action::LogOut {
            self.logged_out = Some(step.at);
            self.accepted = None;
        }
        let passed = step.at.saturating_sub(before);
        if step.exchanges.is_empty() {
            let words = &of_action(action, self.sandbox.setup().answer).story;
            let words = name.unwrap_or(words).replace("{passed}", &length(passed));
            self.write(step.at, words);
        }
        for exchange in &step.exchanges {
            self.note(step.at, exchange, name);
        }
        step.exchanges.last().map(|exchange| exchange.outcome)
    }

    pub(in crate::learn) async fn press_all(&mut self, actions: &[Action]) {
        for action in actions {
            self.press(*action).await;
        }
    }

    /// Lets time pass, in steps of half a minute and of five minutes.
    pub(super) async fn wait(&mut self, time: Duration) {
        let mut left = time.as_secs();
        while left >= 30 {
            let (action, seconds) = if left >= 300 {
                (Action::Wait5m, 300)
            } else {
                (Action::Wait30s, 30)
            };
            if self.sandbox.press(action).await.is_err() {
                return;
            }
            left -= seconds;
        }
        if !time.is_zero() {
            self.write(self.sandbox.now(), format!("{} later", length(time)));
        }
    }

    /// Records an event without an answer.
    pub(super) fn write(&mut self, at: Duration, words: String) {
        self.moments.push(Moment {
            at: clock(at.as_secs()),
            who: None,
            words,
            said: None,
            answer: None,
        });
    }

    fn note(&mut self, at: Duration, exchange: &Exchange, name: Option<&str>) {
        let said = Said::of(exchange);
        if exchange.who == Who::Thief {
            match said {
                Said::ThiefIn => {
                    self.accepted = Some(at);
                    self.refused = None;
                }
                _ => {
                    let since = self.expiry_of_the_copy().filter(|ended| *ended <= at).unwrap_or(at);
                    self.refused.get_or_insert(since);
                }
            }
        }
        let words = name.unwrap_or_else(|| deed(exchange));
        self.moments.push(Moment {
            at: clock(at.as_secs()),
            who: Some(class_of(exchange.who)),
            words: words.to_owned(),
            said: Some(said),
            answer: Some(answer(exchange)),
        });
    }

    /// When the copied access token expires.
    fn expiry_of_the_copy(&self) -> Option<Duration> {
        let copy = self.sandbox.loot().access.as_deref()?;
        let claims = self.sandbox.service()?.genuine_claims(copy).ok()?;
        Duration::try_from(claims.expires_at.duration_since(begins())).ok()
    }

    /// The thief tries the copy, and while it works again until it is refused.
    pub(in crate::learn) async fn thief_goes_on(&mut self) {
        if self.press(Action::Replay).await == Some(Outcome::Accepted) {
            self.press_all(&[
                Action::WaitBeforeExpiry,
                Action::Replay,
                Action::Wait30s,
                Action::Replay,
            ])
            .await;
        }
    }

    /// The replies to the thief after your logout, without repetitions.
    pub(super) fn got_after_logout(&self) -> Vec<String> {
        let steps = self
            .sandbox
            .steps()
            .iter()
            .skip_while(|step| step.action != Action::LogOut);
        let sent = steps
            .flat_map(|step| &step.exchanges)
            .filter(|exchange| exchange.who == Who::Thief);
        let mut got: Vec<_> = sent.map(reply).collect();
        got.dedup();
        got
    }

    /// How long after the logout a copy was still accepted; `None`, if it was refused at once.
    pub(in crate::learn) fn inside_after_logout(&self) -> Option<Duration> {
        let until = self.refused.unwrap_or(self.accepted?);
        Some(until.saturating_sub(self.logged_out?))
    }

    /// How long you were logged in, and how long a copy worked; `None` without a logout or a copy.
    pub(super) fn spans(&self) -> Option<Spans> {
        let (out, stolen) = (self.logged_out?, self.stolen?);
        let dead = out.saturating_add(self.inside_after_logout().unwrap_or_default());
        Some(Spans { out, stolen, dead })
    }

    pub(super) fn since_logout(&self) -> Duration {
        self.sandbox.now().saturating_sub(self.logged_out.unwrap_or_default())
    }

    /// The bytes of cookies in the browser's last request to the API.
    pub(in crate::learn) fn cookie_bytes(&self) -> usize {
        let calls = self.sandbox.steps().iter().rev().flat_map(|step| &step.exchanges);
        let call = calls
            .filter(|exchange| exchange.who == Who::You && exchange.request.path == "/api/me")
            .map(|exchange| &exchange.request.headers)
            .next();
        call.into_iter()
            .flatten()
            .filter(|(name, _)| *name == header::COOKIE || name.eq_ignore_ascii_case("cookie"))
            .map(|(_, value)| value.len())
            .sum()
    }
}

fn begins() -> Timestamp {
    Timestamp::from_second(BEGINS).unwrap_or_default()
}

fn deed(exchange: &Exchange) -> &'static str {
    match (exchange.who, exchange.request.path.as_ref()) {
        (Who::You, "/login") => "You log in",
        (Who::You, "/logout") => "You log out",
        (Who::You, "/api/refresh") => "Your browser refreshes",
        (Who::You | Who::Browser, _) => "You call the API",
        (Who::Thief, "/api/refresh") => "The thief refreshes",
        (Who::Thief, _) => "The thief calls the API with the copy",
    }
}

/// The status, the code, the deciding check, and the stores called.
fn answer(exchange: &Exchange) -> String {
    if exchange.reply.is_none() {
        return "no answer: there is no server".to_owned();
    }
    let told = reply(exchange);
    if !exchange.arrived {
        return format!("{told}, and the reply is lost on its way");
    }
    if exchange.request.path != "/api/me" {
        return told;
    }
    format!("{told}, decided by {}; {}", exchange.decided.words(), asked(exchange))
}

/// The stores that were called to authenticate the caller.
pub(super) fn asked(exchange: &Exchange) -> String {
    let asked = [(Store::Sessions, "sessions"), (Store::Blacklist, "blacklist")].map(|(store, name)| {
        let reads = exchange.count(&[store], Access::Read);
        (reads > 0).then(|| format!("{} in the {name}", times(reads, "read")))
    });
    let asked: Vec<_> = asked.into_iter().flatten().collect();
    if asked.is_empty() {
        "no store was asked".to_owned()
    } else {
        asked.join(", ")
    }
}
