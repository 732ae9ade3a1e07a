//! Keys that claim a database, and the issue floor that older keys leave in it.

use jiff::{SignedDuration, Timestamp};
use rescind_session::ports::{ISSUE_FLOOR_MARGIN, SessionStore};
use rescind_store::{Claimed, SqlStore};

use crate::place::{self, Place};

async fn floor(store: &SqlStore) -> Option<Timestamp> {
    store.store_clock().await.unwrap().issue_floor
}

async fn clock(store: &SqlStore) -> Timestamp {
    store.store_clock().await.unwrap().clock.unwrap()
}

async fn older_keys_leave_a_floor(place: Place, fresh: Place) {
    let store = place.store().await;
    let before = clock(&store).await;
    // The caller's latest known time is older than the database's own clock.
    let known = Some(before - SignedDuration::from_hours(1));
    assert_eq!(store.claim_fingerprint("a", known).await.unwrap(), Claimed::First);
    let recorded = floor(&store).await.unwrap();
    assert!(recorded >= before + ISSUE_FLOOR_MARGIN, "{recorded} after {before}");
    assert!(recorded <= clock(&store).await + ISSUE_FLOOR_MARGIN, "{recorded}");
    // A second start, of other nodes too, records no floor.
    let later = Some(before + SignedDuration::from_hours(1));
    assert_eq!(store.claim_fingerprint("a", later).await.unwrap(), Claimed::Same);
    assert_eq!(store.claim_fingerprint("b", later).await.unwrap(), Claimed::Different);
    assert_eq!(floor(&store).await, Some(recorded));

    let ahead = fresh.store().await;
    assert_eq!(ahead.claim_fingerprint("a", later).await.unwrap(), Claimed::First);
    let whole = |time: Timestamp| time.as_millisecond();
    assert_eq!(
        floor(&ahead).await.map(whole),
        later.map(|later| whole(later + ISSUE_FLOOR_MARGIN))
    );
}

#[tokio::test]
async fn keys_older_than_the_database_leave_an_issue_floor_on_sqlite() {
    older_keys_leave_a_floor(place::sqlite(), place::sqlite()).await;
}

#[tokio::test]
async fn keys_older_than_the_database_leave_an_issue_floor_on_postgres() {
    if let (Some(place), Some(fresh)) = (place::postgres().await, place::postgres().await) {
        older_keys_leave_a_floor(place, fresh).await;
    }
}

#[tokio::test]
async fn keys_made_for_the_database_leave_no_issue_floor() {
    let place = place::sqlite();
    let store = place.store().await;
    assert_eq!(store.claim_fingerprint("a", None).await.unwrap(), Claimed::First);
    assert_eq!(floor(&store).await, None);
}
