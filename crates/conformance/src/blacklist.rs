//! Cases of [`Blacklist`].

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use rescind_session::{
    EndReason, LogId, Position, Revocation, Scope,
    ports::{
        Blacklist, ClaimOutcome, RebuildClaim, RebuildStep,
        RevocationStatus::{self, Incomplete, NotRevoked, Revoked},
    },
    token::{SessionId, TokenId},
};
use uuid::Uuid;

use crate::{
    fixture::{A_MILLISECOND, Answer, NOON, namesakes, new_session, new_token, new_user, noon_plus},
    race::at_once,
};

type Store = Arc<dyn Blacklist>;

fn entry(scope: Scope, until: Timestamp) -> Revocation {
    Revocation {
        position: Position::new(7),
        scope,
        user: new_user(),
        at: NOON,
        until,
        cause: EndReason::Logout,
    }
}

fn is_complete(copied: ClaimOutcome) -> bool {
    matches!(
        copied,
        ClaimOutcome::Complete | ClaimOutcome::CompleteTo(_) | ClaimOutcome::CopyBehind { .. }
    )
}

fn claim(log: u128, nonce: u128) -> RebuildClaim {
    RebuildClaim {
        log: LogId::from_uuid(Uuid::from_u128(log)),
        nonce: Uuid::from_u128(nonce),
    }
}

/// As after a sync of an empty log.
async fn made_whole(store: &Store) {
    assert_eq!(store.claim(claim(1, 1)).await.answer(), ClaimOutcome::Granted);
    assert_eq!(store.complete(claim(1, 1)).await.answer(), RebuildStep::Accepted);
}

async fn insert(store: &Store, scope: Scope, until: Timestamp) {
    store.insert(&[entry(scope, until)]).await.answer();
}

async fn check(store: &Store, token: TokenId, session: SessionId) -> RevocationStatus {
    let before = store.check_now(token, session);
    let status = store.check(token, session).await.answer();
    // Another task may have changed the copy during the check.
    let answers = [before, store.check_now(token, session)];
    assert!(
        answers.contains(&None) || answers.contains(&Some(status)),
        "`check_now` says {answers:?}, `check` says {status:?}"
    );
    status
}

/// Of a token that no entry names.
async fn check_any(store: &Store) -> RevocationStatus {
    check(store, new_token(), new_session()).await
}

async fn check_session(store: &Store, session: SessionId) -> RevocationStatus {
    check(store, new_token(), session).await
}

async fn check_token(store: &Store, token: TokenId) -> RevocationStatus {
    check(store, token, new_session()).await
}

/// It is complete for an empty log.
pub async fn an_empty_blacklist_refuses_nothing(store: Store) {
    made_whole(&store).await;
    assert_eq!(check_any(&store).await, NotRevoked);
    assert_eq!(store.prune(noon_plus(10_000), 10).await.answer(), 0);
}

/// A sync may insert an empty tail.
pub async fn inserting_nothing_is_harmless(store: Store) {
    made_whole(&store).await;
    store.insert(&[]).await.answer();
    assert_eq!(check_any(&store).await, NotRevoked);
}

/// Regardless of when the token was issued.
pub async fn a_session_entry_refuses_every_token_of_it(store: Store) {
    made_whole(&store).await;
    let session = new_session();
    insert(&store, Scope::Session(session), noon_plus(60)).await;
    for _ in 0..3 {
        assert_eq!(check_session(&store, session).await, Revoked(Scope::Session(session)));
    }
    assert_eq!(check_any(&store).await, NotRevoked);
}

/// The session's other tokens stay valid.
pub async fn a_token_entry_refuses_that_token_alone(store: Store) {
    made_whole(&store).await;
    let (token, session) = (new_token(), new_session());
    insert(&store, Scope::Token(token), noon_plus(60)).await;
    assert_eq!(check(&store, token, session).await, Revoked(Scope::Token(token)));
    assert_eq!(check_session(&store, session).await, NotRevoked);
}

/// Tokens and sessions are separate kinds of ids.
pub async fn a_token_and_a_session_with_equal_ids_are_not_confused(store: Store) {
    made_whole(&store).await;
    let (token, session) = namesakes();
    insert(&store, Scope::Token(token), noon_plus(60)).await;
    assert_eq!(check_session(&store, session).await, NotRevoked);
    let (token, session) = namesakes();
    insert(&store, Scope::Session(session), noon_plus(60)).await;
    assert_eq!(check_token(&store, token).await, NotRevoked);
}

/// The store may return either scope.
pub async fn a_token_revoked_by_both_scopes_is_refused(store: Store) {
    made_whole(&store).await;
    let (token, session) = (new_token(), new_session());
    insert(&store, Scope::Token(token), noon_plus(60)).await;
    insert(&store, Scope::Session(session), noon_plus(60)).await;
    let scopes = [Scope::Token(token), Scope::Session(session)];
    match check(&store, token, session).await {
        Revoked(scope) => assert!(
            scopes.contains(&scope),
            "refused by an entry that does not exist: {scope:?}"
        ),
        NotRevoked | Incomplete => panic!("revoked twice, and not refused"),
    }
}

