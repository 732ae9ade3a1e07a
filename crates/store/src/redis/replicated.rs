//! The blacklist in Redis, read from this node's memory.
//!
//! **The choice.** [`RedisBlacklist`] asks Redis for every check: one round trip. This adapter keeps a copy of the log in
//! the process, the same [`MemoryBlacklist`] that a node without Redis uses, and answers from it while it has a lease
//! ([`Holder`]). A revocation is acknowledged only once no copy without it may answer. Without a lease every call is
//! answered as [`RedisBlacklist`] does. `docs/replicated.md` has the argument.
//!
//! The copy is filled by the sync of the service, page by page with that in Redis. Between two syncs the newest entries
//! come with the renewals. A task renews the lease and listens for new entries, so that a logout need not wait for the
//! next renewal; nothing but its speed depends on what it hears.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use jiff::Timestamp;
use rescind_session::{
    ErrorChain, LogId, MachineClock, Position, Revocation, SystemClock,
    holders::{CopySync, Holder, HolderTerm},
    life::LogPosition,
    memory::MemoryBlacklist,
    ports::{Blacklist, ClaimOutcome, RebuildClaim, RebuildStep, RevocationStatus, StoreError},
    supervise,
};
use rescind_token::{SessionId, TokenId};
use tokio::{task::JoinSet, time::sleep};
use uuid::Uuid;

use super::{
    RedisBlacklist, millis,
    seat::{NewEntry, Request},
};

/// The blacklist of a node that answers from its own copy while it has a lease, and by [`RedisBlacklist`] otherwise.
#[derive(Debug)]
pub struct ReplicatedBlacklist {
    redis: Arc<RedisBlacklist>,
    copy: MemoryBlacklist,
    lease: Duration,
    clock: SystemClock,
    state: Mutex<State>,
    /// Until when the copy may answer, in nanoseconds since boot: what a check reads.
    until: AtomicU64,
    /// Ends when it is dropped.
    renewing: OnceLock<JoinSet<()>>,
    own: Weak<Self>,
}

#[derive(Debug, Default)]
struct State {
    holder: Holder,
    /// How far the copy was read from SQL, and of which log. Entries that came with a renewal are read again: their
    /// positions may have been lost and given to others.
    synced: Option<(LogId, LogPosition)>,
    /// The running sync: the nonce of its claim, how far Redis was complete, and what it may let count.
    sync: Option<(Uuid, Position, Option<CopySync>)>,
}

/// How long a node is without a lease before it says so.
const LONG: Duration = Duration::from_secs(30);

impl ReplicatedBlacklist {
    /// How long a lease is, if nothing else is said.
    pub const LEASE: Duration = Duration::from_millis(200);

    /// How often a lease is renewed: at three tenths of it.
    fn renew_every(&self) -> Duration {
        self.lease * 3 / 10
    }

    /// A copy of what is in that Redis, for leases of that length; an empty one. A lease is never longer than a
    /// second, the time for which a node trusts a Redis.
    ///
    /// Rely on it only on Linux: elsewhere no clock counts through a suspend of the machine.
    pub fn new(redis: Arc<RedisBlacklist>, lease: Duration) -> Arc<Self> {
        Arc::new_cyclic(|own| Self {
            redis,
            copy: MemoryBlacklist::new(),
            // In whole milliseconds, as others read it; none at all would mean a node that reads directly.
            lease: Duration::from_millis(millis(lease).max(1)),
            clock: SystemClock::new(),
            state: Mutex::default(),
            until: AtomicU64::new(0),
            renewing: OnceLock::new(),
            own: own.clone(),
        })
    }

    /// What is asked without a lease, and is written to.
    pub fn redis(&self) -> &Arc<RedisBlacklist> {
        &self.redis
    }

