//! Cases of the revocation log: [`SessionStore::revocations_after`] and [`SessionStore::revoke`].

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use rescind_session::{
    EndReason, Position, Revocation, Scope, SessionState,
    ports::{NewRevocation, SessionStore, Tail},
};

use crate::{
    fixture::{
        Answer, a_token, after, close, closed, closing, namesakes, new_session, new_user, noon_plus, opened, row,
        session_of, whole_log,
    },
    race::at_once,
};

type Store = Arc<dyn SessionStore>;

async fn tail_after(store: &Store, position: Position) -> Tail {
    store.revocations_after(position, 10).await.answer()
}

fn assert_rising(log: &[Revocation]) {
    let positions: Vec<_> = log.iter().map(|entry| entry.position).collect();
    assert!(
        positions.first().is_none_or(|first| *first > Position::START),
        "an entry at the start is never read"
    );
    assert!(
        positions.is_sorted_by(|earlier, later| earlier < later),
        "not in order: {positions:?}"
    );
}

/// A reader at the start is at the end, and does not have to start over.
pub async fn a_new_log_is_empty(store: Store) {
    assert_eq!(tail_after(&store, Position::START).await, Tail::Entries(Vec::new()));
}

/// For every kind of revocation and every call.
pub async fn positions_rise_in_the_order_of_the_revocations(store: Store) {
    let mut revocations = Vec::new();
    for _ in 0..4 {
        revocations.push(closed(&*store, &session_of(&new_user())).await);
        revocations.push(store.revoke(&a_token()).await.answer());
        let (session, closing) = (opened(&*store).await, closing(EndReason::Administrator));
        revocations.extend(store.close_all(&session.user, None, &closing).await.answer());
    }
    assert_eq!(revocations.len(), 12);
    assert_rising(&revocations);
    assert_eq!(whole_log(&*store).await, revocations);
}

/// For every page size.
pub async fn the_log_is_paged_without_a_gap(store: Store) {
    for _ in 0..10 {
        store.revoke(&a_token()).await.answer();
    }
    let whole = whole_log(&*store).await;
    for limit in [1, 3, 10, 11] {
        let (mut read, mut position) = (Vec::new(), Position::START);
        loop {
            let page = after(&*store, position, limit).await;
            let Some(last) = page.last() else { break };
            position = last.position;
            let full = page.len() == limit as usize;
            read.extend(page);
            assert!(full || read.len() == whole.len(), "a page of {limit} was cut short");
        }
        assert_eq!(read, whole, "read in pages of {limit}");
    }
}

/// Why positions follow the order of commits: with numbers drawn when a transaction begins, a late commit appears
/// behind a reader that has passed it, and its revocation never reaches that reader's blacklist.
pub async fn a_reader_beside_eight_writers_sees_each_entry_once_in_order(store: Store) {
    const WRITERS: usize = 8;
    const EACH: usize = 12;
    let mut sessions = Vec::new();
    for _ in 0..WRITERS * EACH {
        sessions.push(opened(&*store).await);
    }
    let writing = Arc::new(AtomicUsize::new(WRITERS));
    let answers = at_once(WRITERS + 1, |task| {
        let (store, writing) = (Arc::clone(&store), Arc::clone(&writing));
        let mine = sessions.iter().skip(task).step_by(WRITERS).take(EACH);
        let mine: Vec<_> = mine.map(|session| session.id).collect();
        async move {
            if task == WRITERS {
                return follow(&store, &writing).await;
            }
            let mut written = Vec::new();
            for (nth, id) in mine.into_iter().enumerate() {
                written.push(close(&*store, id, &closing(EndReason::Logout)).await);
                if nth % 3 == 0 {
                    written.push(store.revoke(&a_token()).await.answer());
                }
            }
            writing.fetch_sub(1, Ordering::SeqCst);
            written
        }
    })
    .await;
    let Some((read, written)) = answers.split_last() else {
        panic!("no task answered")
    };
    assert_rising(read);
    let mut written: Vec<_> = written.concat();
    written.sort_by_key(|entry| entry.position);
    assert_eq!(
        read.len(),
        written.len(),
        "the reader missed something, or saw it twice"
    );
    assert_eq!(*read, written);
}

