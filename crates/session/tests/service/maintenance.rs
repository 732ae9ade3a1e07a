//! Background maintenance: sync, rebuild, pruning, readiness.

use rescind_session::{
    AuthenticateError, EndReason, EndSessionError, LogId, LogoutError, Maintenance, NotReady, Policy, Position,
    RefreshError, Revocation, Scope, Unavailable,
    ports::{Blacklist, ClaimOutcome, Closed, Closing, RebuildClaim, RebuildStep, RevocationStatus, SessionStore},
};
use uuid::Uuid;

use crate::faulty::Fault;
use crate::world::{World, config, noon, seconds};

#[tokio::test]
async fn a_half_done_logout_is_synced_automatically() {
    let world = World::new().await;
    let grants = [world.log_in().await, world.log_in().await];
    world.blacklist.faults.set("insert", Fault::Fails);
    assert!(matches!(
        world.log_out(&grants[0]).await,
        Err(LogoutError::RevocationPending(_))
    ));
    let everywhere = world.service.log_out_everywhere(&grants[1].claims).await;
    assert!(matches!(everywhere, Err(EndSessionError::RevocationPending(_))));
    assert!(world.service.sync_blacklist(1).await.is_err());
    world.blacklist.faults.clear();
    assert_eq!(world.service.sync_blacklist(1).await.unwrap().entries, 2);
    world.assert_refused(&grants).await;
}

#[tokio::test]
async fn maintenance_syncs_the_blacklist() {
    tokio::time::pause();
    let world = World::cold(config(Policy::blacklist())).await;
    let issued = world.log_in().await;
    assert!(
        matches!(world.me(&issued).await, Err(AuthenticateError::Unavailable(_))),
        "the past is not known yet"
    );
    let service = world.service.clone();
    let maintenance = tokio::spawn(async move { service.run_maintenance(Maintenance::default()).await });
    while world.me(&issued).await.is_err() {
        tokio::time::sleep(seconds(1)).await;
    }
    world.blacklist.faults.set("insert", Fault::Fails);
    world.log_out(&issued).await.unwrap_err();
    world.blacklist.faults.clear();
    while !world.is_in_blacklist(&issued).await {
        tokio::time::sleep(seconds(1)).await;
    }
    maintenance.abort();
}

#[tokio::test]
async fn a_revocation_is_pruned_only_after_all_its_tokens_expired() {
    let world = World::new().await;
    let issued = world.log_in().await;
    world.log_out(&issued).await.unwrap();
    world.clock.set(issued.claims.expires_at + seconds(299));
    assert_eq!(world.service.prune(10).await.unwrap().revocations, 0);
    world.clock.set(issued.claims.expires_at + seconds(300));
    assert_eq!(world.service.prune(10).await.unwrap().revocations, 1);
    assert!(matches!(world.me(&issued).await, Err(AuthenticateError::Expired(_))));
}

#[tokio::test]
async fn a_closed_session_is_kept_so_that_reuse_is_recognised() {
    let world = World::new().await;
    let first = world.log_in().await;
    let second = world.refresh(&first).await.unwrap();
    world.log_out(&second).await.unwrap();
    let end = world.row(first.claims.session_id).await.expires_at;
    world.clock.set(end + seconds(300));
    assert_eq!(world.service.prune(10).await.unwrap().sessions, 0);
    assert!(matches!(world.refresh(&first).await, Err(RefreshError::Closed)));
    world.clock.set(end + seconds(301));
    assert_eq!(world.service.prune(10).await.unwrap().sessions, 1);
    assert!(matches!(world.refresh(&first).await, Err(RefreshError::Invalid)));
}

#[tokio::test]
async fn pruning_removes_everything_expired_in_batches() {
    let world = World::new().await;
    for _ in 0..25 {
        let issued = world.log_in().await;
        world.log_out(&issued).await.unwrap();
    }
    world.clock.advance(seconds(40 * 24 * 60 * 60));
    let pruned = world.service.prune(10).await.unwrap();
    assert_eq!((pruned.sessions, pruned.revocations), (25, 25));
}

