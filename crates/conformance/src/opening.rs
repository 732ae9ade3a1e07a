//! Cases of [`SessionStore`]: opening, finding, listing.

use std::{net::Ipv6Addr, sync::Arc};

use jiff::SignedDuration;
use rescind_session::{
    Device, EndReason, RefreshState, Scope, Session, SessionState,
    ports::{Epoch, Opened, SessionStore},
    token::{ClientId, Generation, Salt},
};

use crate::{
    fixture::{
        Answer, NOON, close, closing, log_out_everywhere, logging_out_everywhere, new_session, new_user, noon_plus,
        open, opened, row, session_of, whole_log,
    },
    race::{at_once, race},
};

type Store = Arc<dyn SessionStore>;

/// Every field, with and without a refresh token, with and without a device, for both address families.
pub async fn a_session_is_found_as_it_was_opened(store: Store) {
    let bare = Session {
        refresh: None,
        device: Device::default(),
        ..session_of(&new_user())
    };
    let full = Session {
        client_id: ClientId::new("a client, \"quoted\"; é"),
        last_seen_at: NOON + SignedDuration::from_millis(1),
        expires_at: NOON + SignedDuration::from_millis(86_400_999),
        access_until: NOON + SignedDuration::from_millis(300_001),
        refresh: Some(RefreshState {
            generation: Generation::from(u32::MAX),
            salt: Salt::from_bytes(std::array::from_fn(|i| 255 - i as u8)),
            idle_until: NOON + SignedDuration::from_millis(3_600_007),
            grace_until: Some(NOON + SignedDuration::from_millis(10_009)),
        }),
        device: Device::new(
            Some("agent'; -- ÿ 鍵 🗝"),
            Some(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into()),
        ),
        ..session_of(&new_user())
    };
    let longest = "ÿ".repeat(Device::USER_AGENT_MAX);
    let long = Session {
        device: Device::new(Some(&longest), None),
        ..session_of(&new_user())
    };
    let v4 = Session {
        device: Device::new(None, Some([203, 0, 113, 9].into())),
        ..session_of(&new_user())
    };
    for session in [bare, full, long, v4] {
        open(&*store, &session).await;
        assert_eq!(row(&*store, session.id).await, session);
    }
}

/// An unknown id returns `None`.
pub async fn an_unknown_session_is_none(store: Store) {
    opened(&*store).await;
    assert_eq!(store.find(new_session()).await.answer(), None);
}

/// Opening inserts and never overwrites: otherwise it could reopen a closed session.
pub async fn opening_a_taken_id_fails_and_changes_nothing(store: Store) {
    let session = opened(&*store).await;
    close(&*store, session.id, &closing(EndReason::Logout)).await;
    let before = row(&*store, session.id).await;
    let of_another = Session {
        id: session.id,
        ..session_of(&new_user())
    };
    for again in [session.clone(), of_another] {
        let outcome = store.open(&again, Epoch::FIRST).await;
        assert!(outcome.is_err(), "one id was opened twice");
        assert_eq!(row(&*store, session.id).await, before);
        assert_eq!(store.list_open(&again.user).await.answer(), []);
    }
}

/// Also for an unknown user: users are in another store.
pub async fn a_new_user_has_the_first_epoch(store: Store) {
    assert_eq!(store.epoch(&new_user()).await.answer(), Epoch::FIRST);
    let session = opened(&*store).await;
    let epoch = store.epoch(&session.user).await.answer();
    assert_eq!(epoch, Epoch::FIRST, "a login raises no epoch");
    close(&*store, session.id, &closing(EndReason::Logout)).await;
    let epoch = store.epoch(&session.user).await.answer();
    assert_eq!(epoch, Epoch::FIRST, "a logout raises no epoch");
}

