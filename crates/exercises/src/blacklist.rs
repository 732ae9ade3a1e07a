//! The stories of exercise 6, about a blacklist.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rescind_session::{
    EndReason, LogId, Position, Revocation, Scope,
    ports::{Blacklist, RebuildClaim, RevocationStatus, StoreError},
    token::{SessionId, TokenId, UserId},
};
use uuid::Uuid;

use crate::stories::{Held, NOON, Story, tell};

/// The stories of exercise 6: `make` creates an empty blacklist for each.
pub fn blacklist_stories(make: impl Fn() -> Arc<dyn Blacklist>) -> Vec<Story> {
    tell! {
        World::with(make());
        a_revoked_token_is_refused_and_its_session_goes_on
        a_logout_refuses_every_token_of_the_session
        pruning_forgets_nothing_that_may_still_be_alive
        of_two_revocations_of_one_token_the_later_end_counts
        of_two_revocations_the_later_end_counts_even_if_it_came_first
        pruning_forgets_what_is_dead
    }
}

/// Alice has two tokens of one session, one for each of her tabs. The thief has copies of both. It is noon.
struct World {
    blacklist: Arc<dyn Blacklist>,
    session: SessionId,
    first: TokenId,
    second: TokenId,
}

impl World {
    async fn with(blacklist: Arc<dyn Blacklist>) -> Result<Self, StoreError> {
        let claim = RebuildClaim {
            log: LogId::from_uuid(Uuid::from_u128(1)),
            nonce: Uuid::from_u128(2),
        };
        // The log is empty, so it is complete at once. That part is not in the exercise.
        let _ = blacklist.claim(claim).await?;
        let _ = blacklist.complete(claim).await?;
        Ok(Self {
            blacklist,
            session: SessionId::from_uuid(Uuid::from_u128(10)),
            first: TokenId::from_uuid(Uuid::from_u128(11)),
            second: TokenId::from_uuid(Uuid::from_u128(12)),
        })
    }

    /// At noon.
    async fn revoke(&self, scope: Scope, until_minute: i64) -> Result<(), StoreError> {
        let revocation = Revocation {
            position: Position::new(1),
            scope,
            user: UserId::from(Uuid::from_u128(3)),
            at: NOON,
            until: minute(until_minute),
            cause: EndReason::Logout,
        };
        self.blacklist.insert(&[revocation]).await
    }

    /// For a story of `insert` or of `prune`: an entry for each scope, so that it does not depend on the one that `check` looks for.
    async fn revoke_both(&self, until_minute: i64) -> Result<(), StoreError> {
        self.revoke(Scope::Token(self.first), until_minute).await?;
        self.revoke(Scope::Session(self.session), until_minute).await
    }

    async fn prune_at(&self, at_minute: i64) -> Result<u64, StoreError> {
        self.blacklist.prune(minute(at_minute), 100).await
    }

    async fn lets_in(&self, token: TokenId) -> Result<bool, StoreError> {
        Ok(self.blacklist.check(token, self.session).await? == RevocationStatus::NotRevoked)
    }
}

/// Minutes since noon.
fn minute(minute: i64) -> Timestamp {
    NOON + SignedDuration::from_mins(minute)
}

async fn a_revoked_token_is_refused_and_its_session_goes_on(world: &World) -> Held {
    world.revoke(Scope::Token(world.first), 10).await?;
    Ok(vec![
        !world.lets_in(world.first).await?,
        world.lets_in(world.second).await?,
    ])
}

async fn a_logout_refuses_every_token_of_the_session(world: &World) -> Held {
    world.revoke(Scope::Session(world.session), 10).await?;
    Ok(vec![
        !world.lets_in(world.first).await? && !world.lets_in(world.second).await?,
    ])
}

async fn pruning_forgets_nothing_that_may_still_be_alive(world: &World) -> Held {
    world.revoke_both(10).await?;
    world.prune_at(5).await?;
    Ok(vec![!world.lets_in(world.first).await?])
}

async fn of_two_revocations_of_one_token_the_later_end_counts(world: &World) -> Held {
    is_refused_at_20_after(world, [10, 30]).await
}

async fn of_two_revocations_the_later_end_counts_even_if_it_came_first(world: &World) -> Held {
    is_refused_at_20_after(world, [30, 10]).await
}

async fn is_refused_at_20_after(world: &World, revoked_until: [i64; 2]) -> Held {
    for until in revoked_until {
        world.revoke_both(until).await?;
    }
    world.prune_at(20).await?;
    Ok(vec![!world.lets_in(world.first).await?])
}

async fn pruning_forgets_what_is_dead(world: &World) -> Held {
    world.revoke_both(10).await?;
    Ok(vec![
        world.prune_at(10).await? == 2 && world.lets_in(world.first).await?,
    ])
}