#[tokio::test]
async fn the_blacklist_is_pruned_by_a_recorded_time_only() {
    let world = World::new().await;
    let issued = world.log_in().await;
    // The entry is only in the copy: the database prunes nothing, so no time is recorded.
    let revocation = Revocation {
        position: Position::START.next(),
        scope: Scope::Session(issued.claims.session_id),
        user: world.user.id.clone(),
        at: noon(),
        until: noon() + seconds(600),
        cause: EndReason::Logout,
    };
    world.blacklist.insert(&[revocation]).await.unwrap();
    world.clock.advance(seconds(3600));
    world.service.prune(10).await.unwrap();
    let check = async || {
        let check = world.blacklist.check(issued.claims.token_id, issued.claims.session_id);
        check.await.unwrap()
    };
    assert!(
        matches!(check().await, RevocationStatus::Revoked(_)),
        "forgotten by a time that nothing recorded"
    );
    world.log_in().await;
    world.service.prune(10).await.unwrap();
    assert_eq!(
        check().await,
        RevocationStatus::NotRevoked,
        "the login recorded a later time"
    );
}

fn is_rebuilding<T>(verdict: &Result<T, AuthenticateError>) -> bool {
    matches!(
        verdict,
        Err(AuthenticateError::Unavailable(Unavailable::BlacklistRebuilding))
    )
}

#[tokio::test]
async fn a_blacklist_that_lost_its_data_accepts_no_token_until_refilled() {
    let world = World::new().await;
    let (kept, ended) = (world.log_in().await, world.log_in().await);
    world.log_out(&ended).await.unwrap();
    // The tail has been read: a sync that continued from there would insert nothing.
    assert_eq!(world.service.sync_blacklist(1).await.unwrap().entries, 1);
    world.blacklist.inner.forget().unwrap();
    for issued in [&kept, &ended] {
        let verdict = world.me(issued).await;
        assert!(is_rebuilding(&verdict), "{verdict:?}");
    }
    assert!(world.service.ready().await.is_err());
    assert_eq!(
        world.service.sync_blacklist(1).await.unwrap().entries,
        1,
        "the whole log, also what was carried before"
    );
    world.me(&kept).await.unwrap();
    world.assert_refused(&[ended]).await;
    world.service.ready().await.unwrap();
}

#[tokio::test]
async fn a_logout_during_the_data_loss_survives_the_rebuild() {
    let world = World::new().await;
    let issued = world.log_in().await;
    world.blacklist.inner.forget().unwrap();
    world.log_out(&issued).await.unwrap();
    world.blacklist.inner.forget().unwrap();
    world.service.sync_blacklist(1).await.unwrap();
    world.assert_refused(&[issued]).await;
}

#[tokio::test]
async fn a_rebuild_that_fails_half_way_leaves_the_copy_incomplete() {
    let world = World::new().await;
    let (kept, ended) = (world.log_in().await, world.log_in().await);
    world.log_out(&ended).await.unwrap();
    for method in ["claim", "fill", "complete"] {
        world.blacklist.inner.forget().unwrap();
        world.blacklist.faults.set(method, Fault::Fails);
        assert!(world.service.sync_blacklist(1).await.is_err(), "{method}");
        world.blacklist.faults.clear();
        let verdict = world.me(&kept).await;
        assert!(is_rebuilding(&verdict), "{method}: {verdict:?}");
    }
    world.service.sync_blacklist(1).await.unwrap();
    world.me(&kept).await.unwrap();
    world.assert_refused(&[ended]).await;
}

#[tokio::test]
async fn a_data_loss_found_by_a_request_is_repaired_at_once() {
    tokio::time::pause();
    let world = World::new().await;
    let issued = world.log_in().await;
    let service = world.service.clone();
    let never = Maintenance::default().sync_every(seconds(1_000_000));
    let maintenance = tokio::spawn(async move { service.run_maintenance(never).await });
    tokio::task::yield_now().await;
    world.blacklist.inner.forget().unwrap();
    let asked = tokio::time::Instant::now();
    while world.me(&issued).await.is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert!(asked.elapsed() < seconds(1), "{:?}", asked.elapsed());
    maintenance.abort();
}

