//! Cases of [`SessionStore::rotate`].

use std::{net::Ipv6Addr, sync::Arc};

use jiff::SignedDuration;
use rescind_session::{
    Device, EndReason, Scope, Session, SessionState,
    ports::{Rotated, Rotation, SessionStore},
    token::Generation,
};

use crate::{
    fixture::{
        Answer, MARGIN, NOON, after_rotation, close, closing, logging_out_everywhere, new_session, new_user, noon_plus,
        open, opened, rotate, rotation_of, row, session_of, state_after, whole_log,
    },
    race::{at_once, race},
};

type Store = Arc<dyn SessionStore>;

/// The new row is the old one with the rotation's fields, to the millisecond; other rows do not change.
pub async fn a_rotation_writes_exactly_its_fields(store: Store) {
    let other = opened(&*store).await;
    let session = opened(&*store).await;
    let rotation = Rotation {
        session: session.id,
        from: Generation::FIRST,
        to: Generation::from(1),
        at: NOON + SignedDuration::from_millis(61_001),
        access_until: NOON + SignedDuration::from_millis(361_002),
        idle_until: NOON + SignedDuration::from_millis(3_661_003),
        grace_until: NOON + SignedDuration::from_millis(71_004),
        device: Device::new(Some("another agent"), Some(Ipv6Addr::LOCALHOST.into())),
    };
    rotate(&*store, &rotation).await;
    let rotated = row(&*store, session.id).await;
    assert_eq!(rotated, after_rotation(&session, &rotation));
    let without_device = Rotation {
        device: Device::default(),
        ..rotation_of(&rotated)
    };
    rotate(&*store, &without_device).await;
    assert_eq!(
        row(&*store, session.id).await,
        after_rotation(&rotated, &without_device)
    );
    assert_eq!(row(&*store, other.id).await, other);
}

/// After lifetimes were shortened, a new token may expire before an old one. The revocation must outlive both.
pub async fn a_rotation_keeps_the_later_access_until(store: Store) {
    let session = opened(&*store).await;
    let shorter = Rotation {
        access_until: noon_plus(100),
        ..rotation_of(&session)
    };
    rotate(&*store, &shorter).await;
    let rotated = row(&*store, session.id).await;
    assert_eq!(
        rotated.access_until, session.access_until,
        "a still valid access token is not covered"
    );
    let longer = Rotation {
        access_until: noon_plus(900),
        ..rotation_of(&rotated)
    };
    rotate(&*store, &longer).await;
    assert_eq!(row(&*store, session.id).await.access_until, noon_plus(900));
}

/// A chain of refreshes, each from the previous one's generation.
pub async fn one_rotation_follows_another(store: Store) {
    let mut session = opened(&*store).await;
    for _ in 0..5 {
        let rotation = rotation_of(&session);
        rotate(&*store, &rotation).await;
        session = after_rotation(&session, &rotation);
        assert_eq!(row(&*store, session.id).await, session);
    }
}

/// And the row has that one's fields. A store that reads, compares and then writes fails here.
pub async fn exactly_one_of_a_hundred_rotations_of_one_generation_wins(store: Store) {
    let mut session = opened(&*store).await;
    for _ in 0..3 {
        let rotations: Vec<_> = (0..100).map(|caller| rotation_by(&session, caller)).collect();
        let outcomes = at_once(rotations.len(), |caller| {
            let (store, rotation) = (Arc::clone(&store), rotations[caller].clone());
            async move { store.rotate(&rotation).await.answer() }
        })
        .await;
        let winners: Vec<_> = rotations
            .iter()
            .zip(outcomes)
            .filter(|(_, outcome)| *outcome == Rotated::Won)
            .collect();
        assert_eq!(winners.len(), 1, "one generation was rotated {} times", winners.len());
        session = after_rotation(&session, winners[0].0);
        assert_eq!(row(&*store, session.id).await, session, "a loser changed the row");
    }
}

/// A rotation that differs from those of other callers in every field.
fn rotation_by(session: &Session, caller: usize) -> Rotation {
    let rotation = rotation_of(session);
    let apart = SignedDuration::from_millis(caller as i64);
    Rotation {
        at: rotation.at + apart,
        access_until: rotation.access_until + apart,
        idle_until: rotation.idle_until + apart,
        grace_until: rotation.grace_until + apart,
        device: Device::new(Some(&format!("caller {caller}")), None),
        ..rotation
    }
}

