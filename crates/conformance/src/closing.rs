//! Cases of [`SessionStore::close`] and [`SessionStore::close_all`].

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;
use rescind_session::{
    EndReason, Revocation, Scope, Session, SessionState,
    ports::{Closed, Closing, Epoch, NewRevocation, Rotation, SessionStore},
    token::SessionId,
};

use crate::{
    fixture::{
        A_MILLISECOND, Answer, MARGIN, NOON, a_token, after_rotation, close, closed, closing, log_out_everywhere,
        logging_out_everywhere, new_session, new_user, noon_plus, open, opened, rotate, rotation_of, row, session_of,
        state_after, whole_log,
    },
    race::{at_once, race},
};

type Store = Arc<dyn SessionStore>;

/// The sessions that these revocations cover, in any order.
fn covered(revocations: &[Revocation]) -> BTreeSet<Scope> {
    let scopes: BTreeSet<_> = revocations.iter().map(|revocation| revocation.scope).collect();
    assert_eq!(scopes.len(), revocations.len(), "a revocation was returned twice");
    scopes
}

fn scopes(sessions: &[&Session]) -> BTreeSet<Scope> {
    sessions.iter().map(|session| Scope::Session(session.id)).collect()
}

/// Both halves of the transaction, in every field.
pub async fn closing_closes_the_row_and_logs_its_revocation(store: Store) {
    let (other, session) = (opened(&*store).await, opened(&*store).await);
    let closing = Closing {
        cause: EndReason::LogoutElsewhere,
        at: noon_plus(60) + A_MILLISECOND,
        margin: MARGIN,
    };
    let revocation = close(&*store, session.id, &closing).await;
    let expected = Revocation {
        position: revocation.position,
        scope: Scope::Session(session.id),
        user: session.user.clone(),
        at: closing.at,
        until: session.access_until + MARGIN,
        cause: EndReason::LogoutElsewhere,
    };
    assert_eq!(revocation, expected);
    assert_eq!(whole_log(&*store).await, [revocation]);
    let state = state_after(&closing);
    assert_eq!(row(&*store, session.id).await, Session { state, ..session });
    assert_eq!(row(&*store, other.id).await, other);
}

/// No cause is confused with another.
pub async fn every_cause_is_kept(store: Store) {
    for cause in EndReason::ALL {
        let session = opened(&*store).await;
        let revocation = close(&*store, session.id, &closing(cause)).await;
        assert_eq!(revocation.cause, cause);
        let state = row(&*store, session.id).await.state;
        assert_eq!(state, state_after(&closing(cause)));
    }
    let logged: Vec<_> = whole_log(&*store).await.iter().map(|entry| entry.cause).collect();
    assert_eq!(logged, EndReason::ALL);
}

/// A node with a wrong clock must not shorten the time that a revocation is kept.
pub async fn until_comes_from_the_row_and_not_from_the_clock(store: Store) {
    const CENTURY: i64 = 100 * 365 * 24 * 3600;
    for off in [-CENTURY, -3600, 0, 3600, CENTURY] {
        let session = opened(&*store).await;
        let closing = Closing {
            at: noon_plus(off),
            ..closing(EndReason::Logout)
        };
        let revocation = close(&*store, session.id, &closing).await;
        assert_eq!(
            revocation.until,
            session.access_until + MARGIN,
            "the revoker's clock was {off} s off"
        );
        assert_eq!(revocation.at, closing.at);
    }
}

/// The newest token must not outlive the revocation.
pub async fn until_follows_the_latest_rotation(store: Store) {
    let session = opened(&*store).await;
    let rotation = Rotation {
        access_until: noon_plus(1234),
        ..rotation_of(&session)
    };
    rotate(&*store, &rotation).await;
    let revocation = close(&*store, session.id, &closing(EndReason::Logout)).await;
    assert_eq!(revocation.until, noon_plus(1234) + MARGIN);
    let (closed, rotated) = (row(&*store, session.id).await, after_rotation(&session, &rotation));
    assert_eq!(closed.refresh, rotated.refresh, "closing changed the refresh state");
}

