//! Cases of [`SessionStore::prune`].

use std::{slice, sync::Arc};

use jiff::Timestamp;
use rescind_session::{
    EndReason, Position, Revocation, Session,
    ports::{NewRevocation, Opened, Pruned, SessionStore, Tail},
};

use crate::fixture::{
    A_MILLISECOND, Answer, NOON, a_token, after, after_rotation, close, closed, closing, log_out_everywhere, new_user,
    noon_plus, open, opened, rotate, rotation_of, row, session_of, whole_log,
};

type Store = Arc<dyn SessionStore>;

const NOTHING: Pruned = pruned(0, 0);

const fn pruned(sessions: u64, revocations: u64) -> Pruned {
    Pruned { sessions, revocations }
}

/// An entry for a token, which may be removed at `until`.
async fn revoked_until(store: &Store, until: Timestamp) -> Revocation {
    store.revoke(&NewRevocation { until, ..a_token() }).await.answer()
}

/// Prunes the log at `now`, and no session.
async fn prune_log(store: &Store, now: Timestamp, limit: u32) -> u64 {
    let Pruned { sessions, revocations } = store.prune(now, Timestamp::UNIX_EPOCH, limit).await.answer();
    assert_eq!(sessions, 0, "a session was pruned too early");
    revocations
}

/// `until` is the first time at which it may be removed.
pub async fn a_revocation_is_pruned_at_its_until_and_not_before(store: Store) {
    let of_token = revoked_until(&store, noon_plus(100)).await;
    let of_session = closed(&*store, &session_of(&new_user())).await;
    let longest = revoked_until(&store, noon_plus(10_000)).await;
    assert_eq!(prune_log(&store, of_token.until - A_MILLISECOND, 10).await, 0);
    assert_eq!(whole_log(&*store).await.len(), 3);
    assert_eq!(prune_log(&store, of_token.until, 10).await, 1);
    assert_eq!(whole_log(&*store).await, [of_session.clone(), longest.clone()]);
    assert_eq!(prune_log(&store, of_session.until - A_MILLISECOND, 10).await, 0);
    assert_eq!(prune_log(&store, of_session.until, 10).await, 1);
    assert_eq!(whole_log(&*store).await, [longest]);
}

/// Open or closed: a session that is never closed is not kept for ever.
pub async fn a_session_is_pruned_after_its_absolute_end_and_not_before(store: Store) {
    let (first, second) = (opened(&*store).await, session_of(&new_user()));
    let second = Session {
        expires_at: first.expires_at + A_MILLISECOND,
        ..second
    };
    open(&*store, &second).await;
    let end = first.expires_at;
    let at_its_end = store.prune(NOON, end, 10).await.answer();
    assert_eq!(at_its_end, NOTHING, "its end is not before itself");
    assert_eq!(row(&*store, first.id).await, first);
    let after_it = store.prune(NOON, end + A_MILLISECOND, 10).await.answer();
    assert_eq!(after_it, pruned(1, 0));
    assert_eq!(store.find(first.id).await.answer(), None);
    assert_eq!(store.list_open(&first.user).await.answer(), []);
    assert_eq!(row(&*store, second.id).await, second);
}

/// Until then reuse of its refresh tokens must be recognised, long after its revocation was pruned.
pub async fn a_closed_session_stays_until_its_absolute_end(store: Store) {
    let session = opened(&*store).await;
    let revocation = close(&*store, session.id, &closing(EndReason::Logout)).await;
    let before = row(&*store, session.id).await;
    let first = store.prune(revocation.until, session.expires_at, 10).await.answer();
    assert_eq!(first, pruned(0, 1));
    assert_eq!(row(&*store, session.id).await, before);
    let after_its_end = session.expires_at + A_MILLISECOND;
    let second = store.prune(revocation.until, after_its_end, 10).await.answer();
    assert_eq!(second, pruned(1, 0));
    assert_eq!(store.find(session.id).await.answer(), None);
}

/// A refresh delays the idle end, not the absolute one.
pub async fn a_rotation_does_not_delay_the_pruning_of_its_session(store: Store) {
    let session = opened(&*store).await;
    let rotation = rotation_of(&session);
    rotate(&*store, &rotation).await;
    assert_eq!(store.prune(NOON, session.expires_at, 10).await.answer(), NOTHING);
    assert_eq!(row(&*store, session.id).await, after_rotation(&session, &rotation));
    let removed = store.prune(NOON, session.expires_at + A_MILLISECOND, 10).await.answer();
    assert_eq!(removed.sessions, 1);
    assert_eq!(store.find(session.id).await.answer(), None);
}

/// The log does not depend on the rows.
pub async fn pruning_a_session_keeps_its_revocation(store: Store) {
    let session = opened(&*store).await;
    let revocation = close(&*store, session.id, &closing(EndReason::Logout)).await;
    let removed = store.prune(NOON, session.expires_at + A_MILLISECOND, 10).await.answer();
    assert_eq!(removed, pruned(1, 0));
    assert_eq!(whole_log(&*store).await, [revocation]);
}

/// A transaction stays short however much there is to remove; the next one removes more.
pub async fn a_batch_is_bounded(store: Store) {
    for _ in 0..7 {
        closed(&*store, &session_of(&new_user())).await;
    }
    let (now, before) = (noon_plus(10_000), noon_plus(100_000));
    let mut batches = Vec::new();
    for _ in 0..4 {
        batches.push(store.prune(now, before, 3).await.answer());
        let left = 7 - batches.iter().map(|batch| batch.revocations).sum::<u64>();
        let log = whole_log(&*store).await;
        assert_eq!(log.len() as u64, left, "the returned count is wrong");
    }
    assert_eq!(batches, [3, 3, 1, 0].map(|count| pruned(count, count)));
}