/// Neither an old generation nor one that does not exist yet.
pub async fn a_wrong_generation_loses_and_changes_nothing(store: Store) {
    let mut session = opened(&*store).await;
    for _ in 0..3 {
        let rotation = rotation_of(&session);
        rotate(&*store, &rotation).await;
        session = after_rotation(&session, &rotation);
    }
    for from in [0, 1, 2, 4, u32::MAX - 1] {
        let rotation = Rotation {
            from: from.into(),
            to: (from + 1).into(),
            ..rotation_of(&session)
        };
        let outcome = store.rotate(&rotation).await.answer();
        assert_eq!(outcome, Rotated::Lost, "generation {from} of 3 was rotated");
        assert_eq!(row(&*store, session.id).await, session);
    }
}

/// There is no generation to exchange.
pub async fn a_session_without_a_refresh_token_does_not_rotate(store: Store) {
    let session = Session {
        refresh: None,
        ..session_of(&new_user())
    };
    open(&*store, &session).await;
    assert_eq!(store.rotate(&rotation_of(&session)).await.answer(), Rotated::Lost);
    assert_eq!(row(&*store, session.id).await, session);
}

/// A rotation creates no row.
pub async fn an_unknown_session_does_not_rotate(store: Store) {
    let rotation = Rotation {
        session: new_session(),
        ..rotation_of(&session_of(&new_user()))
    };
    assert_eq!(store.rotate(&rotation).await.answer(), Rotated::Lost);
    assert_eq!(store.find(rotation.session).await.answer(), None);
}

/// Logout wins over every later rotation.
pub async fn a_closed_session_does_not_rotate_and_stays_closed(store: Store) {
    let session = opened(&*store).await;
    close(&*store, session.id, &closing(EndReason::Logout)).await;
    let before = row(&*store, session.id).await;
    for from in [0, 1] {
        let rotation = Rotation {
            from: from.into(),
            to: (from + 1).into(),
            ..rotation_of(&session)
        };
        assert_eq!(store.rotate(&rotation).await.answer(), Rotated::Lost);
        assert_eq!(row(&*store, session.id).await, before);
    }
}

/// A refresh concurrent with a logout: if the rotation was first, the revocation covers its access token too; if the
/// logout was first, there is no such token.
pub async fn a_revocation_outlives_the_tokens_of_rotations_that_race_it(store: Store) {
    for round in 0..40 {
        let session = opened(&*store).await;
        let rotating = {
            let (store, mut session) = (Arc::clone(&store), session.clone());
            // Rotates until the session is closed; returns the row after the last rotation.
            async move {
                loop {
                    let rotation = Rotation {
                        access_until: session.access_until + MARGIN,
                        ..rotation_of(&session)
                    };
                    match store.rotate(&rotation).await.answer() {
                        Rotated::Won => session = after_rotation(&session, &rotation),
                        Rotated::Lost => return session,
                    }
                }
            }
        };
        let logging_out = {
            let (store, id) = (Arc::clone(&store), session.id);
            async move { close(&*store, id, &closing(EndReason::Logout)).await }
        };
        let (last, revocation) = race(round, rotating, logging_out).await;
        assert_eq!(
            revocation.until,
            last.access_until + MARGIN,
            "after {} rotations the revocation does not fit the latest token",
            last.generation().get(),
        );
        let closed = Session {
            state: state_after(&closing(EndReason::Logout)),
            ..last
        };
        let kept = row(&*store, session.id).await;
        assert_eq!(kept, closed, "a rotation was written after the logout");
    }
}

/// The same, concurrent with "log out everywhere".
pub async fn a_rotation_that_races_close_all_reopens_nothing(store: Store) {
    for round in 0..40 {
        let session = opened(&*store).await;
        let rotating = {
            let (store, rotation) = (Arc::clone(&store), rotation_of(&session));
            async move { store.rotate(&rotation).await.answer() }
        };
        let closing_all = logging_out_everywhere(&store, &session.user);
        let (outcome, revocations) = race(round, rotating, closing_all).await;
        let covered = match outcome {
            Rotated::Won => rotation_of(&session).access_until,
            Rotated::Lost => session.access_until,
        };
        let told: Vec<_> = revocations.iter().map(|entry| (entry.scope, entry.until)).collect();
        let expected = [(Scope::Session(session.id), covered + MARGIN)];
        assert_eq!(told, expected, "the rotation was {outcome:?}");
        let state = row(&*store, session.id).await.state;
        assert!(matches!(state, SessionState::Closed { .. }));
    }
    assert_eq!(whole_log(&*store).await.len(), 40, "one entry a session");
}
