//! A sandbox of the lab, and the recording of a story in it.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use rand::{SeedableRng, rngs::StdRng};
use rescind_lab::{
    Action, Answer, Error, Exchange, Outcome, Sandbox, Setup, Step, Who,
    meter::{Access, Store},
};
use rescind_session::Policy;

use crate::{
    lab::{Context, of_action, staged},
    trace::{Finding, VerdictColour, cost::times, reply, stage::Stage},
};

/// Every story begins on 1 January 2026, ten o'clock.
const BEGINS: i64 = 1_767_261_600;
/// The seed of every story's randomness. Its tokens are useless outside of the story.
const SEED: u64 = 7519;

/// What was played: enough for its stage.
pub(in crate::learn) struct Played {
    setup: Setup,
    pub(in crate::learn) steps: Vec<Step>,
    /// What a step is called in the story, by the number of steps until then.
    says: BTreeMap<usize, String>,
}

impl Played {
    /// The group of an action's button: you, thief, time or break.
    pub(in crate::learn) fn group(&self, action: Action) -> &'static str {
        &of_action(action, self.setup.answer).group
    }

    /// The story at a step. `address`: that of a step; `None` is the last one.
    pub(in crate::learn) fn staged(
        &self,
        step: Option<usize>,
        within: &'static str,
        address: impl Fn(Option<usize>) -> String,
    ) -> Stage {
        let context = Context::at(&self.setup, &self.steps, step);
        let mut stage = staged(&context, within, address);
        if let Some(says) = self.says.get(&context.steps.len()) {
            stage.lead.clone_from(says);
        }
        stage
    }
}

pub(crate) struct PlayedExperiment {
    pub(crate) finding: Finding,
    pub(super) played: Played,
    /// The checks of a changed token, in a story about one.
    pub(crate) checks: Vec<Check>,
}

/// A check of a changed token.
pub(crate) struct Check {
    pub(crate) question: String,
    pub(crate) said: Option<VerdictColour>,
    pub(crate) answer: Option<String>,
}

pub(in crate::learn) struct Play {
    pub(in crate::learn) sandbox: Sandbox,
    pub(in crate::learn) played: Played,
    pub(super) checks: Vec<Check>,
}

impl Play {
    /// Begins a story without a login. `change` sets the lifetimes.
    pub(in crate::learn) async fn begin(answer: Answer, change: impl FnOnce(&mut Policy)) -> Result<Self, Error> {
        let mut setup = Setup::new(answer, begins());
        change(&mut setup.policy);
        Ok(Self {
            played: Played {
                setup: setup.clone(),
                steps: Vec::new(),
                says: BTreeMap::new(),
            },
            sandbox: Sandbox::open(setup, StdRng::seed_from_u64(SEED)).await?,
            checks: Vec::new(),
        })
    }

    /// Does an action, and returns its last outcome; `None` if it is not possible now.
    pub(in crate::learn) async fn press(&mut self, action: Action) -> Option<Outcome> {
        self.press_as(action, None).await
    }

    /// The same, with a sentence of the story's own.
    pub(super) async fn press_as(&mut self, action: Action, says: Option<&str>) -> Option<Outcome> {
        let step = self.sandbox.press(action).await.ok()?.clone();
        let outcome = step.exchanges.last().map(|exchange| exchange.outcome);
        self.played.steps.push(step);
        if let Some(says) = says {
            self.played.says.insert(self.played.steps.len(), says.to_owned());
        }
        outcome
    }

    /// Lets time pass, in steps of half a minute and of five minutes, which the story shows as one.
    pub(super) async fn wait(&mut self, time: Duration) {
        let mut left = time.as_secs();
        let mut last = None;
        while left >= 30 {
            let (action, seconds) = if left >= 300 {
                (Action::Wait5m, 300)
            } else {
                (Action::Wait30s, 30)
            };
            last = self.sandbox.press(action).await.ok().cloned();
            left -= seconds;
        }
        self.played.steps.extend(last);
    }

    /// The thief was behind the requests of the last step: a script in your page.
    pub(super) fn by_the_thief(&mut self) {
        for exchange in self
            .played
            .steps
            .last_mut()
            .into_iter()
            .flat_map(|step| &mut step.exchanges)
        {
            exchange.who = Who::Thief;
        }
    }

    /// When the copied access token expires.
    fn expiry_of_the_copy(&self) -> Option<Duration> {
        let copy = self.sandbox.loot().access.as_deref()?;
        let claims = self.sandbox.service()?.genuine_claims(copy).ok()?;
        Duration::try_from(claims.expires_at.duration_since(begins())).ok()
    }

    /// The thief tries the copy, and while it works again until it is refused.
    pub(super) async fn thief_goes_on(&mut self) {
        if self.press(Action::Replay).await == Some(Outcome::Accepted) {
            let then = [
                Action::WaitBeforeExpiry,
                Action::Replay,
                Action::Wait30s,
                Action::Replay,
            ];
            for action in then {
                self.press(action).await;
            }
        }
    }

    /// The replies to the thief after the session's end, and how many of them let the thief in.
    pub(super) fn after_the_end(&self) -> (Vec<String>, usize) {
        let steps = self.ended().and_then(|end| self.sandbox.steps().get(end..));
        let sent = steps
            .unwrap_or_default()
            .iter()
            .flat_map(|step| &step.exchanges)
            .filter(|exchange| exchange.who == Who::Thief);
        let let_in = sent.clone().filter(|exchange| exchange.outcome == Outcome::Accepted);
        (sent.clone().map(reply).collect(), let_in.count())
    }

    /// The step of your logout; without one, that of a reuse, which ends a session as well.
    fn ended(&self) -> Option<usize> {
        let steps = self.sandbox.steps();
        let logout = steps.iter().rposition(|step| step.action == Action::LogOut);
        logout.or_else(|| steps.iter().position(noticed_reuse))
    }

    /// How long after the session's end a copy was still accepted; `None`, if it was refused at once.
    pub(super) fn inside_after_the_end(&self) -> Option<Duration> {
        let (end, after) = self.sandbox.steps().get(self.ended()?..)?.split_first()?;
        let tried = after.iter().flat_map(|step| {
            let sent = step.exchanges.iter().filter(|exchange| exchange.who == Who::Thief);
            sent.map(|exchange| (step.at, exchange.outcome))
        });
        let tried: Vec<_> = tried.collect();
        let last = tried.iter().rposition(|(_, outcome)| *outcome == Outcome::Accepted)?;
        let until = match tried.get(last + 1) {
            Some((refused, _)) => self
                .expiry_of_the_copy()
                .map_or(*refused, |expiry| expiry.min(*refused)),
            None => tried[last].0,
        };
        Some(until.saturating_sub(end.at))
    }

    pub(super) fn since_the_end(&self) -> Duration {
        let end = self.ended().and_then(|step| self.sandbox.steps().get(step));
        self.sandbox
            .now()
            .saturating_sub(end.map_or(Duration::ZERO, |end| end.at))
    }

    /// The bytes of cookies in the browser's last request to the API.
    pub(super) fn cookie_bytes(&self) -> usize {
        let mut calls = self.sandbox.steps().iter().rev().flat_map(|step| &step.exchanges);
        let call = calls.find(|exchange| exchange.who == Who::You && exchange.request.path == "/api/me");
        call.map_or(0, |call| call.request.cookie_bytes())
    }
}

fn noticed_reuse(step: &Step) -> bool {
    let mut sent = step.exchanges.iter();
    sent.any(|exchange| exchange.code() == Some("refresh_reused"))
}

fn begins() -> Timestamp {
    Timestamp::from_second(BEGINS).unwrap_or_default()
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
