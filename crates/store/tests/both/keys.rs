//! The record of when each key issues tokens.

use std::time::Duration;

use jiff::Timestamp;
use rescind_store::KeyRecord;

use crate::place::{self, Place};

fn record(id: &str, issues_from: i64) -> KeyRecord {
    KeyRecord {
        id: id.to_owned(),
        algorithm: "EdDSA".to_owned(),
        issues_from: Timestamp::from_millisecond(issues_from).unwrap(),
        longest_token: Duration::ZERO,
        ended_at: None,
    }
}

async fn keys_are_replaced_only_if_nobody_else_did(place: Place) {
    let store = place.store().await;
    let empty = store.recorded_ring().await.unwrap();
    assert_eq!((empty.fingerprint, empty.keys.len()), (None, 0));
    let (first, second) = (record("b", 1_000), record("a", 2_000));
    assert!(
        store
            .record_ring(None, "one", std::slice::from_ref(&first))
            .await
            .unwrap()
    );
    let minute = Duration::from_secs(60);
    for longest in [minute, Duration::from_secs(1)] {
        store.raise_longest_token(&["b".to_owned()], longest).await.unwrap();
    }
    let ended = KeyRecord {
        ended_at: Some(second.issues_from),
        ..first.clone()
    };
    assert!(
        !store.record_ring(Some("other"), "two", &[]).await.unwrap(),
        "it belongs to others"
    );
    assert_eq!(store.recorded_ring().await.unwrap().keys.len(), 1);
    for _repeat in 0..2 {
        let both = [second.clone(), ended.clone()];
        assert!(store.record_ring(Some("one"), "two", &both).await.unwrap());
    }
    let recorded = store.recorded_ring().await.unwrap();
    assert_eq!(recorded.fingerprint.as_deref(), Some("two"));
    let raised = KeyRecord {
        longest_token: minute,
        ..ended
    };
    assert_eq!(recorded.keys, [raised, second.clone()], "the largest lifetime stays");
    assert!(
        store
            .record_ring(Some("two"), "three", std::slice::from_ref(&second))
            .await
            .unwrap()
    );
    assert_eq!(store.recorded_ring().await.unwrap().keys, [second]);
}

#[tokio::test]
async fn keys_are_replaced_only_if_nobody_else_did_on_sqlite() {
    keys_are_replaced_only_if_nobody_else_did(place::sqlite()).await;
}

#[tokio::test]
async fn keys_are_replaced_only_if_nobody_else_did_on_postgres() {
    if let Some(place) = place::postgres().await {
        keys_are_replaced_only_if_nobody_else_did(place).await;
    }
}
