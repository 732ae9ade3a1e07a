//! Two tabs refresh with the same token, and what becomes of them.
//!
//! A run is a short story. You log in; five minutes later your access token has expired, and two people present the same
//! refresh token: two tabs of yours, or you and a thief with a copy. When the access tokens that they got have expired in
//! turn, both use what they got once more. Only then does it show what the first exchange was worth.
//!
//! The server is one of two. With [`Swap::CompareAndSwap`] it is the real [`SessionService`](rescind_session::SessionService) on the stores in memory; with
//! [`Swap::ReadThenWrite`] it is the counterexample in `naive.rs`. "At once" is no matter of luck: both callers are held
//! between reading and writing until both have read, and then write one after the other.
//!
//! Each tab keeps its own tokens, as the tabs of a single-page application do. Where tabs share cookies, the reply that
//! comes last is what both have; that hides a dead token where it happens to come first, and no more.

use std::time::Duration;

use rescind_session::{RefreshError, ports::StoreError, token::KeyError};

mod held;
mod naive;
mod play;
mod real;

/// How long an access token lives in every run: both refresh when it has passed.
pub const ACCESS_TTL: Duration = Duration::from_secs(5 * 60);
/// How long the first one waits for a reply that does not come, before it asks again with the token that it still has.
pub const PATIENCE: Duration = Duration::from_secs(3);

/// How the server writes the next generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Swap {
    /// By one statement that writes only if nobody else has: Rescind.
    CompareAndSwap,
    /// Read first, write then: the counterexample.
    ReadThenWrite,
}

/// Who comes second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Second {
    /// Another tab of yours.
    Tab,
    /// Somebody who copied your refresh token.
    Thief,
}

/// What becomes of the first one's reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstReply {
    /// It arrives.
    Arrives,
    /// The server has rotated, and the reply never arrives. [`PATIENCE`] later the first one asks again.
    Lost,
}

/// The switches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RaceSetup {
    /// How the server writes.
    pub swap: Swap,
    /// How long the previous refresh token is forgiven.
    pub grace: Duration,
    /// How much later the second one comes. Nothing: at once.
    pub apart: Duration,
    /// What becomes of the first one's reply.
    pub reply: FirstReply,
    /// Who comes second.
    pub second: Second,
}

/// One of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Party {
    /// You, or one tab of yours.
    First,
    /// Your other tab, or the thief.
    Second,
}

/// A refresh token that was issued, in the order of issuing; the first is the login's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Which one it was bought with; none for the login's.
    pub parent: Option<usize>,
    /// How many exchanges it is from the login.
    pub generation: u32,
}

/// One try to refresh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// Time since the login.
    pub at: Duration,
    /// Who.
    pub who: Party,
    /// Which of [`Race::chain`] was presented.
    pub presented: usize,
    /// What came of it.
    pub verdict: Verdict,
}

/// What came of a try to refresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// This successor.
    Given {
        /// Which of [`Race::chain`].
        token: usize,
        /// Whether somebody had been given the same before.
        again: bool,
        /// Whether the reply arrived.
        arrived: bool,
    },
    /// It had been exchanged before: the session was closed.
    Reused,
    /// The session had been closed.
    Closed,
}

/// What the server took the two for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// The server suspected nobody.
    Nobody,
    /// It took one of your own tabs for a thief, at this time.
    FalseAlarm(Duration),
    /// It noticed that somebody has a copy, at this time, and somebody had.
    Thief(Duration),
}

/// Why a run did not come to its end. None of it is the visitor's fault.
#[derive(Debug, thiserror::Error)]
pub enum RaceError {
    /// A key could not be made.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The settings contradict each other.
    #[error(transparent)]
    Config(#[from] rescind_session::ConfigError),
    /// The one account could not be made.
    #[error(transparent)]
    SignUp(#[from] rescind_session::SignUpError),
    /// Nobody could log in.
    #[error(transparent)]
    Login(#[from] rescind_session::LoginError),
    /// A store in memory failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A refresh was neither answered nor refused for a cause that the story knows.
    #[error(transparent)]
    Refresh(#[from] RefreshError),
    /// The policy gave no refresh token.
    #[error("there is no refresh token to race with")]
    NoRefreshToken,
}

/// A run, from the login to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Race {
    /// What was asked for.
    pub setup: RaceSetup,
    /// Every refresh token that was issued.
    pub chain: Vec<Link>,
    /// Every try to refresh, in order.
    pub uses: Vec<Use>,
    /// How many exchanges the store wrote down.
    pub rotations: usize,
    /// How many it turned down, since somebody had been faster.
    pub turned_down: usize,
    /// Whether the session is open at the end.
    pub open: bool,
    /// Whether a call of the first one, and one of the second, is accepted at the end.
    pub inside: [bool; 2],
    /// When it ended.
    pub ended: Duration,
}

impl Race {
    /// When the session was closed, which logs everybody out: with the first try that was judged to be a reuse.
    #[must_use]
    pub fn closed_at(&self) -> Option<Duration> {
        let reused = self.uses.iter().find(|tried| tried.verdict == Verdict::Reused);
        reused.map(|tried| tried.at)
    }

    /// What the server took the two for, and what they were.
    #[must_use]
    pub fn judged(&self) -> Judged {
        let Some(reused) = self.uses.iter().position(|tried| tried.verdict == Verdict::Reused) else {
            return Judged::Nobody;
        };
        let (before, after) = self.uses.split_at(reused);
        let (at, by) = match after.first() {
            Some(tried) => (tried.at, tried.who),
            None => return Judged::Nobody,
        };
        // Whoever gives cause may be you: with a token that the thief has used, or with one whose reply was lost.
        let had_come = by == Party::Second || before.iter().any(|tried| tried.who == Party::Second);
        match self.setup.second {
            Second::Thief if had_come => Judged::Thief(at),
            _ => Judged::FalseAlarm(at),
        }
    }

    /// How long the second one's stolen or own copy was worth access: from its first exchange until the session was closed,
    /// or the run ended.
    #[must_use]
    pub fn second_inside(&self) -> Duration {
        let first = self
            .uses
            .iter()
            .find(|tried| tried.who == Party::Second && matches!(tried.verdict, Verdict::Given { .. }));
        let until = self.closed_at().unwrap_or(self.ended);
        first.map_or(Duration::ZERO, |tried| until.saturating_sub(tried.at))
    }

    /// How many successors a token was exchanged for.
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