/// A repeated logout is harmless. It returns the revocation again, which the first try may have failed to insert into
/// the blacklist.
pub async fn closing_again_returns_the_first_revocation_and_cause(store: Store) {
    let session = opened(&*store).await;
    let first = close(&*store, session.id, &closing(EndReason::Logout)).await;
    let before = row(&*store, session.id).await;
    for cause in [EndReason::Logout, EndReason::Administrator, EndReason::LostCommit] {
        let again = Closing {
            cause,
            at: noon_plus(3600),
            margin: 2 * MARGIN,
        };
        assert_eq!(
            store.close(session.id, &again).await.answer(),
            Closed::Already(Some(first.clone()))
        );
        assert_eq!(row(&*store, session.id).await, before);
    }
    assert_eq!(whole_log(&*store).await, [first]);
}

/// The row is kept longer than its revocation.
pub async fn closing_again_after_the_log_was_pruned_returns_no_revocation(store: Store) {
    let session = opened(&*store).await;
    let revocation = close(&*store, session.id, &closing(EndReason::Logout)).await;
    store.prune(revocation.until, NOON, 10).await.answer();
    let again = store
        .close(session.id, &closing(EndReason::Administrator))
        .await
        .answer();
    assert_eq!(again, Closed::Already(None));
    assert_eq!(whole_log(&*store).await, [], "a closed session was revoked again");
}

/// An unknown id may come from a forged token.
pub async fn closing_an_unknown_session_logs_nothing(store: Store) {
    let session = opened(&*store).await;
    for cause in [EndReason::Logout, EndReason::Reuse] {
        assert_eq!(
            store.close(new_session(), &closing(cause)).await.answer(),
            Closed::NoSuchSession
        );
    }
    assert_eq!(whole_log(&*store).await, []);
    assert_eq!(row(&*store, session.id).await, session);
}

/// The others return the same revocation.
pub async fn exactly_one_of_fifty_closings_closes(store: Store) {
    for round in 0..20 {
        let session = opened(&*store).await;
        let outcomes = at_once(50, |caller| {
            let (store, id) = (Arc::clone(&store), session.id);
            let closing = Closing {
                at: noon_plus(caller as i64),
                ..closing(EndReason::Logout)
            };
            async move { store.close(id, &closing).await.answer() }
        })
        .await;
        let log = whole_log(&*store).await;
        assert_eq!(log.len(), round + 1, "one session was revoked more than once");
        let Some(revocation) = log.last() else {
            panic!("the session was not revoked")
        };
        let count = |expected| outcomes.iter().filter(|outcome| **outcome == expected).count();
        let now = count(Closed::Now(revocation.clone()));
        let already = count(Closed::Already(Some(revocation.clone())));
        assert_eq!((now, already), (1, 49), "{outcomes:?}");
        let state = SessionState::Closed {
            at: revocation.at,
            cause: EndReason::Logout,
        };
        assert_eq!(
            row(&*store, session.id).await.state,
            state,
            "row and log record different closings"
        );
    }
}

/// The usual case: an old refresh token is presented, and the session ends.
pub async fn reuse_of_an_open_session_closes_it_and_is_recorded(store: Store) {
    let session = opened(&*store).await;
    let closing = closing(EndReason::Reuse);
    let revocation = close(&*store, session.id, &closing).await;
    assert_eq!(revocation.cause, EndReason::Reuse);
    let noted = Session {
        state: state_after(&closing),
        reuse_noticed_at: Some(closing.at),
        ..session
    };
    assert_eq!(row(&*store, noted.id).await, noted);
}

