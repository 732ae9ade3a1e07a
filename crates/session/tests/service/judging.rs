//! The verdict on a refresh token, by its session's row and the time.

use jiff::{Timestamp, ToSpan};
use rescind_session::{
    Device, EndReason, Judgement, RefreshState, Session, SessionState, judge,
    token::{ClientId, Generation, Salt, SessionId, UserId},
};

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
        user: UserId::from(id()),
        client_id: ClientId::first_party(),
        created_at: now() - 1.hour(),
        auth_time: now() - 1.hour(),
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
        status_index: None,
        device: Device::default(),
    }
}

fn closed() -> Session {
    Session {
        state: SessionState::Closed {
            at: now(),
            cause: EndReason::Logout,
        },
        ..session()
    }
}

#[test]
fn the_current_generation_rotates() {
    assert_eq!(judge(&session(), 2.into(), now()), Judgement::Rotate { to: 3.into() });
}

#[test]
fn the_previous_generation_repeats_in_the_grace_and_is_reuse_after_it() {
    assert_eq!(
        judge(&session(), 1.into(), now() + 9.seconds()),
        Judgement::Repeat { current: 2.into() }
    );
    assert_eq!(
        judge(&session(), 1.into(), now() + 10.seconds()),
        Judgement::Reused(EndReason::Reuse)
    );
}

#[test]
fn an_older_generation_is_reuse_even_within_the_grace() {
    assert_eq!(judge(&session(), 0.into(), now()), Judgement::Reused(EndReason::Reuse));
}

#[test]
fn a_generation_above_the_rows_is_a_lost_commit() {
    assert_eq!(
        judge(&session(), 3.into(), now()),
        Judgement::Reused(EndReason::LostCommit)
    );
}

#[test]
fn a_closed_session_is_reported_first() {
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
fn idle_and_absolute_end_expire_every_generation() {
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
