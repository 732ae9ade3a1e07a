//! Cases of [`SessionStore::reauthenticate`].

use std::sync::Arc;

use rescind_session::{
    EndReason, Session,
    ports::{Epoch, Reauthenticated, Reauthentication, SessionStore},
};

use crate::{
    fixture::{Answer, close, closing, logging_out_everywhere, new_session, new_user, noon_plus, opened, row},
    race::race,
};

type Store = Arc<dyn SessionStore>;

fn renewal_of(session: &Session) -> Reauthentication {
    Reauthentication {
        session: session.id,
        user: session.user.clone(),
        epoch: Epoch::FIRST,
        at: noon_plus(60),
        access_until: noon_plus(3_600),
    }
}

/// The row keeps the later end of its access tokens: a revocation must outlive them all.
pub async fn a_reauthentication_writes_exactly_its_fields(store: Store) {
    let (session, other) = (opened(&*store).await, opened(&*store).await);
    let renewal = renewal_of(&session);
    assert_eq!(store.reauthenticate(&renewal).await.answer(), Reauthenticated::Recorded);
    let renewed = Session {
        auth_time: renewal.at,
        access_until: renewal.access_until,
        ..session.clone()
    };
    assert_eq!(row(&*store, session.id).await, renewed);
    let shorter = Reauthentication {
        access_until: noon_plus(1),
        ..renewal
    };
    assert_eq!(store.reauthenticate(&shorter).await.answer(), Reauthenticated::Recorded);
    assert_eq!(row(&*store, session.id).await, renewed);
    assert_eq!(row(&*store, other.id).await, other);
}

/// Neither a closed session nor another user's is changed.
pub async fn a_session_that_is_not_the_users_open_one_is_not_reauthenticated(store: Store) {
    let (ended, session) = (opened(&*store).await, opened(&*store).await);
    close(&*store, ended.id, &closing(EndReason::Logout)).await;
    let closed = row(&*store, ended.id).await;
    let unknown = Reauthentication {
        session: new_session(),
        ..renewal_of(&session)
    };
    let others = Reauthentication {
        user: new_user(),
        ..renewal_of(&session)
    };
    for renewal in [renewal_of(&ended), unknown, others] {
        assert_eq!(store.reauthenticate(&renewal).await.answer(), Reauthenticated::Refused);
    }
    assert_eq!(row(&*store, ended.id).await, closed);
    assert_eq!(row(&*store, session.id).await, session);
}

/// The credentials may have been read before the change that ended the sessions.
pub async fn a_reauthentication_racing_close_all_is_refused_or_closed(store: Store) {
    for round in 0..20 {
        let session = opened(&*store).await;
        let renewing = {
            let (store, renewal) = (Arc::clone(&store), renewal_of(&session));
            async move { store.reauthenticate(&renewal).await.answer() }
        };
        let closing_all = logging_out_everywhere(&store, &session.user);
        let (outcome, revocations) = race(round, renewing, closing_all).await;
        let until = row(&*store, session.id).await.access_until;
        if outcome == Reauthenticated::Recorded {
            assert_eq!(until, noon_plus(3_600));
        }
        assert!(revocations.iter().all(|revocation| revocation.until > until));
        let renewal = renewal_of(&session);
        assert_eq!(store.reauthenticate(&renewal).await.answer(), Reauthenticated::Refused);
    }
}
