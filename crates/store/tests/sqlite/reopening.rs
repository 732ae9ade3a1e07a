//! The state after a restart.

use jiff::SignedDuration;
use rescind_session::{
    EndReason, Position, SessionState,
    ports::{Closed, Epoch, Rotated, SessionStore, StoreClock, Tail, UserStore},
};

use crate::fixture::{NOON, Place, closing, opened, rotation, user};

#[tokio::test]
async fn acknowledged_changes_are_there_after_reopening() {
    let place = Place::new();
    let store = place.store().await;
    let alice = user(9, "alice");
    let _ = store.insert(&alice.clone()).await.unwrap();
    let (rotated, closed) = (opened(&store, 1).await, opened(&store, 2).await);
    assert_eq!(store.rotate(&rotation(rotated.id, 0)).await.unwrap(), Rotated::Won);
    let Closed::Now(revocation) = store.close(closed.id, &closing(EndReason::Logout)).await.unwrap() else {
        panic!("it was open");
    };
    store
        .close_all(&alice.user.id, None, &closing(EndReason::PasswordChange))
        .await
        .unwrap();
    let (rotated, closed) = (
        SessionStore::find(&store, rotated.id).await.unwrap().unwrap(),
        SessionStore::find(&store, closed.id).await.unwrap().unwrap(),
    );
    drop(store);

    let store = place.store().await;
    assert_eq!(
        UserStore::find(&store, &alice.user.id).await.unwrap(),
        Some(alice.user.clone())
    );
    assert_eq!(
        SessionStore::find(&store, rotated.id).await.unwrap(),
        Some(rotated.clone())
    );
    assert_eq!(rotated.generation().get(), 1);
    assert!(matches!(
        closed.state,
        SessionState::Closed {
            cause: EndReason::Logout,
            ..
        }
    ));
    assert_eq!(SessionStore::find(&store, closed.id).await.unwrap(), Some(closed));
    assert_eq!(
        store.revocations_after(Position::START, 10).await.unwrap(),
        Tail::Entries(vec![revocation])
    );
    assert_eq!(store.epoch(&alice.user.id).await.unwrap(), Epoch::new(1));
}

#[tokio::test]
async fn positions_are_not_reused_after_pruning_and_reopening() {
    let place = Place::new();
    let store = place.store().await;
    let (first, second) = (opened(&store, 1).await, opened(&store, 2).await);
    let Closed::Now(before) = store.close(first.id, &closing(EndReason::Logout)).await.unwrap() else {
        panic!("it was open");
    };
    let pruned = store.prune(before.until, NOON, 100).await.unwrap();
    assert_eq!(pruned.revocations, 1);
    drop(store);

    let store = place.store().await;
    let Closed::Now(after) = store.close(second.id, &closing(EndReason::Logout)).await.unwrap() else {
        panic!("it was open");
    };
    assert!(
        after.position > before.position,
        "{after:?} was given the position of {before:?}"
    );
}

#[tokio::test]
async fn the_newest_instant_survives_pruning_and_reopening() {
    let place = Place::new();
    let store = place.store().await;
    let session = opened(&store, 1).await;
    let mut late = rotation(session.id, 0);
    late.at = NOON + SignedDuration::from_hours(2);
    assert_eq!(store.rotate(&late).await.unwrap(), Rotated::Won);
    let pruned = store
        .prune(NOON, session.expires_at + SignedDuration::from_secs(1), 100)
        .await
        .unwrap();
    assert_eq!(pruned.sessions, 1);
    drop(store);

    let StoreClock { newest, .. } = place.store().await.store_clock().await.unwrap();
    assert_eq!(newest, Some(late.at));
}

#[tokio::test]
async fn the_database_clock_matches_the_machines() {
    let place = Place::new();
    let clock = place.store().await.store_clock().await.unwrap().clock.unwrap();
    let machine = rescind_session::MachineClock::wall(&rescind_store::SystemClock::new());
    let apart = machine.duration_since(clock).unsigned_abs();
    assert!(apart < std::time::Duration::from_secs(2), "{apart:?} apart");
}
