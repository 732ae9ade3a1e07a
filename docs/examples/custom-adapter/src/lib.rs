//! A blacklist of one's own. This one is a map behind a lock; yours asks the store that your service has already.
//!
//! What an adapter must get right, and the suite proves: an entry that is present refuses, also while the copy is
//! incomplete; and a copy that was not filled from the log never says that a token is not revoked.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard},
};

use async_trait::async_trait;
use rescind_session::{
    LogId, Revocation, Scope, Timestamp,
    ports::{Blacklist, ClaimOutcome, RebuildClaim, RebuildStep, RevocationStatus, StoreError},
    token::{SessionId, TokenId},
};

#[derive(Default)]
pub struct MapBlacklist(Mutex<Copy>);

#[derive(Default)]
struct Copy {
    entries: HashMap<Scope, Timestamp>,
    filling: Option<RebuildClaim>,
    complete: Option<LogId>,
}

impl Copy {
    fn holds(&self, claim: RebuildClaim) -> RebuildStep {
        if self.filling == Some(claim) {
            RebuildStep::Accepted
        } else {
            RebuildStep::ClaimLost
        }
    }

    fn insert(&mut self, revocations: &[Revocation]) {
        for entry in revocations {
            let until = self.entries.entry(entry.scope).or_insert(entry.until);
            *until = entry.until.max(*until);
        }
    }
}

impl MapBlacklist {
    /// After a panic the map may be half changed: the store is unavailable then, and requests are refused.
    fn copy(&self) -> Result<MutexGuard<'_, Copy>, StoreError> {
        self.0
            .lock()
            .map_err(|_| StoreError::unavailable("a panic left the blacklist half changed"))
    }
}

#[async_trait]
impl Blacklist for MapBlacklist {
    async fn insert(&self, revocations: &[Revocation]) -> Result<(), StoreError> {
        self.copy()?.insert(revocations);
        Ok(())
    }

    async fn check(&self, token: TokenId, session: SessionId) -> Result<RevocationStatus, StoreError> {
        let copy = self.copy()?;
        let scopes = [Scope::Session(session), Scope::Token(token)];
        let revoked = scopes.into_iter().find(|scope| copy.entries.contains_key(scope));
        Ok(match (revoked, copy.complete) {
            (Some(scope), _) => RevocationStatus::Revoked(scope),
            (None, Some(_)) => RevocationStatus::NotRevoked,
            (None, None) => RevocationStatus::Incomplete,
        })
    }

    async fn prune(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let mut copy = self.copy()?;
        let passed = copy.entries.iter().filter(|(_, until)| **until <= now);
        let passed: Vec<_> = passed.map(|(scope, _)| *scope).take(limit as usize).collect();
        for scope in &passed {
            copy.entries.remove(scope);
        }
        Ok(passed.len() as u64)
    }

    async fn claim(&self, claim: RebuildClaim) -> Result<ClaimOutcome, StoreError> {
        let mut copy = self.copy()?;
        if copy.complete == Some(claim.log) {
            return Ok(ClaimOutcome::Complete);
        }
        copy.complete = None;
        copy.filling = Some(claim);
        Ok(ClaimOutcome::Granted)
    }

    async fn fill(&self, claim: RebuildClaim, revocations: &[Revocation]) -> Result<RebuildStep, StoreError> {
        let mut copy = self.copy()?;
        copy.insert(revocations);
        Ok(copy.holds(claim))
    }

    async fn complete(&self, claim: RebuildClaim) -> Result<RebuildStep, StoreError> {
        let mut copy = self.copy()?;
        let step = copy.holds(claim);
        if step == RebuildStep::Accepted {
            copy.complete = Some(claim.log);
            copy.filling = None;
        }
        Ok(step)
    }

    /// It is in the process: no other node uses it.
    fn is_shared(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::MapBlacklist;

    async fn empty() -> (Arc<MapBlacklist>, ()) {
        (Arc::new(MapBlacklist::default()), ())
    }

    rescind_conformance::blacklist_conformance!(empty);
}