/// A page of the log is one insert.
pub async fn one_insert_takes_many_entries(store: Store) {
    made_whole(&store).await;
    let (tokens, sessions): (Vec<_>, Vec<_>) = (0..200).map(|_| (new_token(), new_session())).unzip();
    let of_tokens = tokens.iter().copied().map(Scope::Token);
    let scopes = of_tokens.chain(sessions.iter().copied().map(Scope::Session));
    let page: Vec<_> = scopes.map(|scope| entry(scope, noon_plus(60))).collect();
    store.insert(&page).await.answer();
    for (token, session) in tokens.into_iter().zip(sessions) {
        assert_eq!(check_token(&store, token).await, Revoked(Scope::Token(token)));
        assert_eq!(check_session(&store, session).await, Revoked(Scope::Session(session)));
    }
}

/// `until` is the first time at which it may be removed.
pub async fn an_entry_is_pruned_at_its_until_and_not_before(store: Store) {
    made_whole(&store).await;
    let (early, late) = (new_session(), new_session());
    let until = noon_plus(60);
    insert(&store, Scope::Session(early), until).await;
    insert(&store, Scope::Session(late), until + A_MILLISECOND).await;
    assert_eq!(store.prune(until - A_MILLISECOND, 10).await.answer(), 0);
    assert_eq!(check_session(&store, early).await, Revoked(Scope::Session(early)));
    assert_eq!(store.prune(until, 10).await.answer(), 1);
    assert_eq!(check_session(&store, early).await, NotRevoked);
    assert_eq!(check_session(&store, late).await, Revoked(Scope::Session(late)));
}

/// The logout inserts it, and so does the sync.
pub async fn an_entry_inserted_twice_is_one_entry(store: Store) {
    made_whole(&store).await;
    let session = new_session();
    let revocation = entry(Scope::Session(session), noon_plus(60));
    store.insert(&[revocation.clone(), revocation.clone()]).await.answer();
    store.insert(&[revocation]).await.answer();
    assert_eq!(store.prune(noon_plus(60), 10).await.answer(), 1);
    assert_eq!(check_session(&store, session).await, NotRevoked);
    assert_eq!(store.prune(noon_plus(60), 10).await.answer(), 0);
}

/// In either order, by two calls or by one.
pub async fn the_later_until_is_kept(store: Store) {
    made_whole(&store).await;
    for (untils, at_once) in [([60, 600], 1), ([600, 60], 1), ([60, 600], 2), ([600, 60], 2)] {
        let token = new_token();
        let entries = untils.map(|until| entry(Scope::Token(token), noon_plus(until)));
        for entries in entries.chunks(at_once) {
            store.insert(entries).await.answer();
        }
        let pruned = store.prune(noon_plus(600) - A_MILLISECOND, 10).await.answer();
        assert_eq!(pruned, 0, "inserted with {untils:?}");
        assert_eq!(check_token(&store, token).await, Revoked(Scope::Token(token)));
        assert_eq!(store.prune(noon_plus(600), 10).await.answer(), 1);
        assert_eq!(check_token(&store, token).await, NotRevoked);
    }
}

/// `until` only permits removal: it comes from another node's clock.
pub async fn an_entry_past_its_until_refuses_until_it_is_pruned(store: Store) {
    made_whole(&store).await;
    for until in [Timestamp::UNIX_EPOCH, noon_plus(-3600)] {
        let session = new_session();
        insert(&store, Scope::Session(session), until).await;
        assert_eq!(check_session(&store, session).await, Revoked(Scope::Session(session)));
        assert_eq!(store.prune(NOON, 10).await.answer(), 1);
        assert_eq!(check_session(&store, session).await, NotRevoked);
    }
}

/// Two entries may refuse one token, and each has its own `until`.
pub async fn one_scope_stays_when_the_other_is_removed(store: Store) {
    made_whole(&store).await;
    let (token, session) = (new_token(), new_session());
    insert(&store, Scope::Session(session), noon_plus(60)).await;
    insert(&store, Scope::Token(token), noon_plus(600)).await;
    assert_eq!(store.prune(noon_plus(60), 10).await.answer(), 1);
    assert_eq!(check(&store, token, session).await, Revoked(Scope::Token(token)));
    assert_eq!(check_session(&store, session).await, NotRevoked);
}

/// A check must not wait long for a pruning; the next batch removes more.
pub async fn a_pruned_batch_is_bounded(store: Store) {
    made_whole(&store).await;
    let sessions: Vec<_> = (0..7).map(|_| new_session()).collect();
    for session in &sessions {
        insert(&store, Scope::Session(*session), noon_plus(60)).await;
    }
    let mut removed = 0;
    for expected in [3, 3, 1, 0] {
        assert_eq!(store.prune(noon_plus(60), 3).await.answer(), expected);
        removed += expected;
        let mut refused = 0;
        for session in &sessions {
            refused += u64::from(check_session(&store, *session).await != NotRevoked);
        }
        assert_eq!(refused, 7 - removed, "the returned count is wrong");
    }
}

