//! Checks of a blacklist.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rescind_session::{
    EndReason, LogId, Position, Revocation, Scope,
    ports::{Blacklist, RebuildClaim, RevocationStatus, StoreError},
    token::{SessionId, TokenId, UserId},
};
use uuid::Uuid;

#[cfg(feature = "checks")]
use super::report::Report;
use super::{NOON, Story, Told, tell_unless};

/// The stories: `make` creates one for each.
pub(super) fn stories(make: impl Fn() -> Arc<dyn Blacklist>) -> Vec<Story> {
    stories! {
        World::with(make());
        a_revoked_token_is_refused_and_its_session_goes_on
        a_logout_refuses_every_token_of_the_session
        pruning_forgets_nothing_that_may_still_be_alive
        of_two_revocations_of_one_token_the_later_end_counts
        of_two_revocations_the_later_end_counts_even_if_it_came_first
        pruning_forgets_what_is_dead
    }
}

/// Checks a blacklist: `make` creates an empty one for each case.
#[cfg(feature = "checks")]
pub fn try_blacklist(make: impl Fn() -> Arc<dyn Blacklist>) -> Report {
    let mut report = Report::of(stories(&make));
    macro_rules! suite {
        (blacklist: $($case:ident)*;) => { $(report.suite(stringify!($case), rescind_conformance::blacklist::$case(make()));)* };
    }
    rescind_conformance::blacklist_cases! { suite }
    report
}

/// Alice has two tokens of one session, one for each of her tabs. The thief has copies of both. It is noon.
struct World {
    blacklist: Arc<dyn Blacklist>,
    session: SessionId,
    first: TokenId,
    second: TokenId,
}

impl World {
    async fn with(blacklist: Arc<dyn Blacklist>) -> Result<Self, String> {
        let claim = RebuildClaim {
            log: LogId::from_uuid(Uuid::from_u128(1)),
            nonce: Uuid::from_u128(2),
        };
        // The log is empty, so it is complete at once. That part is not in the exercise.
        let _ = answer(blacklist.claim(claim).await)?;
        let _ = answer(blacklist.complete(claim).await)?;
        Ok(Self {
            blacklist,
            session: SessionId::from_uuid(Uuid::from_u128(10)),
            first: TokenId::from_uuid(Uuid::from_u128(11)),
            second: TokenId::from_uuid(Uuid::from_u128(12)),
        })
    }

    /// At noon.
    async fn revoke(&self, scope: Scope, until_minute: i64) -> Result<(), String> {
        let revocation = Revocation {
            position: Position::new(1),
            scope,
            user: UserId::from(Uuid::from_u128(3)),
            at: minute(0),
            until: minute(until_minute),
            cause: EndReason::Logout,
        };
        answer(self.blacklist.insert(&[revocation]).await)
    }

    async fn prune_at(&self, at_minute: i64) -> Result<u64, String> {
        answer(self.blacklist.prune(minute(at_minute), 100).await)
    }

    async fn lets_in(&self, token: TokenId) -> Result<bool, String> {
        match answer(self.blacklist.check(token, self.session).await)? {
            RevocationStatus::NotRevoked => Ok(true),
            RevocationStatus::Revoked(_) => Ok(false),
            RevocationStatus::Incomplete => {
                Err("The blacklist says that it is not whole, though it was filled: nobody gets in.".into())
            }
        }
    }
}

/// Minutes since noon.
fn minute(minute: i64) -> Timestamp {
    NOON + SignedDuration::from_mins(minute)
}

fn answer<T>(answer: Result<T, StoreError>) -> Result<T, String> {
    answer.map_err(|error| format!("The blacklist could not answer: {error}."))
}

async fn a_revoked_token_is_refused_and_its_session_goes_on(world: &World) -> Told {
    world.revoke(Scope::Token(world.first), 10).await?;
    tell_unless(
        !world.lets_in(world.first).await?,
        "Alice had one token revoked, and the thief was let in with it.",
    )?;
    tell_unless(
        world.lets_in(world.second).await?,
        "Alice had one token revoked, and was refused with another: one token is not the session.",
    )
}

async fn a_logout_refuses_every_token_of_the_session(world: &World) -> Told {
    world.revoke(Scope::Session(world.session), 10).await?;
    tell_unless(
        !world.lets_in(world.first).await? && !world.lets_in(world.second).await?,
        "Alice logged out, and the thief was let in with a copy of her token: the logout refused nobody.",
    )
}

async fn pruning_forgets_nothing_that_may_still_be_alive(world: &World) -> Told {
    world.revoke(Scope::Token(world.first), 10).await?;
    world.prune_at(5).await?;
    tell_unless(
        !world.lets_in(world.first).await?,
        "Alice's token was revoked at 12:00 and could live until 12:10. At 12:05 the blacklist was pruned, and the thief \
         was let in: a revocation is forgotten 5 minutes early.",
    )
}

async fn of_two_revocations_of_one_token_the_later_end_counts(world: &World) -> Told {
    world.revoke(Scope::Token(world.first), 10).await?;
    world.revoke(Scope::Token(world.first), 30).await?;
    world.prune_at(20).await?;
    tell_unless(
        !world.lets_in(world.first).await?,
        "A token was revoked until 12:10, and then again until 12:30. At 12:20 the blacklist was pruned, and the thief \
         was let in: the second revocation is forgotten 10 minutes early.",
    )
}

async fn of_two_revocations_the_later_end_counts_even_if_it_came_first(world: &World) -> Told {
    world.revoke(Scope::Token(world.first), 30).await?;
    world.revoke(Scope::Token(world.first), 10).await?;
    world.prune_at(20).await?;
    tell_unless(
        !world.lets_in(world.first).await?,
        "A token was revoked until 12:30, and then again until 12:10. At 12:20 the blacklist was pruned, and the thief \
         was let in: the first revocation is forgotten 10 minutes early.",
    )
}

async fn pruning_forgets_what_is_dead(world: &World) -> Told {
    world.revoke(Scope::Token(world.first), 10).await?;
    tell_unless(
        world.prune_at(10).await? == 1 && world.lets_in(world.first).await?,
        "A token was revoked until 12:10, and at 12:10 its entry was not pruned: such a blacklist only ever grows.",
    )
}
