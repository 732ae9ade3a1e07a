//! The receivers of security events: who delivers, how far, and what pruning keeps for them.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rescind_session::{
    EndReason, Position,
    ports::{Closed, Closing, SessionStore},
};
use rescind_store::{EventPosition, SqlStore};
use uuid::Uuid;

use crate::{
    place::{self, Place},
    stories::{NOON, opened},
};

const URL: &str = "https://shop.example/events";
const HOLD: Duration = Duration::from_secs(60);
const BATCH: u32 = 500;

fn node(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

/// Ends that many sessions at noon.
async fn revoke(store: &SqlStore, seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let session = opened(store, seed).await;
        let closing = Closing {
            cause: EndReason::Logout,
            at: NOON,
            margin: Duration::ZERO,
        };
        assert!(matches!(
            store.close(session.id, &closing).await.unwrap(),
            Closed::Now(_)
        ));
    }
}

async fn claim(store: &SqlStore, by: u128) -> Option<EventPosition> {
    store.claim_event_receiver(URL, node(by), HOLD, false).await.unwrap()
}

fn at(from: EventPosition, position: u64) -> EventPosition {
    let position = Position::new(position);
    EventPosition { position, ..from }
}

async fn one_node_delivers(place: Place) {
    let store = place.store().await;
    revoke(&store, 1..4).await;
    let new = claim(&store, 1).await.unwrap();
    assert_eq!(new.position.get(), 3, "a new receiver begins at the end of the log");
    assert_eq!(claim(&store, 2).await, None);
    assert_eq!(claim(&store, 1).await, Some(new), "the same node renews it");
    assert!(store.acknowledge_events(URL, node(1), new, at(new, 5)).await.unwrap());

    store.release_event_receivers(node(1)).await.unwrap();
    assert_eq!(claim(&store, 2).await, Some(at(new, 5)));
    // The first node wakes up after its claim.
    assert!(
        !store
            .acknowledge_events(URL, node(1), at(new, 5), at(new, 9))
            .await
            .unwrap()
    );
    assert_eq!(claim(&store, 1).await, None);
    // It moves nothing back either, if it gets the receiver again.
    assert!(
        store
            .acknowledge_events(URL, node(2), at(new, 5), at(new, 8))
            .await
            .unwrap()
    );
    store.release_event_receivers(node(2)).await.unwrap();
    assert_eq!(claim(&store, 1).await, Some(at(new, 8)));
    assert!(
        !store
            .acknowledge_events(URL, node(1), at(new, 5), at(new, 6))
            .await
            .unwrap()
    );
    assert_eq!(claim(&store, 1).await, Some(at(new, 8)));

    let expired = store.claim_event_receiver(URL, node(1), Duration::ZERO, false).await;
    assert!(expired.unwrap().is_some());
    assert!(claim(&store, 2).await.is_some(), "a claim expires");
    let alone = store.claim_event_receiver(URL, node(3), HOLD, true).await;
    assert!(alone.unwrap().is_some(), "a node that is alone does not wait");
}

#[tokio::test]
async fn one_node_delivers_to_a_receiver_on_sqlite() {
    one_node_delivers(place::sqlite()).await;
}

#[tokio::test]
async fn one_node_delivers_to_a_receiver_on_postgres() {
    if let Some(place) = place::postgres().await {
        one_node_delivers(place).await;
    }
}

async fn remaining(store: &SqlStore) -> Vec<u64> {
    let rescind_session::ports::Tail::Entries(entries) = store.revocations_after(Position::START, 100).await.unwrap()
    else {
        panic!("the start is never below the floor")
    };
    entries.iter().map(|entry| entry.position.get()).collect()
}

async fn pruning_waits(place: Place) {
    let store = place.store_that_keeps(Duration::from_secs(3_600)).await;
    let new = claim(&store, 1).await.unwrap();
    revoke(&store, 1..6).await;
    let prune = async |now: Timestamp, limit| store.prune(now, NOON, limit).await.unwrap().revocations;
    let later = NOON + SignedDuration::from_hours(2);
    assert_eq!(prune(later, BATCH).await, 0, "none was acknowledged");
    assert!(store.acknowledge_events(URL, node(1), new, at(new, 2)).await.unwrap());
    assert_eq!(prune(later, 1).await, 1);
    assert_eq!(prune(later, BATCH).await, 1);
    assert_eq!(remaining(&store).await, [3, 4, 5]);

    // Another receiver, which is further, releases nothing.
    let other = store
        .claim_event_receiver("http://127.0.0.1/events", node(1), HOLD, false)
        .await;
    assert_eq!(other.unwrap().unwrap().position.get(), 5);
    let almost = NOON + SignedDuration::from_hours(7 * 24 - 1);
    assert_eq!(prune(almost, BATCH).await, 0);
    let retention = NOON + SignedDuration::from_hours(7 * 24);
    assert_eq!(prune(retention, 2).await, 2, "no longer than the retention");
    assert_eq!(prune(retention, BATCH).await, 1);
    assert_eq!(remaining(&store).await, [0; 0]);

    // Nobody claims it for the retention: it is forgotten, and begins like a new one.
    prune(Timestamp::from_second(7_258_118_400).unwrap(), BATCH).await;
    assert_eq!(claim(&store, 2).await.unwrap().position.get(), 5);
}

#[tokio::test]
async fn pruning_waits_for_receivers_but_no_longer_than_the_retention_on_sqlite() {
    pruning_waits(place::sqlite()).await;
}

#[tokio::test]
async fn pruning_waits_for_receivers_but_no_longer_than_the_retention_on_postgres() {
    if let Some(place) = place::postgres().await {
        pruning_waits(place).await;
    }
}