/// The user logged out, and a copy was presented later: worth recording, but not why the session ended.
pub async fn reuse_of_a_closed_session_is_recorded_once_and_keeps_its_cause(store: Store) {
    let session = opened(&*store).await;
    let revocation = close(&*store, session.id, &closing(EndReason::Logout)).await;
    let before = row(&*store, session.id).await;
    let first = noon_plus(120) + A_MILLISECOND;
    for at in [first, noon_plus(180), noon_plus(90)] {
        let reuse = Closing {
            at,
            ..closing(EndReason::Reuse)
        };
        assert_eq!(
            store.close(session.id, &reuse).await.answer(),
            Closed::Already(Some(revocation.clone()))
        );
        let noted = Session {
            reuse_noticed_at: Some(first),
            ..before.clone()
        };
        assert_eq!(row(&*store, session.id).await, noted);
    }
    assert_eq!(whole_log(&*store).await, [revocation]);
}

/// An ordinary logout must not look like theft.
pub async fn no_other_cause_records_reuse(store: Store) {
    for cause in EndReason::ALL.into_iter().filter(|cause| *cause != EndReason::Reuse) {
        let session = opened(&*store).await;
        close(&*store, session.id, &closing(cause)).await;
        let _ = store.close(session.id, &closing(cause)).await.answer();
        assert_eq!(row(&*store, session.id).await.reuse_noticed_at, None, "{cause:?}");
    }
}

/// "Log out my other devices", and all of them without an exception.
pub async fn close_all_closes_every_open_session_but_the_exception(store: Store) {
    let user = new_user();
    let (here, there, elsewhere) = (session_of(&user), session_of(&user), session_of(&user));
    for session in [&here, &there, &elsewhere] {
        open(&*store, session).await;
    }
    let closing = closing(EndReason::PasswordChange);
    let others = store.close_all(&user, Some(here.id), &closing).await.answer();
    assert_eq!(covered(&others), scopes(&[&there, &elsewhere]));
    assert_eq!(store.list_open(&user).await.answer(), std::slice::from_ref(&here));
    assert_eq!(row(&*store, here.id).await, here);
    let state = state_after(&closing);
    for session in [&there, &elsewhere] {
        let closed = Session {
            state,
            ..session.clone()
        };
        assert_eq!(row(&*store, session.id).await, closed);
    }

    let all = store.close_all(&user, None, &closing).await.answer();
    assert_eq!(covered(&all), scopes(&[&here, &there, &elsewhere]));
    assert_eq!(store.list_open(&user).await.answer(), []);
    assert_eq!(covered(&whole_log(&*store).await), covered(&all));
}

/// Devices refresh at different times, so their tokens expire at different times.
pub async fn close_all_takes_until_from_each_row(store: Store) {
    let user = new_user();
    let with_end = |access_until: Timestamp| Session {
        access_until,
        ..session_of(&user)
    };
    let sessions = [
        with_end(noon_plus(-60)),
        with_end(noon_plus(10)),
        with_end(noon_plus(7200) + A_MILLISECOND),
    ];
    for session in &sessions {
        open(&*store, session).await;
    }
    let closing = Closing {
        at: noon_plus(100 * 24 * 3600),
        ..closing(EndReason::LogoutEverywhere)
    };
    let revocations = store.close_all(&user, None, &closing).await.answer();
    for session in sessions {
        let of_it: Vec<_> = revocations
            .iter()
            .filter(|entry| entry.scope == Scope::Session(session.id))
            .collect();
        let [revocation] = of_it.as_slice() else {
            panic!("{} revocations of one session", of_it.len())
        };
        assert_eq!(revocation.until, session.access_until + MARGIN);
        assert_eq!(
            (revocation.user.clone(), revocation.at, revocation.cause),
            (user.clone(), closing.at, closing.cause)
        );
    }
}

