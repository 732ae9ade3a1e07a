//! The state that `close_everything` leaves after a restore from a backup.

use std::time::Duration;

use jiff::SignedDuration;
use rescind_session::{
    EndReason, Position, Scope, SessionState,
    ports::{Closing, Opened, SessionStore, Tail, UserStore},
};

use crate::{
    place::{self, Place},
    stories::{NOON, closing, opened, session, user},
};

/// More than one batch.
const OPEN: u64 = 1_200;

async fn everything_is_closed(place: Place) {
    let store = place.store().await;
    let before = store.log().await.unwrap();
    let closed_before = opened(&store, 1).await;
    let _ = store
        .close(closed_before.id, &closing(EndReason::Logout))
        .await
        .unwrap();
    for seed in 10..10 + OPEN {
        opened(&store, seed).await;
    }
    // A login that has read its epoch, of a user with sessions, and one of a user who never had any.
    let (late, new) = (session(10), user(5, "newcomer"));
    let _ = store.insert(&new.clone()).await.unwrap();
    let mut first = session(9);
    first.user = new.user.id;
    let epochs = [
        store.epoch(&late.user).await.unwrap(),
        store.epoch(&first.user).await.unwrap(),
    ];

    let closing = Closing {
        cause: EndReason::Administrator,
        at: NOON + SignedDuration::from_hours(48),
        margin: Duration::from_secs(900),
    };
    assert_eq!(store.close_everything(&closing).await.unwrap(), OPEN);

    assert_ne!(
        store.log().await.unwrap(),
        before,
        "a copy of the old log would count as complete"
    );
    let Tail::Entries(entries) = store.revocations_after(Position::START, 10_000).await.unwrap() else {
        panic!("no row was pruned");
    };
    assert_eq!(entries.len() as u64, OPEN + 1);
    for seed in 10..10 + OPEN {
        let id = session(seed).id;
        let row = SessionStore::find(&store, id).await.unwrap().unwrap();
        assert!(matches!(
            row.state,
            SessionState::Closed {
                cause: EndReason::Administrator,
                ..
            }
        ));
        let entry = entries.iter().find(|entry| entry.scope == Scope::Session(id));
        let entry = entry.expect("a closed session is not in the log");
        // Tokens that were issued since the backup expire later than the row knows.
        assert_eq!(entry.until, closing.at + closing.margin);
    }
    for (mut login, epoch) in [late, first].into_iter().zip(epochs) {
        login.id = session(login.created_at.as_millisecond() as u64 + 77).id;
        assert_eq!(store.open(&login, epoch).await.unwrap(), Opened::Superseded);
    }
    assert_eq!(
        store.close_everything(&closing).await.unwrap(),
        0,
        "a repeat is harmless"
    );
    opened(&store, 3).await;
}

/// A clock was a year ahead: it began sessions, wrote revocations and recorded a floor.
async fn the_time_begins_again(place: Place) {
    let (store, year) = (place.store().await, SignedDuration::from_hours(24 * 365));
    let mut ahead = session(1);
    ahead.created_at += year;
    ahead.last_seen_at += year;
    let epoch = store.epoch(&ahead.user).await.unwrap();
    assert_eq!(store.open(&ahead, epoch).await.unwrap(), Opened::Opened);
    let at = NOON + SignedDuration::from_hours(1);
    let late = Closing {
        at: NOON + year,
        ..closing(EndReason::Logout)
    };
    let other = opened(&store, 2).await;
    let _ = store.close(other.id, &late).await.unwrap();
    store.raise_issue_floor(NOON + year).await.unwrap();
    assert_eq!(store.store_clock().await.unwrap().newest, Some(NOON + year));

    let closing = Closing { at, ..late };
    assert_eq!(store.close_everything(&closing).await.unwrap(), 1);
    let instants = store.store_clock().await.unwrap();
    assert_eq!((instants.newest, instants.issue_floor), (Some(at), None));
}

#[tokio::test]
async fn after_a_wrong_clock_restored_restarts_the_time_on_sqlite() {
    the_time_begins_again(place::sqlite()).await;
}

#[tokio::test]
async fn after_a_wrong_clock_restored_restarts_the_time_on_postgres() {
    if let Some(place) = place::postgres().await {
        the_time_begins_again(place).await;
    }
}

#[tokio::test]
async fn after_a_restore_everything_is_closed_on_sqlite() {
    everything_is_closed(place::sqlite()).await;
}

#[tokio::test]
async fn after_a_restore_everything_is_closed_on_postgres() {
    if let Some(place) = place::postgres().await {
        everything_is_closed(place).await;
    }
}