#[tokio::test]
async fn a_node_that_requires_a_resync_accepts_no_token_before_it() {
    let world = World::new().await;
    let issued = world.log_in().await;
    assert!(world.service.sync_status().is_some());
    world.service.require_resync();
    let verdict = world.me(&issued).await;
    assert!(is_rebuilding(&verdict), "{verdict:?}");
    assert!(world.service.sync_status().is_none() && world.service.ready().await.is_err());
    // As by another node that used the database meanwhile: in the log, not in this blacklist.
    world.blacklist.faults.set("insert", Fault::Fails);
    world.log_out(&issued).await.unwrap_err();
    world.blacklist.faults.clear();
    world.service.sync_blacklist(1).await.unwrap();
    world.assert_refused(&[issued]).await;
}

#[tokio::test]
async fn the_sync_status_has_position_and_age() {
    tokio::time::pause();
    let world = World::new().await;
    let issued = world.log_in().await;
    world.log_out(&issued).await.unwrap();
    world.service.sync_blacklist(10).await.unwrap();
    tokio::time::advance(seconds(7)).await;
    let status = world.service.sync_status().unwrap();
    assert_eq!((status.to.get(), status.age), (1, seconds(7)));
    world.sessions.faults.set("revocations_after", Fault::Fails);
    assert!(world.service.sync_blacklist(10).await.is_err());
    assert_eq!(
        world.service.sync_status().unwrap().age,
        seconds(7),
        "it has not been renewed"
    );
}

#[tokio::test]
async fn a_blacklist_complete_for_another_log_is_refilled() {
    let world = World::new().await;
    let (kept, ended) = (world.log_in().await, world.log_in().await);
    world.log_out(&ended).await.unwrap();
    world.blacklist.inner.forget().unwrap();
    let foreign = RebuildClaim {
        log: LogId::from_uuid(Uuid::from_u128(7)),
        nonce: Uuid::from_u128(1),
    };
    assert_eq!(world.blacklist.claim(foreign).await.unwrap(), ClaimOutcome::Granted);
    assert_eq!(world.blacklist.complete(foreign).await.unwrap(), RebuildStep::Accepted);
    assert_eq!(world.service.sync_blacklist(10).await.unwrap().entries, 1);
    world.me(&kept).await.unwrap();
    world.assert_refused(&[ended]).await;
}

#[tokio::test]
async fn a_node_refuses_what_it_knows_and_the_blacklist_could_not_take() {
    let world = World::new().await;
    let (own, others, kept) = (world.log_in().await, world.log_in().await, world.log_in().await);
    world.blacklist.faults.set("insert", Fault::Fails);
    world.log_out(&own).await.unwrap_err();
    let known = world.me(&own).await;
    assert!(matches!(known, Err(AuthenticateError::Revoked(_))), "{known:?}");
    // As by another node that completed only the first step.
    let closing = Closing {
        cause: EndReason::Logout,
        at: noon(),
        margin: seconds(300),
    };
    let closed = world.sessions.close(others.claims.session_id, &closing).await.unwrap();
    assert!(matches!(closed, Closed::Now(_)));
    for claim in ["works", "fails"] {
        if claim == "fails" {
            world.blacklist.faults.set("claim", Fault::Fails);
        }
        assert!(world.service.sync_blacklist(1).await.is_err());
        for ended in [&own, &others] {
            let verdict = world.me(ended).await;
            assert!(matches!(verdict, Err(AuthenticateError::Revoked(_))), "{verdict:?}");
        }
        world.me(&kept).await.unwrap();
    }
    world.blacklist.faults.clear();
    assert_eq!(world.service.sync_blacklist(1).await.unwrap().entries, 2);
    world.assert_refused(&[own, others]).await;
    world.me(&kept).await.unwrap();
}