/// So a repeat inserts into the blacklist what the first try failed to insert; but no revocation of the exception or of
/// a single token. Sessions closed earlier keep their cause.
pub async fn close_all_returns_the_revocations_of_earlier_closings_too(store: Store) {
    let user = new_user();
    let (earlier, excepted) = (session_of(&user), session_of(&user));
    let first = closed(&*store, &earlier).await;
    closed(&*store, &excepted).await;
    let token = NewRevocation {
        user: user.clone(),
        ..a_token()
    };
    store.revoke(&token).await.answer();
    let before = row(&*store, earlier.id).await;
    let later = Closing {
        at: noon_plus(600),
        ..closing(EndReason::LogoutEverywhere)
    };
    assert_eq!(
        store.close_all(&user, Some(excepted.id), &later).await.answer(),
        std::slice::from_ref(&first)
    );
    assert_eq!(row(&*store, earlier.id).await, before);

    let present = session_of(&user);
    open(&*store, &present).await;
    let all = store.close_all(&user, None, &later).await.answer();
    assert_eq!(covered(&all), scopes(&[&earlier, &excepted, &present]));
    assert!(all.contains(&first), "an earlier revocation was changed");
    let again = store.close_all(&user, None, &later).await.answer();
    assert_eq!(covered(&again), covered(&all), "a repeat returns the same");
    let entries = whole_log(&*store).await.len();
    assert_eq!(entries, 4, "one entry a session, and the token's");
}

/// Its tokens have all expired, so the blacklist does not need it.
pub async fn close_all_returns_no_revocation_that_was_pruned(store: Store) {
    let session = opened(&*store).await;
    let revocation = close(&*store, session.id, &closing(EndReason::Logout)).await;
    store.prune(revocation.until, NOON, 10).await.answer();
    let again = log_out_everywhere(&*store, &session.user).await;
    assert_eq!(again, []);
    assert_eq!(whole_log(&*store).await, []);
}

/// A login without a row may be in progress.
pub async fn close_all_raises_the_epoch_even_without_sessions(store: Store) {
    let user = new_user();
    let mut epochs = vec![store.epoch(&user).await.answer()];
    for _ in 0..3 {
        let closing = closing(EndReason::Administrator);
        assert_eq!(store.close_all(&user, None, &closing).await.answer(), []);
        epochs.push(store.epoch(&user).await.answer());
    }
    assert_eq!(epochs[0], Epoch::FIRST);
    assert!(epochs.is_sorted_by(|earlier, later| earlier < later), "{epochs:?}");
    assert_eq!(whole_log(&*store).await, []);
}

/// Neither their sessions nor their epochs change. Another user's session is no exception.
pub async fn close_all_leaves_other_users_alone(store: Store) {
    let (mine, theirs) = (opened(&*store).await, opened(&*store).await);
    let revocations = store
        .close_all(&mine.user, Some(theirs.id), &closing(EndReason::LogoutEverywhere))
        .await
        .answer();
    assert_eq!(covered(&revocations), scopes(&[&mine]));
    assert_eq!(row(&*store, theirs.id).await, theirs);
    assert_eq!(store.epoch(&theirs.user).await.answer(), Epoch::FIRST);
    assert_eq!(store.list_open(&theirs.user).await.answer(), [theirs]);
}

/// The second caller gets the existing revocation.
pub async fn concurrent_closings_of_all_and_of_one_log_each_session_once(store: Store) {
    for round in 0..30 {
        let user = new_user();
        let sessions: Vec<_> = (0..3).map(|_| session_of(&user)).collect();
        for session in &sessions {
            open(&*store, session).await;
        }
        let ids: Vec<SessionId> = sessions.iter().map(|session| session.id).collect();
        let one_by_one = {
            let (store, ids) = (Arc::clone(&store), ids.clone());
            async move {
                for id in ids {
                    match store.close(id, &closing(EndReason::Logout)).await.answer() {
                        Closed::Now(revocation) | Closed::Already(Some(revocation)) => {
                            assert_eq!(revocation.scope, Scope::Session(id));
                        }
                        other => panic!("a session with a revocation was closed without one: {other:?}"),
                    }
                }
            }
        };
        let ((), returned) = race(round, one_by_one, logging_out_everywhere(&store, &user)).await;
        assert_eq!(covered(&returned), ids.iter().copied().map(Scope::Session).collect());
        for revocation in whole_log(&*store).await.iter().filter(|entry| entry.user == user) {
            assert!(
                returned.contains(revocation),
                "the log holds what close_all did not return"
            );
        }
    }
    assert_eq!(covered(&whole_log(&*store).await).len(), 90);
}