/// It does not fail either.
pub async fn pruning_an_empty_store_removes_nothing(store: Store) {
    assert_eq!(store.prune(NOON, NOON, 10).await.answer(), NOTHING);
    assert_eq!(after(&*store, Position::START, 10).await, []);
}

/// A reader that was away while the log was pruned cannot know what it has missed.
pub async fn a_reader_behind_the_pruned_entries_starts_over(store: Store) {
    let mut log = Vec::new();
    for minute in 1..=4 {
        log.push(revoked_until(&store, noon_plus(60 * minute)).await);
    }
    assert_eq!(prune_log(&store, noon_plus(180), 10).await, 3);
    for early in &log[..2] {
        let tail = store.revocations_after(early.position, 10).await.answer();
        let (at, begin) = (early.position, log[3].position);
        assert_eq!(tail, Tail::StartOver, "at {at:?}, and the log begins at {begin:?}");
    }
    let missed = after(&*store, log[2].position, 10).await;
    assert_eq!(missed, log[3..], "this reader has missed nothing");

    assert_eq!(prune_log(&store, noon_plus(240), 10).await, 1);
    let tail = store.revocations_after(log[2].position, 10).await.answer();
    assert_eq!(tail, Tail::StartOver, "of an emptied log");
    let unseen = after(&*store, log[3].position, 10).await;
    assert_eq!(unseen, [], "this reader has seen everything");
}

/// A reader that starts over reaches the end.
pub async fn the_remaining_entries_are_read_from_the_start(store: Store) {
    revoked_until(&store, noon_plus(60)).await;
    let kept = revoked_until(&store, noon_plus(600)).await;
    assert_eq!(prune_log(&store, noon_plus(60), 10).await, 1);
    assert_eq!(after(&*store, Position::START, 10).await, slice::from_ref(&kept));
    assert_eq!(after(&*store, kept.position, 10).await, []);
    assert_eq!(prune_log(&store, noon_plus(600), 10).await, 1);
    let emptied = after(&*store, Position::START, 10).await;
    assert_eq!(emptied, [], "an emptied log is read like an empty one");
}

/// Entries are removed in the order of their `until`, so a long-lived one may be below many that were pruned. A reader
/// that has just read it from the start must not have to start over: it would reach the same entry again, for ever, and
/// its blacklist would never be complete.
pub async fn a_log_with_holes_is_read_to_its_end_page_by_page(store: Store) {
    for nth in 0..9 {
        let until = if nth % 3 == 0 { noon_plus(9000) } else { noon_plus(60) };
        revoked_until(&store, until).await;
    }
    assert_eq!(prune_log(&store, noon_plus(60), 100).await, 6);
    let whole = whole_log(&*store).await;
    assert_eq!(whole.len(), 3);
    let mut position = Position::START;
    for entry in whole {
        assert_eq!(after(&*store, position, 1).await, slice::from_ref(&entry));
        position = entry.position;
    }
    assert_eq!(after(&*store, position, 1).await, [], "at {position:?}");
}

/// Otherwise a reader at the end of the emptied log would take the next entry for one that it has seen.
pub async fn positions_are_not_reused_after_everything_was_pruned(store: Store) {
    let mut highest = Position::START;
    for round in 0..3 {
        let mut last = None;
        for _ in 0..3 {
            let revocation = closed(&*store, &session_of(&new_user())).await;
            let position = revocation.position;
            assert!(position > highest, "{position:?} again, in round {round}");
            highest = position;
            last = Some(revocation);
        }
        let read = after(&*store, Position::START, 10).await;
        assert_eq!(read.last(), last.as_ref());
        store.prune(noon_plus(10_000), noon_plus(100_000), 10).await.answer();
        assert_eq!(whole_log(&*store).await, []);
        let later = after(&*store, highest, 10).await;
        assert_eq!(later, [], "the end of the log has not moved");
    }
}

/// The old entry was pruned and leaves no trace.
pub async fn a_token_revoked_again_after_pruning_is_a_new_entry(store: Store) {
    let token = a_token();
    let first = store.revoke(&token).await.answer();
    assert_eq!(prune_log(&store, token.until, 10).await, 1);
    let again = NewRevocation {
        until: noon_plus(6000),
        ..token
    };
    let second = store.revoke(&again).await.answer();
    assert!(second.position > first.position);
    assert_eq!(second.until, again.until);
    assert_eq!(whole_log(&*store).await, [second]);
}

/// A login may have read the epoch before all sessions of its user were closed and pruned.
pub async fn epochs_survive_pruning(store: Store) {
    let session = opened(&*store).await;
    let before = store.epoch(&session.user).await.answer();
    log_out_everywhere(&*store, &session.user).await;
    let raised = store.epoch(&session.user).await.answer();
    assert_ne!(raised, before);
    let removed = store.prune(noon_plus(10_000), noon_plus(100_000), 10).await.answer();
    assert_eq!(removed, pruned(1, 1));
    assert_eq!(store.epoch(&session.user).await.answer(), raised);
    let late = session_of(&session.user);
    assert_eq!(store.open(&late, before).await.answer(), Opened::Superseded);
}