    /// Whether a check that begins now is answered from the copy, without a round trip.
    pub fn has_lease(&self) -> bool {
        let now = u64::try_from(self.clock.since_boot().as_nanos()).unwrap_or(u64::MAX);
        now < self.until.load(Ordering::Acquire)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No panic in here can leave a half-changed state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what this node holds, and then what a check reads.
    fn changed<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state();
        let done = change(&mut state);
        let until = u64::try_from(state.holder.until().as_nanos()).unwrap_or(u64::MAX);
        self.until.store(until, Ordering::Release);
        done
    }

    /// Begins the task that renews the lease, once.
    fn keep_lease(&self) {
        self.renewing.get_or_init(|| {
            let own = self.own.clone();
            let task = supervise("renewing the lease of the copy", move || renew_for_ever(own.clone()));
            JoinSet::from_iter([task])
        });
    }

    /// Renews the lease, and again if the reply brought entries: revokers wait to hear that they are applied.
    async fn renew_lease(&self) -> Result<(), StoreError> {
        loop {
            let renewal = self.redis.trust.judged(|trust, now| {
                let state = self.state();
                state.holder.renewal_begins(now, self.lease, trust)
            });
            let Some(renewal) = renewal else {
                // So that the table is known when the trust begins. A lease of an earlier trust must have ended.
                if let Some(trust) = self.redis.trust.term().filter(|_| !self.has_lease()) {
                    // What was offered under that trust must not count any more.
                    self.changed(|state| state.holder.lose());
                    self.redis.renew_row(&Request::direct(trust)).await?;
                }
                return Ok(());
            };
            let request = Request {
                trust: renewal.trust().clone(),
                lease: self.lease,
                known: renewal.table.clone(),
                applied: renewal.applied,
            };
            let reported = request.applied;
            let Some(renewed) = self.redis.renew_row(&request).await? else {
                return Ok(());
            };
            if !renewed.is_marked {
                return Ok(());
            }
            let table = &renewed.table.term;
            self.changed(|state| state.holder.renewed(renewal, table, renewed.head));
            let newest = renewed.newest.into_iter().map(|entry| (table.clone(), entry));
            if self.apply(newest.collect())? <= reported {
                return Ok(());
            }
        }
    }

    /// Puts those entries into the copy that follow its last one without a gap. Returns the last of these. (The others it
    /// has, perhaps pruned, or they come again with the next renewal.)
    fn apply(&self, mut newest: Vec<(HolderTerm, NewEntry)>) -> Result<Position, StoreError> {
        let mut last = Position::START;
        newest.sort_by_key(|(_, entry)| entry.position);
        for (table, entry) in newest {
            if self.state().holder.next(&table) == Some(entry.position) {
                self.copy.add(entry.scope, entry.until)?;
                self.changed(|state| state.holder.advanced(&table, entry.position));
                last = entry.position;
            }
        }
        Ok(last)
    }
}

/// Renews the lease until the adapter is dropped.
async fn renew_for_ever(own: Weak<ReplicatedBlacklist>) {
    let (mut listening, mut held_at, mut is_told) = (None, SystemClock::new().since_boot(), false);
    while let Some(it) = own.upgrade() {
        let now = it.clock.since_boot();
        if it.has_lease() {
            (held_at, is_told) = (now, false);
        } else if !is_told && now.saturating_sub(held_at) > LONG {
            tracing::warn!("this node has had no lease for {LONG:?}: each check asks Redis");
            is_told = true;
        }
        if let Err(error) = it.renew_lease().await {
            // The trust in Redis is renewed beside this, and reports what is wrong.
            tracing::debug!(error = %ErrorChain(&error), "the lease of the copy was not renewed");
            listening = None;
        }
        let pause = it.renew_every();
        let heard = match it.redis.listen(&mut listening, pause).await {
            Ok(heard) => it.apply(heard).map(drop),
            Err(error) => Err(StoreError::from(error)),
        };
        if let Err(error) = heard {
            tracing::debug!(error = %ErrorChain(&error), "listening for new entries failed; they arrive with the next renewal");
            listening = None;
            drop(it);
            sleep(pause).await;
        }
    }
}

