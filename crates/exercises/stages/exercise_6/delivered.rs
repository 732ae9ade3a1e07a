// Exercise 6: a blacklist that lets people back in.
//
// Its author revoked a token, saw it refused, and went home. What its users say:
//
// - "I logged out, and the thief was let in with a copy of my token. It was not even close to its expiry."
// - "A token of mine was revoked and refused, as it should be. A minute later it was good again."
// - "A token was revoked twice, the second time for longer. It came back at the end of the first."
//
// Look at `insert`, `check` and `prune`: what each of them owes is written in `crates/session/src/ports.rs`, at
// `Blacklist`. Whether the copy is complete (`claim`, `fill`, `complete`) is right as it stands.
//
//     just exercise 6            or: cargo test -p rescind-exercises --test exercise_6
//     just exercise-reset 6      starts again with the delivered file
//
// The first command lists what fails. Three hints are in chapter 6: `cargo run`, then http://127.0.0.1:8080/learn/blacklist.

use std::collections::HashMap;

use async_trait::async_trait;
use jiff::Timestamp;
use rescind_session::{
    Revocation, Scope,
    memory::MemoryBlacklist,
    ports::{Blacklist, ClaimOutcome, RebuildClaim, RebuildStep, RevocationStatus, StoreError},
    token::{SessionId, TokenId},
};
use tokio::sync::Mutex;

/// A blacklist in the process.
#[derive(Default)]
pub(crate) struct HomeMade {
    /// By what they refuse.
    entries: Mutex<HashMap<Scope, Revocation>>,
    /// Knows whether the copy is complete. Holds no entries.
    mark: MemoryBlacklist,
}

#[async_trait]
impl Blacklist for HomeMade {
    async fn insert(&self, revocations: &[Revocation]) -> Result<(), StoreError> {
        let mut entries = self.entries.lock().await;
        for revocation in revocations {
            // It may be there already: the logout brings it, and so does the log.
            entries.entry(revocation.scope).or_insert_with(|| revocation.clone());
        }
        Ok(())
    }

    async fn check(&self, token: TokenId, session: SessionId) -> Result<RevocationStatus, StoreError> {
        let entries = self.entries.lock().await;
        if entries.contains_key(&Scope::Token(token)) {
            return Ok(RevocationStatus::Revoked(Scope::Token(token)));
        }
        self.mark.check(token, session).await
    }

    async fn prune(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let mut entries = self.entries.lock().await;
        // To look at all of them is right for a lesson, and wrong for a server with a million.
        let passed = entries.values().filter(|entry| entry.at <= now);
        let passed: Vec<_> = passed.map(|entry| entry.scope).take(limit as usize).collect();
        for scope in &passed {
            entries.remove(scope);
        }
        Ok(passed.len() as u64)
    }

    async fn claim(&self, claim: RebuildClaim) -> Result<ClaimOutcome, StoreError> {
        self.mark.claim(claim).await
    }

    async fn fill(&self, claim: RebuildClaim, revocations: &[Revocation]) -> Result<RebuildStep, StoreError> {
        self.insert(revocations).await?;
        self.mark.fill(claim, &[]).await
    }

    async fn complete(&self, claim: RebuildClaim) -> Result<RebuildStep, StoreError> {
        self.mark.complete(claim).await
    }

    /// It is in the memory of this process.
    fn is_shared(&self) -> bool {
        false
    }
}
