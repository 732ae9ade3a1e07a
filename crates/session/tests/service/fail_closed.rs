//! A store that cannot answer: no token is accepted, and every call ends in time.

use crate::faulty::{Fault, Gate};
use crate::world::{World, config, noon, seconds, service};
use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use rescind_session::{
    AnchoredClock, AuthenticateError, LoginError, LogoutError, MachineClock, Password, Policy, Ports, RefreshError,
    Unavailable,
    memory::MemorySessions,
    ports::{Epoch, Opened, SessionStore, StoreClock},
    token::UserId,
};

#[tokio::test]
async fn a_failing_or_hanging_blacklist_accepts_no_token() {
    let world = World::new().await;
    let issued = world.log_in().await;
    tokio::time::pause();
    for fault in [Fault::Fails, Fault::Hangs] {
        world.blacklist.faults.set("check", fault);
        let asked = tokio::time::Instant::now();
        let verdict = world.me(&issued).await;
        assert!(
            matches!(verdict, Err(AuthenticateError::Unavailable(Unavailable::Store(_)))),
            "{verdict:?}"
        );
        assert!(asked.elapsed() < seconds(1), "{:?}", asked.elapsed());
    }
    world.blacklist.faults.clear();
    world.me(&issued).await.unwrap();
}

/// An attacker with the signing key can write any user into a token, but not into a row.
#[tokio::test]
async fn under_stored_a_row_is_valid_only_for_its_user() {
    let world = World::with(config(Policy::stored())).await;
    let issued = world.log_in().await;
    world.me(&issued).await.unwrap();
    let elsewhere = Arc::new(MemorySessions::new());
    let mut row = world.row(issued.claims.session_id).await;
    row.user = UserId::from(0);
    let opened = elsewhere.open(&row, Epoch::FIRST).await.unwrap();
    assert_eq!(opened, Opened::Opened);
    let ports = Ports {
        sessions: elsewhere,
        ..world.service.ports().clone()
    };
    let service = world.service.with_ports(ports).unwrap();
    let verdict = service.authenticate(issued.access_token.expose_secret()).await;
    assert!(matches!(verdict, Err(AuthenticateError::Revoked(_))), "{verdict:?}");
}

#[tokio::test]
async fn under_stored_a_failing_or_hanging_database_accepts_no_token() {
    let world = World::with(config(Policy::stored())).await;
    let issued = world.log_in().await;
    tokio::time::pause();
    for fault in [Fault::Fails, Fault::Hangs] {
        world.sessions.faults.set("find", fault);
        let verdict = world.me(&issued).await;
        assert!(
            matches!(verdict, Err(AuthenticateError::Unavailable(Unavailable::Store(_)))),
            "{verdict:?}"
        );
    }
}

#[tokio::test]
async fn an_incomplete_blacklist_accepts_no_token() {
    let world = World::cold(config(Policy::blacklist())).await;
    let issued = world.log_in().await;
    let verdict = world.me(&issued).await;
    assert!(
        matches!(
            verdict,
            Err(AuthenticateError::Unavailable(Unavailable::BlacklistRebuilding))
        ),
        "{verdict:?}"
    );
    world.sessions.faults.set("revocations_after", Fault::Fails);
    assert!(world.service.sync_blacklist(100).await.is_err());
    assert!(world.me(&issued).await.is_err());
    world.sessions.faults.clear();
    world.service.sync_blacklist(100).await.unwrap();
    world.me(&issued).await.unwrap();
}

#[tokio::test]
async fn every_step_of_a_session_fails_within_the_store_timeout() {
    let world = World::new().await;
    let issued = world.log_in().await;
    tokio::time::pause();
    let timeout = seconds(1);
    for (method, step) in [
        ("epoch", "login"),
        ("open", "login"),
        ("find", "refresh"),
        ("rotate", "refresh"),
    ] {
        world.sessions.faults.set(method, Fault::Hangs);
        if step == "login" {
            // Hashing is no store call and has no deadline, so only the result is asserted.
            assert!(
                matches!(
                    world.try_log_in(crate::world::PASSWORD).await,
                    Err(LoginError::Unavailable(_))
                ),
                "{method}"
            );
        } else {
            let refreshed = tokio::time::timeout(timeout, world.refresh(&issued)).await.unwrap();
            assert!(matches!(refreshed, Err(RefreshError::Unavailable(_))), "{method}");
        }
        world.sessions.faults.clear();
    }
    world.sessions.faults.set("close", Fault::Hangs);
    let left = tokio::time::timeout(timeout, world.log_out(&issued)).await.unwrap();
    assert!(matches!(left, Err(LogoutError::Unavailable(_))), "{left:?}");
    world.sessions.faults.clear();
    world.blacklist.faults.set("insert", Fault::Hangs);
    let left = tokio::time::timeout(timeout, world.log_out(&issued)).await.unwrap();
    assert!(matches!(left, Err(LogoutError::RevocationPending(_))), "{left:?}");
}

#[tokio::test]
async fn a_logout_is_completed_after_its_timeout() {
    let world = World::new().await;
    let issued = world.log_in().await;
    let gate = Gate::new();
    world.sessions.faults.set("close", Fault::Waits(gate.clone()));
    tokio::time::pause();
    assert!(matches!(world.log_out(&issued).await, Err(LogoutError::Unavailable(_))));
    tokio::time::resume();
    world.sessions.faults.clear();
    gate.let_go();
    while !world.is_in_blacklist(&issued).await {
        tokio::task::yield_now().await;
    }
    world.assert_refused(&[issued]).await;
}

#[tokio::test]
async fn a_clock_that_is_not_ready_makes_every_call_unavailable() {
    struct Machine;
    impl MachineClock for Machine {
        fn wall(&self) -> Timestamp {
            noon()
        }
        fn since_boot(&self) -> Duration {
            seconds(1)
        }
    }
    let clock = Arc::new(AnchoredClock::new(Arc::new(Machine)));
    let (service, ..) = service(config(Policy::blacklist()), clock.clone());
    let refused = service.authenticate("whatever").await;
    assert!(
        matches!(refused, Err(AuthenticateError::Unavailable(Unavailable::Clock(_)))),
        "{refused:?}"
    );
    assert!(
        service
            .sign_up("alice", &Password::new("long enough, certainly"))
            .await
            .is_err()
    );
    clock.anchor(StoreClock::default()).unwrap();
    assert!(matches!(
        service.authenticate("whatever").await,
        Err(AuthenticateError::Invalid(_))
    ));
}