#[async_trait]
impl Blacklist for ReplicatedBlacklist {
    /// Into the copy first: this node is no holder that its own revocations have to wait for.
    async fn insert(&self, revocations: &[Revocation]) -> Result<(), StoreError> {
        self.copy.insert(revocations).await?;
        self.redis.insert(revocations).await
    }

    async fn check(&self, token: TokenId, session: SessionId) -> Result<RevocationStatus, StoreError> {
        match self.check_now(token, session) {
            Some(status) => Ok(status),
            None => self.redis.check(token, session).await,
        }
    }

    fn check_now(&self, token: TokenId, session: SessionId) -> Option<RevocationStatus> {
        // The lease must hold when the check begins; so the clock is read before the copy.
        let status = self.has_lease().then(|| self.copy.check_now(token, session)).flatten();
        status.filter(|status| *status != RevocationStatus::Incomplete)
    }

    async fn prune(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let copied = self.copy.prune(now, limit).await?;
        Ok(self.redis.prune(now, limit).await?.max(copied))
    }

    /// The sync continues from the earlier end of the two copies.
    async fn claim(&self, claim: RebuildClaim) -> Result<ClaimOutcome, StoreError> {
        self.keep_lease();
        // Before the log is read.
        let begun = self.state().holder.sync_begins();
        let outcome = self.redis.claim(claim).await?;
        let (complete_to, outcome) = match outcome {
            ClaimOutcome::CompleteTo(mark) => {
                let is_complete = self.copy.claim(claim).await? == ClaimOutcome::Complete;
                let synced = self.state().synced.filter(|(log, _)| *log == claim.log && is_complete);
                let synced = synced.map_or(LogPosition::START, |(_, synced)| synced);
                let outcome = match synced.position < mark.position {
                    true => ClaimOutcome::CopyBehind { mark, copy: synced },
                    false => ClaimOutcome::CompleteTo(mark),
                };
                (mark.position, outcome)
            }
            ClaimOutcome::Granted => {
                // A copy that is complete stays so, and gets all entries again.
                let _ = self.copy.claim(claim).await?;
                (Position::START, outcome)
            }
            other => (Position::START, other),
        };
        self.state().sync = Some((claim.nonce, complete_to, begun));
        Ok(outcome)
    }

    async fn fill(&self, claim: RebuildClaim, revocations: &[Revocation]) -> Result<RebuildStep, StoreError> {
        self.copy.insert(revocations).await?;
        self.redis.fill(claim, revocations).await
    }

    async fn complete(&self, claim: RebuildClaim) -> Result<RebuildStep, StoreError> {
        self.complete_to(claim, LogPosition::START).await
    }

    async fn advance(
        &self,
        claim: RebuildClaim,
        from: Position,
        to: LogPosition,
        revocations: &[Revocation],
    ) -> Result<RebuildStep, StoreError> {
        self.copy.insert(revocations).await?;
        let is_in_redis = matches!(self.state().sync, Some((nonce, complete_to, _)) if nonce == claim.nonce && to.position <= complete_to);
        if is_in_redis {
            return Ok(RebuildStep::Accepted);
        }
        self.redis.advance(claim, from, to, revocations).await
    }

    async fn complete_to(&self, claim: RebuildClaim, to: LogPosition) -> Result<RebuildStep, StoreError> {
        let step = self.redis.complete_to(claim, to).await?;
        if step == RebuildStep::Accepted {
            // It stays complete if it was: then this claim was not made on it.
            let _ = self.copy.complete(claim).await?;
            self.changed(|state| {
                state.synced = Some((claim.log, to));
                if let Some((_, complete_to, Some(begun))) = state.sync.take_if(|(nonce, ..)| *nonce == claim.nonce) {
                    // What the log no longer has before the mark has expired.
                    state.holder.sync_ended(&begun, to.position.max(complete_to));
                }
            });
        }
        Ok(step)
    }

    async fn renew(&self) -> Result<(), StoreError> {
        self.keep_lease();
        Ok(self.redis.try_renew().await?)
    }

    fn is_shared(&self) -> bool {
        true
    }
}