/// A login that read the epoch before all sessions were closed, and commits later.
pub async fn a_superseded_login_writes_nothing(store: Store) {
    let late = session_of(&new_user());
    let epoch = store.epoch(&late.user).await.answer();
    log_out_everywhere(&*store, &late.user).await;
    assert_eq!(store.open(&late, epoch).await.answer(), Opened::Superseded);
    assert_eq!(store.find(late.id).await.answer(), None);
    assert_eq!(store.list_open(&late.user).await.answer(), []);
}

/// A user can log in after logging out everywhere.
pub async fn a_login_with_the_current_epoch_opens(store: Store) {
    let session = session_of(&new_user());
    for _ in 0..3 {
        log_out_everywhere(&*store, &session.user).await;
    }
    let epoch = store.epoch(&session.user).await.answer();
    assert_eq!(store.open(&session, epoch).await.answer(), Opened::Opened);
    assert_eq!(store.list_open(&session.user).await.answer(), [session]);
}

/// Epochs are per user.
pub async fn closing_all_of_one_user_supersedes_no_login_of_another(store: Store) {
    let session = session_of(&new_user());
    let epoch = store.epoch(&session.user).await.answer();
    log_out_everywhere(&*store, &new_user()).await;
    assert_eq!(store.open(&session, epoch).await.answer(), Opened::Opened);
}

/// Either the login is first and is closed, or it is second and is superseded. There is no third outcome.
pub async fn a_login_racing_close_all_never_survives_it(store: Store) {
    for round in 0..40 {
        let user = new_user();
        let epoch = store.epoch(&user).await.answer();
        let logins: Vec<_> = (0..3).map(|_| session_of(&user)).collect();
        let logging_in = {
            let (store, logins) = (Arc::clone(&store), logins.clone());
            async move {
                at_once(logins.len(), |i| {
                    let (store, session) = (Arc::clone(&store), logins[i].clone());
                    async move { store.open(&session, epoch).await.answer() }
                })
                .await
            }
        };
        let (outcomes, revocations) = race(round, logging_in, logging_out_everywhere(&store, &user)).await;
        for (session, outcome) in logins.iter().zip(outcomes) {
            let kept = store.find(session.id).await.answer().map(|row| row.state);
            let revoked = revocations
                .iter()
                .any(|revocation| revocation.scope == Scope::Session(session.id));
            match outcome {
                Opened::Opened => {
                    assert!(
                        matches!(kept, Some(SessionState::Closed { .. })),
                        "a login survived: {kept:?}"
                    );
                    assert!(revoked, "a login was closed without its revocation being returned");
                }
                Opened::Superseded => assert_eq!((kept, revoked), (None, false), "a superseded login was written"),
                Opened::StatusIndexTaken => panic!("no session of this case has a status index"),
            }
        }
        assert_eq!(store.list_open(&user).await.answer(), []);
    }
    let open_yet = whole_log(&*store)
        .await
        .iter()
        .filter(|entry| entry.cause != EndReason::LogoutEverywhere)
        .count();
    assert_eq!(open_yet, 0, "the log holds a revocation that was not requested");
}

/// By login time, not by id, expired or not.
pub async fn only_open_sessions_of_the_user_are_listed_oldest_first(store: Store) {
    let user = new_user();
    let login_at = |seconds| Session {
        created_at: noon_plus(seconds),
        ..session_of(&user)
    };
    let (second, third, first, fourth) = (login_at(-50), login_at(-40), login_at(-60), login_at(-30));
    let run_out = Session {
        created_at: noon_plus(-90_000),
        expires_at: noon_plus(-3600),
        ..session_of(&user)
    };
    for session in [&second, &third, &first, &run_out, &fourth] {
        open(&*store, session).await;
    }
    open(&*store, &session_of(&new_user())).await;
    close(&*store, third.id, &closing(EndReason::Logout)).await;
    assert_eq!(store.list_open(&user).await.answer(), [run_out, first, second, fourth]);
    assert_eq!(store.list_open(&new_user()).await.answer(), []);
}
