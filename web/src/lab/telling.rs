//! What just happened, and what it means, each in one sentence.
//!
//! The sentences are in `content/lab.toml`. The step's requests and the policy select one: with other lifetimes, or beside a
//! broken store, the same button has another outcome.

use std::time::Duration;

use rescind_lab::{
    Action, Answer, BlacklistFault, Exchange, Outcome, Setup, Snapshot, Step, Who, meter::StoreReply, raw::Request,
};
use rescind_session::{Check, Preset, SessionState};

use super::{
    everything::due,
    words::{SENTENCES, of_action},
};
use crate::{
    content::{Facts, say, word, yes},
    inspector::decoded::Decoded,
    pages::times::to_the_second,
    trace::{decided_by, names},
};

pub(crate) struct Explanation {
    /// "The thief is in: nobody was asked."
    pub(crate) headline: String,
    pub(crate) meaning: String,
}

/// Whether a cookie holds a token or names a session. The others are notices between two pages.
pub(super) fn is_login(cookie: &str) -> bool {
    let ends = ["_access", "_refresh", "-session"];
    ends.iter().any(|end| cookie.ends_with(end))
}

fn carries_login(request: &Request) -> bool {
    let sent = request.headers.iter().filter(|(name, _)| *name == "Cookie");
    let mut cookies = sent.flat_map(|(_, cookies)| cookies.split("; "));
    cookies.any(|cookie| cookie.split_once('=').is_some_and(|(name, _)| is_login(name)))
}

/// Whether the session that somebody's access token names has ended.
fn has_ended(now: &Snapshot, who: Who) -> bool {
    let mut kept = now.cookies.iter();
    let token = match who {
        Who::Thief => now.loot.access.as_deref(),
        _ => kept
            .find(|cookie| cookie.name.ends_with("_access"))
            .map(|cookie| cookie.value.as_str()),
    };
    let session = token.and_then(|token| Decoded::of(token).ok()?.unverified_session());
    let mut rows = now.sessions.iter();
    session.is_some_and(|id| rows.any(|row| row.id == id && row.state != SessionState::Open))
}

/// Whether you and the thief have the same refresh token.
fn hold_the_same(now: &Snapshot) -> bool {
    let mut kept = now.cookies.iter().filter(|cookie| cookie.name.ends_with("_refresh"));
    kept.any(|cookie| Some(&cookie.value) == now.loot.refresh.as_ref())
}

/// The context of a step: the sandbox's setup, and the steps before.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) setup: &'a Setup,
    pub(crate) answer: Answer,
    pub(crate) check: Check,
    pub(crate) steps: &'a [Step],
    /// Also those that follow.
    pub(super) all: &'a [Step],
}

impl<'a> Context<'a> {
    /// At a step from 0, or at the newest.
    pub(crate) fn at(setup: &'a Setup, all: &'a [Step], step: Option<usize>) -> Self {
        let check = match setup.answer {
            Answer::Sessions => Check::Session,
            _ => setup.policy.check,
        };
        Self {
            setup,
            answer: setup.answer,
            check,
            steps: step.and_then(|step| all.get(..step)).unwrap_or(all),
            all,
        }
    }

    pub(super) fn is_past(&self) -> bool {
        self.steps.len() < self.all.len()
    }

    /// Describes the last step, if there is one.
    pub(crate) fn tell(&self) -> Option<Explanation> {
        let step = self.steps.last()?;
        let last_of = |who| step.exchanges.iter().rev().find(move |exchange| exchange.who == who);
        let said: Vec<_> = [last_of(Who::You), last_of(Who::Thief)].into_iter().flatten().collect();
        let facts: Vec<_> = said.iter().map(|exchange| self.facts(step, exchange)).collect();
        let told = |(headline, meaning)| Explanation { headline, meaning };
        // The page is about the thief's outcome; without a thief in the step, yours.
        let Some(last) = facts.last() else {
            let words = of_action(step.action, self.answer);
            let headline = words.done.replace("{passed}", &self.passed());
            let means = match step.news.is_empty() {
                true => words.means.clone(),
                false => say(&SENTENCES.news, &Facts::default().with("answer", self.answer.slug())),
            };
            return Some(told((headline, means)));
        };
        let mut headline = String::new();
        if let [one, other] = said.as_slice()
            && one.outcome == other.outcome
        {
            headline = say(&SENTENCES.both, last);
        }
        if headline.is_empty() {
            let outcomes: Vec<_> = facts.iter().map(|facts| say(&SENTENCES.outcome, facts)).collect();
            headline = outcomes.join(" ");
        }
        Some(told((headline, say(&SENTENCES.meaning, last))))
    }

