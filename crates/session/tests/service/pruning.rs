//! One round of pruning removes everything expired from all stores.

use std::sync::Arc;

use rescind_session::{
    EndReason, Policy, Ports, Position, Revocation, Scope,
    memory::MemoryBlacklist,
    ports::{Blacklist, Pruned, RevocationStatus},
    token::{SessionId, TokenId, UserId},
};
use uuid::Uuid;

use crate::world::{World, config, noon, seconds};

const DAYS: u64 = 24 * 60 * 60;

fn session(number: u64) -> SessionId {
    SessionId::from_uuid(Uuid::from_u128(number.into()))
}

/// Removable entries, which are only in the blacklist.
async fn fill(blacklist: &dyn Blacklist, entries: u64) {
    let entries: Vec<_> = (1..=entries)
        .map(|number| Revocation {
            position: Position::new(number),
            scope: Scope::Session(session(number)),
            user: UserId::from(Uuid::nil()),
            at: noon(),
            until: noon(),
            cause: EndReason::Logout,
        })
        .collect();
    blacklist.insert(&entries).await.unwrap();
}

async fn remaining(blacklist: &dyn Blacklist, entries: u64) -> usize {
    let token = TokenId::from_uuid(Uuid::nil());
    let mut count = 0;
    for number in 1..=entries {
        let standing = blacklist.check(token, session(number)).await.unwrap();
        count += usize::from(matches!(standing, RevocationStatus::Revoked(_)));
    }
    count
}

#[tokio::test]
async fn pruning_continues_while_any_of_three_kinds_fills_a_batch() {
    // With batches of four the last one is full, with five it is not.
    for count in [4, 5] {
        let sessions = World::new().await;
        for _ in 0..count {
            sessions.log_in().await;
        }
        sessions.clock.advance(seconds(40 * DAYS));
        let pruned = sessions.service.prune(2).await.unwrap();
        assert_eq!((pruned.sessions, pruned.revocations), (count, 0));

        let revocations = World::new().await;
        for _ in 0..count {
            let issued = revocations.log_in().await;
            let token = issued.access_token.expose_secret();
            revocations.service.revoke_token(token).await.unwrap();
        }
        revocations.blacklist.inner.forget().unwrap();
        revocations.clock.advance(seconds(DAYS));
        let pruned = revocations.service.prune(2).await.unwrap();
        assert_eq!((pruned.sessions, pruned.revocations), (0, count));

        let copies = World::new().await;
        fill(&*copies.blacklist, count).await;
        assert_eq!(
            remaining(&*copies.blacklist, count).await,
            usize::try_from(count).unwrap()
        );
        copies.log_in().await;
        assert_eq!(copies.service.prune(2).await.unwrap(), Pruned::default());
        assert_eq!(remaining(&*copies.blacklist, count).await, 0);
    }
}

#[tokio::test]
async fn a_shared_blacklist_is_pruned_only_by_a_node_that_keeps_it_in_sync() {
    let world = World::cold(config(Policy::blacklist())).await;
    world.log_in().await;
    fill(&*world.blacklist, 1).await;
    world.service.prune(2).await.unwrap();
    assert_eq!(remaining(&*world.blacklist, 1).await, 1);
    world.service.sync_blacklist(10).await.unwrap();
    world.service.prune(2).await.unwrap();
    assert_eq!(remaining(&*world.blacklist, 1).await, 0);
}

#[tokio::test]
async fn an_in_process_blacklist_is_always_pruned() {
    let world = World::cold(config(Policy::blacklist())).await;
    world.log_in().await;
    let blacklist = Arc::new(MemoryBlacklist::new());
    fill(&*blacklist, 1).await;
    let ports = Ports {
        blacklist: blacklist.clone(),
        ..world.service.ports().clone()
    };
    let own = world.service.with_ports(ports).unwrap();
    own.prune(2).await.unwrap();
    assert_eq!(remaining(&*blacklist, 1).await, 0);
}
