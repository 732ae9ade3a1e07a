//! Cases of [`SessionStore::status_indexes`] and [`SessionStore::closed_status_indexes`].

use std::sync::Arc;

use rescind_session::{
    EndReason, Session, StatusIndex,
    ports::{Opened, SessionStore},
};

use crate::fixture::{
    A_MILLISECOND, Answer, NOON, close, closing, log_out_everywhere, new_user, open, row, session_of,
};

type Store = Arc<dyn SessionStore>;

fn index(number: u64) -> StatusIndex {
    StatusIndex::new(number)
}

async fn opened_at(store: &Store, number: u64) -> Session {
    let session = Session {
        status_index: Some(index(number)),
        ..session_of(&new_user())
    };
    open(&**store, &session).await;
    session
}

/// Also the highest number that fits into 63 bits.
pub async fn a_status_index_is_kept_in_the_row(store: Store) {
    for number in [0, 7, (1 << 63) - 1] {
        let session = opened_at(&store, number).await;
        assert_eq!(row(&*store, session.id).await, session);
    }
}

/// Open or closed: a token of it may be alive.
pub async fn a_taken_status_index_opens_nothing(store: Store) {
    let first = opened_at(&store, 7).await;
    close(&*store, first.id, &closing(EndReason::Logout)).await;
    let second = Session {
        status_index: Some(index(7)),
        ..session_of(&new_user())
    };
    let epoch = store.epoch(&second.user).await.answer();
    assert_eq!(store.open(&second, epoch).await.answer(), Opened::StatusIndexTaken);
    assert_eq!(store.find(second.id).await.answer(), None);
    let third = Session {
        status_index: Some(index(8)),
        ..second
    };
    assert_eq!(store.open(&third, epoch).await.answer(), Opened::Opened);
}

/// No token of it can be alive then.
pub async fn a_pruned_session_gives_its_status_index_back(store: Store) {
    let first = opened_at(&store, 7).await;
    let pruned = store.prune(NOON, first.expires_at + A_MILLISECOND, 10).await.answer();
    assert_eq!(pruned.sessions, 1);
    let found = store.status_indexes(index(0)..index(100), &[index(7)]).await.answer();
    assert_eq!((found.taken, found.highest), (Vec::new(), None));
    opened_at(&store, 7).await;
}

/// The candidates are looked for everywhere, the highest in the range.
pub async fn taken_status_indexes_are_told(store: Store) {
    for number in [7, 150, 90] {
        opened_at(&store, number).await;
    }
    open(&*store, &session_of(&new_user())).await;
    let candidates = [index(7), index(8), index(150)];
    let mut found = store.status_indexes(index(5)..index(150), &candidates).await.answer();
    found.taken.sort();
    assert_eq!(found.taken, [index(7), index(150)]);
    assert_eq!(found.highest, Some(index(90)));
    let found = store.status_indexes(index(91)..index(150), &[]).await.answer();
    assert_eq!((found.taken, found.highest), (Vec::new(), None));
}

/// Closed alone or with all others of its user.
pub async fn the_status_indexes_of_closed_sessions_are_told(store: Store) {
    let closed = opened_at(&store, 7).await;
    let closed_with_all = opened_at(&store, 9).await;
    for number in [6, 8, 10] {
        opened_at(&store, number).await;
    }
    close(&*store, closed.id, &closing(EndReason::Reuse)).await;
    log_out_everywhere(&*store, &closed_with_all.user).await;
    let mut found = store.closed_status_indexes(index(0)..index(100)).await.answer();
    found.sort();
    assert_eq!(found, [index(7), index(9)]);
    assert_eq!(store.closed_status_indexes(index(8)..index(9)).await.answer(), []);
}
