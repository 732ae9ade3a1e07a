//! Cases of [`SessionStore::store_clock`] and [`SessionStore::raise_issue_floor`]: the times that a starting program
//! compares its clock with, and the tokens that it must not accept.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rescind_session::{
    EndReason, Session,
    ports::{Closing, Epoch, NewRevocation, Rotation, SessionStore},
};

use crate::fixture::{
    A_MILLISECOND, Answer, NOON, a_token, close, closing, new_user, noon_plus, open, opened, rotate, rotation_of,
    session_of,
};

type Store = Arc<dyn SessionStore>;

async fn newest(store: &Store) -> Option<Timestamp> {
    store.store_clock().await.answer().newest
}

/// So a program's clock may begin at any time.
pub async fn an_empty_store_has_recorded_nothing(store: Store) {
    assert_eq!(newest(&store).await, None);
    assert_eq!(store.epoch(&new_user()).await.answer(), Epoch::FIRST);
    assert_eq!(newest(&store).await, None, "a read records nothing");
}

/// To the millisecond.
pub async fn a_login_is_recorded(store: Store) {
    opened(&*store).await;
    assert_eq!(newest(&store).await, Some(NOON));
    let at = NOON + SignedDuration::from_millis(5);
    let session = Session {
        created_at: at,
        last_seen_at: at,
        ..session_of(&new_user())
    };
    open(&*store, &session).await;
    assert_eq!(newest(&store).await, Some(at));
}

/// In a quiet period refreshes may be the only writes.
pub async fn a_rotation_is_recorded(store: Store) {
    let session = opened(&*store).await;
    let rotation = Rotation {
        at: noon_plus(777) + A_MILLISECOND,
        ..rotation_of(&session)
    };
    rotate(&*store, &rotation).await;
    assert_eq!(newest(&store).await, Some(rotation.at));
}

/// Of one session, and of all of a user.
pub async fn a_closing_is_recorded(store: Store) {
    let session = opened(&*store).await;
    let logout = Closing {
        at: noon_plus(800),
        ..closing(EndReason::Logout)
    };
    close(&*store, session.id, &logout).await;
    assert_eq!(newest(&store).await, Some(logout.at));
    let another = opened(&*store).await;
    let everywhere = Closing {
        at: noon_plus(900) + A_MILLISECOND,
        ..closing(EndReason::LogoutEverywhere)
    };
    store.close_all(&another.user, None, &everywhere).await.answer();
    assert_eq!(newest(&store).await, Some(everywhere.at));
}

/// Even without a session.
pub async fn a_revoked_token_is_recorded(store: Store) {
    let token = a_token();
    store.revoke(&token).await.answer();
    assert_eq!(newest(&store).await, Some(token.at), "and not its `until`");
}

/// Nodes write with clocks that differ a little, in any order.
pub async fn the_newest_instant_is_the_latest_and_not_the_last_written(store: Store) {
    let latest = NewRevocation {
        at: noon_plus(3000),
        ..a_token()
    };
    store.revoke(&latest).await.answer();
    let session = opened(&*store).await;
    rotate(&*store, &rotation_of(&session)).await;
    close(&*store, session.id, &closing(EndReason::Logout)).await;
    store.revoke(&a_token()).await.answer();
    assert_eq!(newest(&store).await, Some(latest.at));
}

/// Otherwise a start with an earlier clock would accept a token whose revocation was pruned. A call that removes
/// nothing records nothing.
pub async fn pruning_records_its_time_if_it_removed_anything(store: Store) {
    let (token, session) = (a_token(), opened(&*store).await);
    store.revoke(&token).await.answer();
    let (late, later) = (token.until + A_MILLISECOND, session.expires_at + A_MILLISECOND);
    for (now, recorded) in [
        (NOON, token.at),
        (late, late),
        (late + A_MILLISECOND, late),
        (later, later),
        (late, later),
    ] {
        let _ = store.prune(now, now, 10).await.answer();
        assert_eq!(newest(&store).await, Some(recorded));
    }
}

/// To the millisecond. It does not count as a time that the store has seen.
pub async fn an_issue_floor_is_kept_and_never_lowered(store: Store) {
    assert_eq!(store.store_clock().await.answer().issue_floor, None);
    let floor = noon_plus(5) + A_MILLISECOND;
    for to in [noon_plus(4), floor, noon_plus(3), floor] {
        store.raise_issue_floor(to).await.answer();
    }
    let instants = store.store_clock().await.answer();
    assert_eq!((instants.issue_floor, instants.newest), (Some(floor), None));
}
