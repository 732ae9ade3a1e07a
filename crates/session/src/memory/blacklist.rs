//! The blacklist in the process.

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;
use jiff::Timestamp;
use rescind_token::{SessionId, TokenId};

use super::whole;
use crate::{
    lock::Lock,
    ports::{Blacklist, ClaimOutcome, RebuildClaim, RebuildStep, RevocationStatus, StoreError},
    revocation::{LogId, Revocation, Scope},
};

/// The blacklist of a single node, checked on every request.
///
/// A new one is incomplete and answers [`RevocationStatus::Incomplete`] until it has been filled from the log.
///
/// One lock, since every request checks and only a logout changes: readers do not block each other, and each
/// holds the lock for two lookups. These take nanoseconds; verifying the signature took microseconds. Rejected: a
/// sharded map. A token and its session would be in different shards, and a verdict would combine two moments.
#[derive(Debug, Default)]
pub struct MemoryBlacklist {
    entries: Lock<Entries>,
}

/// Each entry twice: by scope, for checks, and by `until`, for pruning without a scan.
#[derive(Debug, Default)]
struct Entries {
    past: Past,
    until: HashMap<Scope, Timestamp>,
    by_until: BTreeSet<(Timestamp, Scope)>,
}

/// Whether the copy is complete.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Past {
    #[default]
    Unknown,
    Filling(RebuildClaim),
    Whole(LogId),
}

impl MemoryBlacklist {
    /// An empty, incomplete blacklist.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one entry, for revocations that do not come from a log.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if a panic may have left it half changed.
    pub fn add(&self, scope: Scope, until: Timestamp) -> Result<(), StoreError> {
        whole(self.entries.write())?.insert(scope, until);
        Ok(())
    }

    /// How many entries it has.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if a panic may have left it half changed.
    pub fn count(&self) -> Result<usize, StoreError> {
        Ok(whole(self.entries.read())?.until.len())
    }

    /// Loses everything, as a restart does: for a node that may have missed revocations, and for lessons.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if a panic may have left it half changed.
    pub fn forget(&self) -> Result<(), StoreError> {
        *whole(self.entries.write())? = Entries::default();
        Ok(())
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

    // ANCHOR: check
    /// An entry that is present refuses. Its `until` does not matter here: it only permits removal.
    fn check(&self, token: TokenId, session: SessionId) -> RevocationStatus {
        [Scope::Session(session), Scope::Token(token)]
            .into_iter()
            .find(|scope| self.until.contains_key(scope))
            .map_or_else(|| self.status_of_the_absent(), RevocationStatus::Revoked)
    }
    // ANCHOR_END: check

    fn status_of_the_absent(&self) -> RevocationStatus {
        match self.past {
            Past::Whole(_) => RevocationStatus::NotRevoked,
            Past::Unknown | Past::Filling(_) => RevocationStatus::Incomplete,
        }
    }

    /// No other node can be filling it: the copy belongs to one process, which runs one fill at a time. The next claim
    /// replaces an abandoned one.
    fn claim(&mut self, claim: RebuildClaim) -> ClaimOutcome {
        if self.past == Past::Whole(claim.log) {
            return ClaimOutcome::Complete;
        }
        self.past = Past::Filling(claim);
        ClaimOutcome::Granted
    }

    fn filling(&self, claim: RebuildClaim) -> RebuildStep {
        if self.past == Past::Filling(claim) {
            RebuildStep::Accepted
        } else {
            RebuildStep::ClaimLost
        }
    }

    fn complete(&mut self, claim: RebuildClaim) -> RebuildStep {
        let filling = self.filling(claim);
        if filling == RebuildStep::Accepted {
            self.past = Past::Whole(claim.log);
        }
        filling
    }

    // ANCHOR: prune
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
    // ANCHOR_END: prune
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

    async fn check(&self, token: TokenId, session: SessionId) -> Result<RevocationStatus, StoreError> {
        Ok(whole(self.entries.read())?.check(token, session))
    }

    fn check_now(&self, token: TokenId, session: SessionId) -> Option<RevocationStatus> {
        Some(whole(self.entries.read()).ok()?.check(token, session))
    }

    async fn prune(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        Ok(whole(self.entries.write())?.prune(now, limit))
    }

    async fn claim(&self, claim: RebuildClaim) -> Result<ClaimOutcome, StoreError> {
        Ok(whole(self.entries.write())?.claim(claim))
    }

    async fn fill(&self, claim: RebuildClaim, revocations: &[Revocation]) -> Result<RebuildStep, StoreError> {
        self.insert(revocations).await?;
        Ok(whole(self.entries.read())?.filling(claim))
    }

    async fn complete(&self, claim: RebuildClaim) -> Result<RebuildStep, StoreError> {
        Ok(whole(self.entries.write())?.complete(claim))
    }

    fn is_shared(&self) -> bool {
        false
    }
}
