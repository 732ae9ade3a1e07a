//! The keys that a database belongs to.

use rescind_store::Claimed;

use crate::fixture::Place;

#[tokio::test]
async fn the_first_keys_claim_the_database_and_others_are_different() {
    let place = Place::new();
    let store = place.store().await;
    assert!(store.fingerprint().await.unwrap().is_none());
    assert_eq!(store.claim_fingerprint("a", None).await.unwrap(), Claimed::First);
    assert!(store.fingerprint().await.unwrap().is_some());
    assert_eq!(store.claim_fingerprint("a", None).await.unwrap(), Claimed::Same);
    assert_eq!(store.claim_fingerprint("b", None).await.unwrap(), Claimed::Different);
    assert_eq!(
        place.store().await.claim_fingerprint("a", None).await.unwrap(),
        Claimed::Same,
        "b was written"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_keys_that_claim_at_once_one_is_first() {
    let place = Place::new();
    let store = place.store().await;
    let claims: Vec<_> = (0..20)
        .map(|keys| {
            let store = store.clone();
            tokio::spawn(async move { store.claim_fingerprint(&keys.to_string(), None).await.unwrap() })
        })
        .collect();
    let mut outcomes = Vec::new();
    for claim in claims {
        outcomes.push(claim.await.unwrap());
    }
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Claimed::First).count(), 1);
    assert_eq!(
        outcomes
            .iter()
            .filter(|outcome| **outcome == Claimed::Different)
            .count(),
        19
    );
}
