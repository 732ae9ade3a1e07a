//! The verdict on a refresh token: a pure function of row, generation and time.
//!
//! The order of the checks matters. Closed comes before expired, since the owner closed the session; expired comes
//! before reuse, since an old token of an expired session proves no theft that matters.
//!
//! A second tab and a thief who present generation *n-1* cannot be distinguished. The grace serves the first and bounds
//! the second: it is counted from the *first* rotation, is never renewed by use, and answers only with the existing
//! successor, so that there are never two chains.

use jiff::Timestamp;
use rescind_token::Generation;

use crate::{
    revocation::EndReason,
    session::{RefreshState, Session, SessionState},
};

/// What to do with a genuine refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Judgement {
    /// It is the current one: exchange it for this generation.
    Rotate {
        /// The successor.
        to: Generation,
    },
    /// It is the previous one, within the grace: answer with the existing successor.
    Repeat {
        /// The successor that exists.
        current: Generation,
    },
    /// The session was closed. The reuse of an old token is still recorded.
    Closed {
        /// Whether the token had been exchanged already.
        reuse: bool,
    },
    /// The session has expired.
    Expired,
    /// No such token may be in use, any more or yet: close the session for this cause.
    Reused(EndReason),
}

/// Judges a genuine refresh token of generation `presented` against its session's row.
pub fn judge(session: &Session, presented: Generation, now: Timestamp) -> Judgement {
    let Some(refresh) = &session.refresh else {
        // The row belongs to a policy without refresh tokens, so this one was never issued.
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
            // Four billion refreshes: more than a session's maximum age allows.
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