/// Follows the tail until all writers have finished and everything was read.
async fn follow(store: &Store, writing: &AtomicUsize) -> Vec<Revocation> {
    let mut seen: Vec<Revocation> = Vec::new();
    loop {
        // Loaded before reading, so that everything written before is certain to be read.
        let done = writing.load(Ordering::SeqCst) == 0;
        let position = seen.last().map_or(Position::START, |entry| entry.position);
        let page = after(&**store, position, 5).await;
        if done && page.is_empty() {
            return seen;
        }
        if page.is_empty() {
            tokio::task::yield_now().await;
        }
        seen.extend(page);
    }
}

/// The log of a restored database ends before its readers' positions: they must not wait for it to catch up.
pub async fn a_position_beyond_the_end_starts_over(store: Store) {
    let beyond_nothing = tail_after(&store, Position::START.next()).await;
    assert_eq!(beyond_nothing, Tail::StartOver, "an empty log");
    let last = store.revoke(&a_token()).await.answer().position;
    let at_the_end = tail_after(&store, last).await;
    assert_eq!(at_the_end, Tail::Entries(Vec::new()), "exactly at the end");
    for beyond in [last.next(), Position::new(1 << 40)] {
        let tail = tail_after(&store, beyond).await;
        assert_eq!(tail, Tail::StartOver, "{beyond:?} after {last:?}");
    }
}

/// For a token, and for a session without a row.
pub async fn a_revocation_is_logged_with_every_field(store: Store) {
    let session = NewRevocation {
        scope: Scope::Session(new_session()),
        cause: EndReason::Logout,
        ..a_token()
    };
    let mut log = Vec::new();
    for new in [a_token(), session] {
        let revocation = store.revoke(&new).await.answer();
        let expected = Revocation {
            position: revocation.position,
            scope: new.scope,
            user: new.user,
            at: new.at,
            until: new.until,
            cause: new.cause,
        };
        assert_eq!(revocation, expected);
        log.push(expected);
    }
    assert_eq!(whole_log(&*store).await, log);
}

/// A repeat is harmless.
pub async fn revoking_a_token_twice_returns_the_first_entry(store: Store) {
    let token = a_token();
    let first = store.revoke(&token).await.answer();
    let again = NewRevocation {
        at: noon_plus(120),
        ..token
    };
    assert_eq!(store.revoke(&again).await.answer(), first);
    assert_eq!(whole_log(&*store).await, [first]);
}

/// All calls return it.
pub async fn fifty_revocations_of_one_token_log_exactly_one(store: Store) {
    for round in 0..20 {
        let token = a_token();
        let returned = at_once(50, |_| {
            let (store, token) = (Arc::clone(&store), token.clone());
            async move { store.revoke(&token).await.answer() }
        })
        .await;
        let log = whole_log(&*store).await;
        assert_eq!(log.len(), round + 1, "one token was revoked more than once");
        assert!(
            returned.iter().all(|revocation| Some(revocation) == log.last()),
            "{returned:?}"
        );
    }
}

/// The scope is part of an entry's key.
pub async fn a_token_and_a_session_with_equal_ids_are_two_entries(store: Store) {
    let (token, id) = namesakes();
    let session = rescind_session::Session {
        id,
        ..session_of(&new_user())
    };
    let revoke_it = async || {
        let new = NewRevocation {
            scope: Scope::Token(token),
            ..a_token()
        };
        store.revoke(&new).await.answer()
    };
    let of_token = revoke_it().await;
    let of_session = closed(&*store, &session).await;
    assert_eq!(of_session.scope, Scope::Session(id));
    assert_eq!(revoke_it().await, of_token);
    assert_eq!(whole_log(&*store).await, [of_token, of_session]);
}

/// Revoking a token does not end its session.
pub async fn revoking_a_token_leaves_its_session_open(store: Store) {
    let session = opened(&*store).await;
    let token = NewRevocation {
        user: session.user.clone(),
        ..a_token()
    };
    store.revoke(&token).await.answer();
    assert_eq!(row(&*store, session.id).await.state, SessionState::Open);
    assert_eq!(store.list_open(&session.user).await.answer(), [session]);
}

/// Copies depend on it.
pub async fn a_log_keeps_its_identity(store: Store) {
    let log = store.log().await.answer();
    let _ = store.revoke(&a_token()).await.answer();
    assert_eq!(store.log().await.answer(), log);
}