#[tokio::test]
async fn a_node_that_has_not_synced_for_too_long_accepts_no_token() {
    for (store, method) in [
        ("blacklist", "claim"),
        ("blacklist", "insert"),
        ("sessions", "revocations_after"),
    ] {
        let world = World::new().await;
        let (kept, ended) = (world.log_in().await, world.log_in().await);
        tokio::time::pause();
        let service = world.service.clone();
        let maintenance = tokio::spawn(async move { service.run_maintenance(Maintenance::default()).await });
        tokio::time::sleep(seconds(60)).await;
        world.me(&kept).await.unwrap();
        world.service.ready().await.unwrap();

        let faults = if store == "blacklist" {
            &world.blacklist.faults
        } else {
            &world.sessions.faults
        };
        faults.set(method, Fault::Fails);
        let _ = world.log_out(&ended).await;
        tokio::time::sleep(seconds(4)).await;
        world.me(&kept).await.unwrap();
        tokio::time::sleep(seconds(2)).await;
        let verdict = world.me(&kept).await;
        assert!(
            matches!(verdict, Err(AuthenticateError::Unavailable(Unavailable::Behind))),
            "{method}: {verdict:?}"
        );
        assert!(matches!(world.service.ready().await, Err(NotReady::Behind)), "{method}");

        faults.clear();
        tokio::time::sleep(seconds(1)).await;
        world.me(&kept).await.unwrap();
        world.service.ready().await.unwrap();
        world.assert_refused(&[ended]).await;
        maintenance.abort();
        tokio::time::resume();
    }
}

#[tokio::test]
async fn a_maintenance_panic_makes_the_node_unready_until_it_restarts() {
    for method in ["revocations_after", "prune", "try_write"] {
        let world = World::new().await;
        let issued = world.log_in().await;
        tokio::time::pause();
        let service = world.service.clone();
        let maintenance = tokio::spawn(async move { service.run_maintenance(Maintenance::default()).await });
        tokio::time::sleep(seconds(1)).await;
        world.service.ready().await.unwrap();
        world.sessions.faults.set(method, Fault::Panics);
        let mut unready = false;
        for _ in 0..300 {
            tokio::time::sleep(seconds(1) / 4).await;
            unready |= matches!(world.service.ready().await, Err(NotReady::Maintenance));
        }
        assert!(unready, "{method}: the panic was not noticed");
        world.sessions.faults.clear();
        tokio::time::sleep(seconds(2)).await;
        world.service.ready().await.unwrap();
        // And it does work.
        world.blacklist.faults.set("insert", Fault::Fails);
        world.log_out(&issued).await.unwrap_err();
        world.blacklist.faults.clear();
        tokio::time::sleep(seconds(1)).await;
        assert_eq!(world.service.sync_status().unwrap().to.get(), 1, "{method}");
        maintenance.abort();
        tokio::time::resume();
    }
}

#[tokio::test]
async fn a_database_that_refuses_writes_makes_the_node_unready() {
    let world = World::new().await;
    let issued = world.log_in().await;
    tokio::time::pause();
    let service = world.service.clone();
    let maintenance = tokio::spawn(async move { service.run_maintenance(Maintenance::default()).await });
    tokio::time::sleep(seconds(1)).await;
    world.service.ready().await.unwrap();
    // A failed write triggers a test write at once; otherwise there is one from time to time.
    for has_client in [true, false] {
        world.sessions.faults.set("try_write", Fault::Fails);
        world.sessions.faults.set("rotate", Fault::Fails);
        if has_client {
            world.refresh(&issued).await.unwrap_err();
        }
        tokio::time::sleep(seconds(if has_client { 1 } else { 11 })).await;
        let ready = world.service.ready().await;
        assert!(matches!(ready, Err(NotReady::Writes)), "{has_client}: {ready:?}");
        world.me(&issued).await.unwrap();
        world.sessions.faults.clear();
        tokio::time::sleep(seconds(1)).await;
        world.service.ready().await.unwrap();
    }
    maintenance.abort();
}

/// A node whose policy does not check the blacklist fills a shared one.
#[tokio::test]
async fn under_every_policy_with_rows_a_shared_blacklist_is_synced() {
    for policy in [Policy::stored(), Policy::rotation()] {
        let world = World::with(config(policy)).await;
        let issued = world.log_in().await;
        world.blacklist.faults.set("insert", Fault::Fails);
        world.log_out(&issued).await.unwrap_err();
        world.blacklist.faults.clear();
        assert_eq!(world.service.sync_blacklist(10).await.unwrap().entries, 1);
        assert!(world.is_in_blacklist(&issued).await);
    }
}
