//! What happens when nobody asks.

use rescind_session::{
    AuthenticateError, Cause, EndSessionError, LogId, LogoutError, Policy, Position, RefreshError, Revocation, Scope,
    Unavailable, Upkeep,
    ports::{Blacklist, Claim, Copied, Filling, Standing},
};
use uuid::Uuid;

use crate::faulty::Fault;
use crate::world::{World, config, noon, seconds};

#[tokio::test]
async fn a_half_done_logout_is_carried_over_without_anybody_asking() {
    let world = World::new().await;
    let grants = [world.log_in().await, world.log_in().await];
    world.blacklist.faults.set("insert", Fault::Fails);
    assert!(matches!(
        world.log_out(&grants[0]).await,
        Err(LogoutError::RevocationPending(_))
    ));
    let everywhere = world.service.log_out_everywhere(&grants[1].claims).await;
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

#[tokio::test]
async fn the_blacklist_forgets_by_a_recorded_time_only() {
    let world = World::new().await;
    let grant = world.log_in().await;
    // It is in the copy alone: nothing is pruned with it, so that nothing records the time.
    let revocation = Revocation {
        position: Position::START.next(),
        scope: Scope::Session(grant.claims.session_id),
        user: world.user.id,
        at: noon(),
        until: noon() + seconds(600),
        cause: Cause::Logout,
    };
    world.blacklist.insert(&[revocation]).await.unwrap();
    world.clock.advance(seconds(3600));
    world.service.prune(10).await.unwrap();
    let check = async || {
        let check = world.blacklist.check(grant.claims.token_id, grant.claims.session_id);
        check.await.unwrap()
    };
    assert!(
        matches!(check().await, Standing::Revoked(_)),
        "forgotten by a time that nothing recorded"
    );
    world.log_in().await;
    world.service.prune(10).await.unwrap();
    assert_eq!(check().await, Standing::Clear, "the login recorded a later time");
}

fn is_not_whole<T>(verdict: &Result<T, AuthenticateError>) -> bool {
    matches!(verdict, Err(AuthenticateError::Unavailable(Unavailable::NotWhole)))
}

#[tokio::test]
async fn a_blacklist_that_has_lost_everything_accepts_nobody_until_it_was_filled_again() {
    let world = World::new().await;
    let (kept, ended) = (world.log_in().await, world.log_in().await);
    world.log_out(&ended).await.unwrap();
    // The tail has been read: who went on from there would carry nothing.
    assert_eq!(world.service.carry_over(1).await.unwrap().entries, 1);
    world.blacklist.inner.forget().unwrap();
    for grant in [&kept, &ended] {
        let verdict = world.me(grant).await;
        assert!(is_not_whole(&verdict), "{verdict:?}");
    }
    assert!(world.service.ready().await.is_err());
    assert_eq!(
        world.service.carry_over(1).await.unwrap().entries,
        1,
        "the whole log, also what was carried before"
    );
    world.me(&kept).await.unwrap();
    world.assert_dead(&[ended]).await;
    world.service.ready().await.unwrap();
}

#[tokio::test]
async fn a_logout_during_the_loss_is_not_forgotten_by_the_filling() {
    let world = World::new().await;
    let grant = world.log_in().await;
    world.blacklist.inner.forget().unwrap();
    world.log_out(&grant).await.unwrap();
    world.blacklist.inner.forget().unwrap();
    world.service.carry_over(1).await.unwrap();
    world.assert_dead(&[grant]).await;
}

#[tokio::test]
async fn a_filling_that_fails_half_way_makes_nothing_whole() {
    let world = World::new().await;
    let (kept, ended) = (world.log_in().await, world.log_in().await);
    world.log_out(&ended).await.unwrap();
    for method in ["claim", "fill", "complete"] {
        world.blacklist.inner.forget().unwrap();
        world.blacklist.faults.set(method, Fault::Fails);
        assert!(world.service.carry_over(1).await.is_err(), "{method}");
        world.blacklist.faults.mend();
        let verdict = world.me(&kept).await;
        assert!(is_not_whole(&verdict), "{method}: {verdict:?}");
    }
    world.service.carry_over(1).await.unwrap();
    world.me(&kept).await.unwrap();
    world.assert_dead(&[ended]).await;
}

#[tokio::test]
async fn a_loss_that_a_request_meets_is_made_good_at_once() {
    tokio::time::pause();
    let world = World::new().await;
    let grant = world.log_in().await;
    let service = world.service.clone();
    let never = Upkeep {
        carry_every: seconds(1_000_000),
        ..Upkeep::default()
    };
    let upkeep = tokio::spawn(async move { service.keep_up(never).await });
    tokio::task::yield_now().await;
    world.blacklist.inner.forget().unwrap();
    let asked = tokio::time::Instant::now();
    while world.me(&grant).await.is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert!(asked.elapsed() < seconds(1), "{:?}", asked.elapsed());
    upkeep.abort();
}

#[tokio::test]
async fn a_node_that_may_have_missed_something_accepts_nobody_until_it_has_looked_again() {
    let world = World::new().await;
    let grant = world.log_in().await;
    assert!(world.service.picture().is_some());
    world.service.look_again();
    let verdict = world.me(&grant).await;
    assert!(is_not_whole(&verdict), "{verdict:?}");
    assert!(world.service.picture().is_none() && world.service.ready().await.is_err());
    // As by another node that was alone in between: in the log, and not in this blacklist.
    world.blacklist.faults.set("insert", Fault::Fails);
    world.log_out(&grant).await.unwrap_err();
    world.blacklist.faults.mend();
    world.service.carry_over(1).await.unwrap();
    world.assert_dead(&[grant]).await;
}

#[tokio::test]
async fn the_picture_says_how_far_and_how_old() {
    tokio::time::pause();
    let world = World::new().await;
    let grant = world.log_in().await;
    world.log_out(&grant).await.unwrap();
    world.service.carry_over(10).await.unwrap();
    tokio::time::advance(seconds(7)).await;
    let picture = world.service.picture().unwrap();
    assert_eq!((picture.to.get(), picture.age), (1, seconds(7)));
    world.sessions.faults.set("revocations_after", Fault::Fails);
    assert!(world.service.carry_over(10).await.is_err());
    assert_eq!(
        world.service.picture().unwrap().age,
        seconds(7),
        "it has not been renewed"
    );
}

#[tokio::test]
async fn a_blacklist_that_is_whole_of_another_log_is_filled_from_this_one() {
    let world = World::new().await;
    let (kept, ended) = (world.log_in().await, world.log_in().await);
    world.log_out(&ended).await.unwrap();
    world.blacklist.inner.forget().unwrap();
    let foreign = Claim {
        log: LogId::from_uuid(Uuid::from_u128(7)),
        nonce: Uuid::from_u128(1),
    };
    assert_eq!(world.blacklist.claim(foreign).await.unwrap(), Copied::ToBeFilled);
    assert_eq!(world.blacklist.complete(foreign).await.unwrap(), Filling::Stands);
    assert_eq!(world.service.carry_over(10).await.unwrap().entries, 1);
    world.me(&kept).await.unwrap();
    world.assert_dead(&[ended]).await;
}