/// A logout is confirmed only after the insert: from then on no check accepts the token.
pub async fn what_was_inserted_is_seen_by_every_later_check(store: Store) {
    made_whole(&store).await;
    at_once(8, |_| {
        let store = Arc::clone(&store);
        async move {
            for nth in 0..50 {
                let (token, session) = (new_token(), new_session());
                assert_eq!(check(&store, token, session).await, NotRevoked);
                let scope = if nth % 2 == 0 {
                    Scope::Session(session)
                } else {
                    Scope::Token(token)
                };
                insert(&store, scope, noon_plus(600)).await;
                assert_eq!(check(&store, token, session).await, Revoked(scope));
                // Concurrent pruning removes only expired entries.
                assert_eq!(store.prune(noon_plus(500), 10).await.answer(), 0);
                assert_eq!(check(&store, token, session).await, Revoked(scope));
            }
        }
    })
    .await;
}

/// A node that has just started has no data and accepts no token.
pub async fn a_new_blacklist_is_incomplete(store: Store) {
    assert_eq!(check_any(&store).await, Incomplete);
}

/// An entry proves nothing about others.
pub async fn an_insert_does_not_complete_a_blacklist(store: Store) {
    insert(&store, Scope::Session(new_session()), noon_plus(60)).await;
    assert_eq!(check_any(&store).await, Incomplete);
    assert_eq!(store.claim(claim(1, 1)).await.answer(), ClaimOutcome::Granted);
    insert(&store, Scope::Session(new_session()), noon_plus(60)).await;
    assert_eq!(check_any(&store).await, Incomplete);
}

/// A known revocation is reported even by an incomplete copy.
pub async fn an_entry_refuses_in_an_incomplete_blacklist(store: Store) {
    let (token, session) = (new_token(), new_session());
    insert(&store, Scope::Session(session), noon_plus(60)).await;
    insert(&store, Scope::Token(token), noon_plus(60)).await;
    assert_eq!(check_session(&store, session).await, Revoked(Scope::Session(session)));
    assert_eq!(check_token(&store, token).await, Revoked(Scope::Token(token)));
}

/// Page by page, then the mark.
pub async fn a_blacklist_filled_to_the_end_is_complete(store: Store) {
    let (filled, beside) = (new_session(), new_session());
    assert_eq!(store.claim(claim(1, 1)).await.answer(), ClaimOutcome::Granted);
    let page = [entry(Scope::Session(filled), noon_plus(60))];
    assert_eq!(store.fill(claim(1, 1), &page).await.answer(), RebuildStep::Accepted);
    insert(&store, Scope::Session(beside), noon_plus(60)).await;
    assert_eq!(check_any(&store).await, Incomplete);
    assert_eq!(store.complete(claim(1, 1)).await.answer(), RebuildStep::Accepted);
    assert_eq!(check_any(&store).await, NotRevoked);
    for session in [filled, beside] {
        assert_eq!(check_session(&store, session).await, Revoked(Scope::Session(session)));
    }
}

/// There is nothing to fill.
pub async fn a_complete_blacklist_is_not_claimed(store: Store) {
    made_whole(&store).await;
    assert!(is_complete(store.claim(claim(1, 2)).await.answer()));
    assert_eq!(check_any(&store).await, NotRevoked);
}

/// Only the holder of the claim can set the mark.
pub async fn a_claim_that_was_not_granted_completes_no_blacklist(store: Store) {
    assert_eq!(store.claim(claim(1, 1)).await.answer(), ClaimOutcome::Granted);
    assert_eq!(store.complete(claim(1, 2)).await.answer(), RebuildStep::ClaimLost);
    assert_eq!(store.fill(claim(1, 2), &[]).await.answer(), RebuildStep::ClaimLost);
    assert_eq!(check_any(&store).await, Incomplete);
}

/// For example after the database was emptied or restored: the copy is not valid for the new log.
pub async fn a_blacklist_complete_for_one_log_is_incomplete_for_another(store: Store) {
    made_whole(&store).await;
    // A store that several databases can reach may refuse the second one until the nodes of the first are gone.
    for _ in 0..100 {
        match store.claim(claim(2, 2)).await {
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            claimed => {
                assert_eq!(claimed.answer(), ClaimOutcome::Granted);
                break;
            }
        }
    }
    assert_eq!(check_any(&store).await, Incomplete);
    assert_eq!(store.complete(claim(2, 2)).await.answer(), RebuildStep::Accepted);
    assert!(is_complete(store.claim(claim(2, 3)).await.answer()));
    assert_eq!(check_any(&store).await, NotRevoked);
}
