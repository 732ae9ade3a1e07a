//! A blacklist that answers only while the node holds the database lock.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use rescind_session::{
    Position, Revocation,
    life::Place,
    ports::{Blacklist, Claim, Copied, Filling, LockLost, Standing, StoreError},
    token::{SessionId, TokenId},
};

use super::Tenant;

/// A blacklist behind the database lock: while the lock may be lost, every call is [`StoreError::Unavailable`], with
/// [`LockLost`] as its source.
///
/// The lock is checked *before* the blacklist. A check that then takes its time began while the node held the lock;
/// until then no other node could have confirmed a logout.
///
/// **Before a regained lock counts**, the node's memory must be marked as out of date: see [`Tenant::when_regained`].
pub struct Tenanted {
    blacklist: Arc<dyn Blacklist>,
    tenant: Arc<Tenant>,
}

impl Tenanted {
    /// Puts that blacklist behind that lock.
    #[must_use]
    pub fn new(blacklist: Arc<dyn Blacklist>, tenant: Arc<Tenant>) -> Self {
        Self { blacklist, tenant }
    }

    fn blacklist(&self) -> Result<&dyn Blacklist, StoreError> {
        if self.tenant.holds() {
            Ok(&*self.blacklist)
        } else {
            Err(StoreError::unavailable(LockLost))
        }
    }
}

#[async_trait]
impl Blacklist for Tenanted {
    async fn insert(&self, revocations: &[Revocation]) -> Result<(), StoreError> {
        self.blacklist()?.insert(revocations).await
    }

    async fn check(&self, token: TokenId, session: SessionId) -> Result<Standing, StoreError> {
        self.blacklist()?.check(token, session).await
    }

    async fn prune(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.blacklist()?.prune(now, limit).await
    }

    async fn claim(&self, claim: Claim) -> Result<Copied, StoreError> {
        self.blacklist()?.claim(claim).await
    }

    async fn fill(&self, claim: Claim, revocations: &[Revocation]) -> Result<Filling, StoreError> {
        self.blacklist()?.fill(claim, revocations).await
    }

    async fn complete(&self, claim: Claim) -> Result<Filling, StoreError> {
        self.blacklist()?.complete(claim).await
    }

    async fn advance(
        &self,
        claim: Claim,
        from: Position,
        to: Place,
        revocations: &[Revocation],
    ) -> Result<Filling, StoreError> {
        self.blacklist()?.advance(claim, from, to, revocations).await
    }

    async fn complete_to(&self, claim: Claim, to: Place) -> Result<Filling, StoreError> {
        self.blacklist()?.complete_to(claim, to).await
    }

    async fn renew(&self) -> Result<(), StoreError> {
        self.blacklist()?.renew().await
    }

    fn is_shared(&self) -> bool {
        self.blacklist.is_shared()
    }
}
