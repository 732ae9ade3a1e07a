//! The blacklist in the process.

use std::{
    collections::{BTreeSet, HashMap},
    sync::RwLock,
};

use async_trait::async_trait;
use jiff::Timestamp;
use rescind_token::{SessionId, TokenId};

use super::whole;
use crate::{
    ports::{Blacklist, Standing, StoreError},
    revocation::{Revocation, Scope},
};

/// The blacklist of a single node, asked on every request.
///
/// A new one is empty and says [`Standing::Clear`] of everything: it does not know what it does not know. Only whoever
/// fills it can tell when it is whole. The service does, and answers nobody before it has carried the log over once.
///
/// One [`RwLock`], since checks come with every request and changes only with a logout: readers do not keep each other
/// out, and each holds the lock for two look-ups: nanoseconds, where verifying the signature took microseconds.
/// Rejected: a map in shards. A token and its session would lie in different ones, and a verdict would be put together
/// from two moments.
#[derive(Debug, Default)]
pub struct MemoryBlacklist {
    entries: RwLock<Entries>,
}

/// Each entry twice: by what it refuses, to be found, and by when it may go, to be pruned without looking at the rest.
#[derive(Debug, Default)]
struct Entries {
    until: HashMap<Scope, Timestamp>,
    by_until: BTreeSet<(Timestamp, Scope)>,
}

impl MemoryBlacklist {
    /// A blacklist that refuses nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Entries {
    fn insert(&mut self, scope: Scope, until: Timestamp) {
        match self.until.get(&scope) {
            Some(&kept) if kept >= until => return,
            Some(&kept) => {
                self.by_until.remove(&(kept, scope));
            }
            None => {}
        }
        self.until.insert(scope, until);
        self.by_until.insert((until, scope));
    }

    /// An entry that is here refuses. Its `until` is not asked: that only says when it may be removed.
    fn check(&self, token: TokenId, session: SessionId) -> Standing {
        [Scope::Session(session), Scope::Token(token)]
            .into_iter()
            .find(|scope| self.until.contains_key(scope))
            .map_or(Standing::Clear, Standing::Revoked)
    }

    fn prune(&mut self, now: Timestamp, limit: u32) -> u64 {
        let mut removed = 0;
        while removed < u64::from(limit)
            && let Some(&(until, scope)) = self.by_until.first()
            && until <= now
        {
            self.by_until.pop_first();
            self.until.remove(&scope);
            removed += 1;
        }
        removed
    }
}

#[async_trait]
impl Blacklist for MemoryBlacklist {
    async fn insert(&self, revocations: &[Revocation]) -> Result<(), StoreError> {
        let mut entries = whole(self.entries.write())?;
        for revocation in revocations {
            entries.insert(revocation.scope, revocation.until);
        }
        Ok(())
    }

    async fn check(&self, token: TokenId, session: SessionId) -> Result<Standing, StoreError> {
        Ok(whole(self.entries.read())?.check(token, session))
    }

    async fn prune(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        Ok(whole(self.entries.write())?.prune(now, limit))
    }
}