    /// The facts of a request in the last step.
    fn facts(&self, step: &Step, exchange: &Exchange) -> Facts {
        let (who, id, are) = match exchange.who {
            Who::Thief => (Who::Thief, "thief", "is"),
            _ => (Who::You, "you", "are"),
        };
        let you = names(who).subject.as_str();
        let refreshes = matches!(self.answer.preset(), Some(Preset::Rotation | Preset::Blacklist));
        let forgot = !step.maintenance.is_empty() && step.after.fault != BlacklistFault::Stopped;
        let session = exchange.calls.iter().find_map(|call| call.session);
        let refreshed = session.and_then(|session| exchange.refreshed(session));
        let mut facts = Facts::default()
            .with("who", id)
            .with("You", you)
            .with("You_are", format!("{you} {are}"))
            .with("outcome", word(exchange.outcome))
            .with("path", exchange.request.path.as_ref())
            .with("code", exchange.code().unwrap_or_default())
            .with("decided", word(exchange.decided))
            .with("check_words", decided_by(exchange))
            .with("lost", yes(!exchange.arrived && exchange.reply.is_some()))
            .with("answer", self.answer.slug())
            .with("check", word(self.check))
            .with("refreshes", yes(refreshes))
            .with("carried", yes(carries_login(&exchange.request)))
            .with(
                "had_ended",
                yes(exchange.calls.iter().any(|call| call.answer == StoreReply::WasClosed)),
            )
            .with("due", due(&step.after))
            .with(
                "clock_set",
                yes(self.steps.iter().any(|step| step.action == Action::SetClockBack)),
            )
            .with("forgot", yes(forgot))
            .with("ended", yes(has_ended(&step.after, exchange.who)))
            .with("same", yes(hold_the_same(&step.after)))
            .with("refreshed", refreshed.map(word).unwrap_or_default())
            .with("renewed", yes(step.exchanges.len() > 1));
        if let Some(since) = self.logged_out_since_the_theft() {
            let ago = match step.at.saturating_sub(since) {
                Duration::ZERO => "a moment ago".to_owned(),
                ago => format!("{} ago", to_the_second(ago)),
            };
            facts.set("since", "logout");
            facts.set("ago", ago);
        }
        let (why_in, why_out) = (say(&SENTENCES.why_in, &facts), say(&SENTENCES.why_out, &facts));
        facts.with("why_in", why_in).with("why_out", why_out)
    }

    pub(super) fn passed(&self) -> String {
        let before = self.steps.iter().rev().nth(1).map_or(Duration::ZERO, |step| step.at);
        let now = self.steps.last().map_or(Duration::ZERO, |step| step.at);
        to_the_second(now.saturating_sub(before))
    }

    /// The time of your last logout, if the thief's copy is older.
    fn logged_out_since_the_theft(&self) -> Option<Duration> {
        let theft = self
            .steps
            .iter()
            .rposition(|step| matches!(step.action, Action::CopyAccess | Action::CopyRefresh))?;
        let done = |step: &&Step| {
            let mut sent = step.exchanges.iter();
            step.action == Action::LogOut && sent.any(|exchange| exchange.outcome == Outcome::Accepted)
        };
        self.steps.get(theft..)?.iter().find(done).map(|logout| logout.at)
    }
}
