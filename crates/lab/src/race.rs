//! The race: two tabs refresh with the same token.
//!
//! You log in. Five minutes later your access token has expired, and two parties present the same refresh token: two
//! tabs of yours, or you and a thief with a copy. When their new access tokens have expired in turn, both refresh once
//! more. Only then does the result of the first exchange show.
//!
//! There are two servers. With [`Swap::CompareAndSwap`] it is the real
//! [`SessionService`](rescind_session::SessionService) on the stores in memory; with [`Swap::ReadThenWrite`] it is the
//! counterexample in `naive.rs`. "At once" does not depend on luck: both callers are held between reading and writing
//! until both have read, and then write one after the other.
//!
//! Each tab keeps its own tokens, like the tabs of a single-page application. If tabs share cookies, both have the
//! reply that comes last; that only hides a useless token that came first.

use std::time::Duration;

mod held;
mod naive;
mod play;
mod real;

/// The lifetime of an access token in every run: both refresh when it has passed.
pub const ACCESS_TTL: Duration = Duration::from_secs(5 * 60);
/// How long the first party waits for a lost reply before it repeats the request with the old token.
pub const PATIENCE: Duration = Duration::from_secs(3);

/// How the server writes the next generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Swap {
    /// By one statement that writes only if no other caller has: Rescind.
    CompareAndSwap,
    /// First read, then write: the counterexample.
    ReadThenWrite,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Second {
    /// Another tab of yours.
    Tab,
    /// A thief with a copy of your refresh token.
    Thief,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstReply {
    Arrives,
    /// The server has rotated, and the reply never arrives. [`PATIENCE`] later the first party repeats the request.
    Lost,
}

/// The switches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RaceSetup {
    pub swap: Swap,
    /// The grace for the previous refresh token.
    pub grace: Duration,
    /// How much later the second request comes. Zero: at once.
    pub apart: Duration,
    pub reply: FirstReply,
    pub second: Second,
}

/// One of the two parties.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Party {
    /// You, or one tab of yours.
    First,
    /// Your other tab, or the thief.
    Second,
}

/// A refresh token, in the order of issue; the first is the login's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The token that was exchanged for it; `None` for the login's.
    pub parent: Option<usize>,
    /// The number of exchanges since the login.
    pub generation: u32,
}

/// One try to refresh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshAttempt {
    /// Time since the login.
    pub at: Duration,
    pub who: Party,
    /// Which of [`Race::chain`] was presented.
    pub presented: usize,
    pub result: RefreshResult,
}

/// The result of a try to refresh. It is not the trace's [`Refreshed`](crate::Refreshed): without compare-and-swap a generation
/// has several tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshResult {
    /// This successor.
    Given {
        /// Which of [`Race::chain`].
        token: usize,
        /// Whether it had been issued before.
        again: bool,
        arrived: bool,
    },
    /// Reuse was detected: the session was closed.
    Reused,
    Closed,
}

/// The server's verdict on the two parties.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// No reuse was detected.
    Nobody,
    /// One of your own tabs was taken for a thief, at this time.
    FalseAlarm(Duration),
    /// A copy was detected, at this time, and there was one.
    Thief(Duration),
}

/// A run, from the login to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Race {
    pub setup: RaceSetup,
    /// Every refresh token that was issued.
    pub chain: Vec<Link>,
    /// Every try to refresh, in order.
    pub attempts: Vec<RefreshAttempt>,
    /// How many exchanges the store recorded.
    pub rotations: usize,
    /// How many it refused, since another caller was faster.
    pub turned_down: usize,
    /// Whether the session is open at the end.
    pub open: bool,
    /// Whether calls of the first and of the second party are accepted at the end.
    pub inside: [bool; 2],
    pub ended: Duration,
}

impl Race {
    /// When the session was closed, which logs both out: at the first try that was judged as reuse.
    #[must_use]
    pub fn closed_at(&self) -> Option<Duration> {
        let reused = self.attempts.iter().find(|tried| tried.result == RefreshResult::Reused);
        reused.map(|tried| tried.at)
    }

    /// The server's verdict, and whether it is right.
    #[must_use]
    pub fn judged(&self) -> Judged {
        let Some(reused) = self
            .attempts
            .iter()
            .position(|tried| tried.result == RefreshResult::Reused)
        else {
            return Judged::Nobody;
        };
        let (before, after) = self.attempts.split_at(reused);
        let (at, by) = match after.first() {
            Some(tried) => (tried.at, tried.who),
            None => return Judged::Nobody,
        };
        // You may cause it yourself: with a token that the thief has used, or one whose reply was lost.
        let had_come = by == Party::Second || before.iter().any(|tried| tried.who == Party::Second);
        match self.setup.second {
            Second::Thief if had_come => Judged::Thief(at),
            _ => Judged::FalseAlarm(at),
        }
    }

    /// How long the second party had access: from its first exchange until the session was closed or the run ended.
    #[must_use]
    pub fn second_inside(&self) -> Duration {
        let first = self
            .attempts
            .iter()
            .find(|tried| tried.who == Party::Second && matches!(tried.result, RefreshResult::Given { .. }));
        let until = self.closed_at().unwrap_or(self.ended);
        first.map_or(Duration::ZERO, |tried| until.saturating_sub(tried.at))
    }

    /// The race after some of its tries. The chain is still that of the whole run.
    #[must_use]
    pub fn after(&self, tries: usize) -> Self {
        let mut race = self.clone();
        race.attempts.truncate(tries);
        race
    }

    /// Each token that was given, to whom, and whether it arrived.
    fn given(&self) -> impl DoubleEndedIterator<Item = (usize, Party, bool)> {
        self.attempts.iter().filter_map(|tried| match tried.result {
            RefreshResult::Given { token, arrived, .. } => Some((token, tried.who, arrived)),
            _ => None,
        })
    }

    /// The token in the row: the one that was written last.
    #[must_use]
    pub fn row(&self) -> usize {
        self.given().map(|(token, ..)| token).max().unwrap_or_default()
    }

    /// The token that a party got last.
    #[must_use]
    pub fn held(&self, who: Party) -> usize {
        let held = self.given().rfind(|(_, to, arrived)| *to == who && *arrived);
        held.map_or(0, |(token, ..)| token)
    }

    /// A token's name: its generation, and a letter if a generation has several.
    #[must_use]
    pub fn name(&self, token: usize) -> String {
        let Some(Link { generation, .. }) = self.chain.get(token) else {
            return String::new();
        };
        let alike = self.chain.iter().enumerate();
        let mut alike = alike.filter(|(_, link)| link.generation == *generation);
        match (alike.clone().count(), alike.position(|(other, _)| other == token)) {
            (2.., Some(place)) => format!("{generation}{}", ('a'..='z').nth(place).unwrap_or('…')),
            _ => generation.to_string(),
        }
    }

    /// How many successors a token had.
    #[must_use]
    pub fn children_of(&self, token: usize) -> usize {
        self.chain.iter().filter(|link| link.parent == Some(token)).count()
    }
}

impl Party {
    fn place(self) -> usize {
        match self {
            Self::First => 0,
            Self::Second => 1,
        }
    }
}
