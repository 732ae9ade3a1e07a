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
    revocation::Cause,
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
    Reused(Cause),
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
    if session.has_run_out(now) {
        return Judgement::Expired;
    }
    if presented > refresh.generation {
        return Judgement::Reused(Cause::LostCommit);
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
    Judgement::Reused(Cause::Reuse)
}

fn in_grace(refresh: &RefreshState, presented: Generation, now: Timestamp) -> bool {
    presented.next() == Some(refresh.generation) && refresh.grace_until.is_some_and(|until| now < until)
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;
    use rescind_token::{ClientId, Salt, SessionId, UserId};

    use super::*;
    use crate::session::Device;

    fn now() -> Timestamp {
        "2026-01-01T12:00:00Z".parse().unwrap()
    }

    fn id() -> uuid::Uuid {
        uuid::Uuid::from_u128(7)
    }

    /// A session whose third refresh token, generation 2, came from a rotation at noon with ten seconds of grace.
    fn session() -> Session {
        Session {
            id: SessionId::from_uuid(id()),
            user: UserId::from_uuid(id()),
            client_id: ClientId::first_party(),
            created_at: now() - 1.hour(),
            last_seen_at: now(),
            expires_at: now() + 5.hours(),
            access_until: now() + 1.minute(),
            refresh: Some(RefreshState {
                generation: Generation::from(2),
                salt: Salt::from_bytes([0; 32]),
                idle_until: now() + 1.hour(),
                grace_until: Some(now() + 10.seconds()),
            }),
            state: SessionState::Open,
            reuse_noticed_at: None,
            device: Device::default(),
        }
    }

    fn closed() -> Session {
        Session {
            state: SessionState::Closed {
                at: now(),
                cause: Cause::Logout,
            },
            ..session()
        }
    }

    #[test]
    fn the_current_generation_rotates() {
        assert_eq!(judge(&session(), 2.into(), now()), Judgement::Rotate { to: 3.into() });
    }

    #[test]
    fn the_previous_generation_repeats_within_the_grace_and_is_reuse_from_its_end_on() {
        assert_eq!(
            judge(&session(), 1.into(), now() + 9.seconds()),
            Judgement::Repeat { current: 2.into() }
        );
        assert_eq!(
            judge(&session(), 1.into(), now() + 10.seconds()),
            Judgement::Reused(Cause::Reuse)
        );
    }

    #[test]
    fn an_older_generation_is_reuse_even_within_the_grace() {
        assert_eq!(judge(&session(), 0.into(), now()), Judgement::Reused(Cause::Reuse));
    }

    #[test]
    fn a_generation_above_the_rows_means_that_the_database_lost_a_commit() {
        assert_eq!(judge(&session(), 3.into(), now()), Judgement::Reused(Cause::LostCommit));
    }

    #[test]
    fn a_closed_session_is_told_before_everything_else() {
        assert_eq!(
            judge(&closed(), 2.into(), now() + 9.hours()),
            Judgement::Closed { reuse: false }
        );
        assert_eq!(
            judge(&closed(), 1.into(), now() + 9.seconds()),
            Judgement::Closed { reuse: false }
        );
        assert_eq!(
            judge(&closed(), 1.into(), now() + 10.seconds()),
            Judgement::Closed { reuse: true }
        );
        assert_eq!(judge(&closed(), 0.into(), now()), Judgement::Closed { reuse: true });
    }

    #[test]
    fn an_idle_and_an_absolute_end_expire_whatever_the_generation() {
        for generation in [0, 1, 2, 3] {
            assert_eq!(
                judge(&session(), generation.into(), now() + 1.hour()),
                Judgement::Expired,
                "idle"
            );
            let mut busy = session();
            busy.refresh.as_mut().unwrap().idle_until = now() + 9.hours();
            assert_eq!(
                judge(&busy, generation.into(), now() + 5.hours()),
                Judgement::Expired,
                "absolute"
            );
        }
    }
}
