//! Revocations that a node refuses by itself: from the closing until the blacklist has them.

use rescind_session::{
    AuthenticateError, EndReason, IssuedTokens, LogId, Policy, Position, Session,
    ports::{Blacklist, ClaimOutcome, Closed, Closing, RebuildClaim, RebuildStep, SessionStore},
};
use uuid::Uuid;

use crate::{
    faulty::{Fault, Gate},
    world::{World, config, noon, seconds},
};

async fn assert_revoked(world: &World, issued: &IssuedTokens) {
    let verdict = world.me(issued).await;
    assert!(matches!(verdict, Err(AuthenticateError::Revoked(_))), "{verdict:?}");
}

/// The database as it was before the logout, and a blacklist that was filled from it.
async fn restore(world: &World, row: &Session) {
    world.sessions.restore(row).await;
    world.blacklist.inner.forget().unwrap();
    assert!(world.service.sync_blacklist(10).await.unwrap().complete);
}

#[tokio::test]
async fn a_revocation_made_during_a_sync_is_held_after_it() {
    let world = World::cold(config(Policy::blacklist())).await;
    let (ended, kept) = (world.log_in().await, world.log_in().await);
    let gate = Gate::new();
    world.blacklist.faults.set("complete", Fault::Waits(gate.clone()));
    let sync = tokio::spawn({
        let service = world.service.clone();
        async move { service.sync_blacklist(10).await }
    });
    // The log has been read to its end.
    gate.arrival().await;
    world.blacklist.faults.set("insert", Fault::Fails);
    world.log_out(&ended).await.unwrap_err();
    gate.let_go();
    assert_eq!(sync.await.unwrap().unwrap().to, Position::START);
    assert!(!world.is_in_blacklist(&ended).await);
    assert_revoked(&world, &ended).await;
    world.me(&kept).await.unwrap();
}

#[tokio::test]
async fn synced_revocations_are_no_longer_held() {
    for insert in ["works", "fails"] {
        let world = World::new().await;
        let issued = world.log_in().await;
        let row = world.row(issued.claims.session_id).await;
        if insert == "fails" {
            world.blacklist.faults.set("insert", Fault::Fails);
        }
        assert_eq!(world.log_out(&issued).await.is_ok(), insert == "works");
        if insert == "fails" {
            world.blacklist.faults.clear();
            world.service.sync_blacklist(10).await.unwrap();
        }
        assert_revoked(&world, &issued).await;
        // Blacklist and database both forget it, so only this node could still refuse it.
        restore(&world, &row).await;
        world.me(&issued).await.unwrap();
    }
}

#[tokio::test]
async fn revocations_of_one_log_are_not_held_under_another() {
    let world = World::new().await;
    let issued = world.log_in().await;
    let row = world.row(issued.claims.session_id).await;
    world.blacklist.faults.set("insert", Fault::Fails);
    world.log_out(&issued).await.unwrap_err();
    world.blacklist.faults.clear();
    world.sessions.begin_log(LogId::from_uuid(Uuid::from_u128(2)));
    restore(&world, &row).await;
    world.me(&issued).await.unwrap();
}

#[tokio::test]
async fn another_log_is_read_from_its_start() {
    let world = World::new().await;
    let (first, second) = (world.log_in().await, world.log_in().await);
    let row = world.row(second.claims.session_id).await;
    world.log_out(&first).await.unwrap();
    let synced = world.service.sync_blacklist(10).await.unwrap();
    assert_eq!((synced.entries, synced.to), (1, Position::new(1)));
    assert_eq!(world.service.sync_blacklist(10).await.unwrap().entries, 0, "read twice");

    let log = LogId::from_uuid(Uuid::from_u128(2));
    world.sessions.begin_log(log);
    world.sessions.restore(&row).await;
    // Another node has filled the blacklist, and crashed between the two steps of a logout.
    world.blacklist.inner.forget().unwrap();
    let claim = RebuildClaim {
        log,
        nonce: Uuid::from_u128(1),
    };
    assert_eq!(world.blacklist.claim(claim).await.unwrap(), ClaimOutcome::Granted);
    assert_eq!(world.blacklist.complete(claim).await.unwrap(), RebuildStep::Accepted);
    let closing = Closing {
        cause: EndReason::Logout,
        at: noon(),
        margin: seconds(300),
    };
    let closed = world.sessions.close(second.claims.session_id, &closing).await.unwrap();
    assert!(matches!(closed, Closed::Now(_)));
    assert_eq!(world.service.sync_blacklist(10).await.unwrap().entries, 1);
    world.assert_refused(&[second]).await;
}
