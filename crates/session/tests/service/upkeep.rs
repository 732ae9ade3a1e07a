//! What happens when nobody asks.

use rescind_session::{AuthenticateError, EndSessionError, LogoutError, Policy, RefreshError, Upkeep};

use crate::faulty::Fault;
use crate::world::{World, config, seconds};

#[tokio::test]
async fn a_half_done_logout_is_carried_over_without_anybody_asking() {
    let world = World::new().await;
    let grants = [world.log_in().await, world.log_in().await];
    world.blacklist.faults.set("insert", Fault::Fails);
    assert!(matches!(
        world.log_out(&grants[0]).await,
        Err(LogoutError::RevocationPending(_))
    ));
    let everywhere = world.service.log_out_everywhere(world.user.id).await;
    assert!(matches!(everywhere, Err(EndSessionError::RevocationPending(_))));
    assert!(world.service.carry_over(1).await.is_err());
    world.blacklist.faults.mend();
    assert_eq!(world.service.carry_over(1).await.unwrap().entries, 2);
    world.assert_dead(&grants).await;
}

#[tokio::test]
async fn the_upkeep_carries_over_by_itself() {
    tokio::time::pause();
    let world = World::cold(config(Policy::blacklist())).await;
    let grant = world.log_in().await;
    assert!(
        matches!(world.me(&grant).await, Err(AuthenticateError::Unavailable(_))),
        "the past is not known yet"
    );
    let service = world.service.clone();
    let upkeep = tokio::spawn(async move { service.keep_up(Upkeep::default()).await });
    while world.me(&grant).await.is_err() {
        tokio::time::sleep(seconds(1)).await;
    }
    world.blacklist.faults.set("insert", Fault::Fails);
    world.log_out(&grant).await.unwrap_err();
    world.blacklist.faults.mend();
    while world.me(&grant).await.is_ok() {
        tokio::time::sleep(seconds(1)).await;
    }
    upkeep.abort();
}

#[tokio::test]
async fn a_revocation_is_pruned_only_when_no_token_it_covers_can_be_alive() {
    let world = World::new().await;
    let grant = world.log_in().await;
    world.log_out(&grant).await.unwrap();
    world.clock.set(grant.claims.expires_at + seconds(299));
    assert_eq!(world.service.prune(10).await.unwrap().revocations, 0);
    world.clock.set(grant.claims.expires_at + seconds(300));
    assert_eq!(world.service.prune(10).await.unwrap().revocations, 1);
    assert!(matches!(world.me(&grant).await, Err(AuthenticateError::Expired(_))));
}

#[tokio::test]
async fn a_closed_session_stays_until_its_absolute_age_so_that_reuse_is_still_recognised() {
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
async fn pruning_removes_everything_that_has_passed_in_batches() {
    let world = World::new().await;
    for _ in 0..25 {
        let grant = world.log_in().await;
        world.log_out(&grant).await.unwrap();
    }
    world.clock.advance(seconds(40 * 24 * 60 * 60));
    let pruned = world.service.prune(10).await.unwrap();
    assert_eq!((pruned.sessions, pruned.revocations), (25, 25));
}
