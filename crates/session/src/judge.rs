//! The verdict on a refresh token: a pure function of the row, the generation and the time.
//!
//! The order of the questions is part of the answer. A closed session is told before an expired one, since its owner
//! closed it; expiry comes before reuse, since an old token of a dead session proves no theft that matters.
//!
//! The two people who present generation *n-1* cannot be told apart: a second tab, or a thief. The grace is the price
//! of the first, and bounds the second: counted from the *first* rotation, never renewed by use, and answering only with
//! the successor that exists, so that there are never two chains.

use jiff::Timestamp;
use rescind_token::Generation;

use crate::{
    revocation::EndReason,
    session::{RefreshState, Session, SessionState},
};

/// What is to be done with a genuine refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Judgement {
    /// It is the current one: exchange it for this generation.
    Rotate {
        /// The successor.
        to: Generation,
    },
    /// It is the previous one, within the grace: answer with the successor that exists.
    Repeat {
        /// The successor that exists.
        current: Generation,
    },
    /// The session was closed. If the token is an old one, its reuse is recorded all the same.
    Closed {
        /// Whether the token had been exchanged already.
        reuse: bool,
    },
    /// The session has run out.
    Expired,
    /// The token must not exist any more, or not yet: close the session for this cause.
    Reused(EndReason),
}

/// Judges a genuine refresh token of generation `presented` against its session's row.
pub fn judge(session: &Session, presented: Generation, now: Timestamp) -> Judgement {
    let Some(refresh) = &session.refresh else {
        // The row is of a policy without refresh tokens, so nobody ever issued this one.
        return Judgement::Closed { reuse: false };
    };
    if matches!(session.state, SessionState::Closed { .. }) {
        let innocent = presented == refresh.generation || in_grace(refresh, presented, now);
        return Judgement::Closed { reuse: !innocent };
    }
    if session.is_expired(now) {
        return Judgement::Expired;
    }
    if presented > refresh.generation {
        return Judgement::Reused(EndReason::LostCommit);
    }
    if presented == refresh.generation {
        return match presented.next() {
            Some(to) => Judgement::Rotate { to },
            // Four billion refreshes: more than the age of a session allows.
            None => Judgement::Expired,
        };
    }
    if in_grace(refresh, presented, now) {
        return Judgement::Repeat {
            current: refresh.generation,
        };
    }
    Judgement::Reused(EndReason::Reuse)
}

fn in_grace(refresh: &RefreshState, presented: Generation, now: Timestamp) -> bool {
    presented.next() == Some(refresh.generation) && refresh.grace_until.is_some_and(|until| now < until)
}
