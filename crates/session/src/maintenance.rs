//! Background maintenance: syncs revocations to the blacklist and removes expired entries.
//!
//! A logout that failed between its two steps is in the log and not in the blacklist. So every node follows the tail of
//! the log and inserts what it finds. The same walk, from the first entry, fills a blacklist that is new or has lost
//! its data. Until the walk reaches the end, the service accepts no token.
//!
//! Rejected: a queue of half-done logouts in the process that failed. It is lost with that process, which is when it is
//! needed.
//!
//! **A blacklist that refuses writes** may still answer reads. A node refuses by itself the revocations it knows and
//! the blacklist lacks ([`Pending`](crate::pending::Pending)). A node that could not sync for
//! [`Maintenance::behind_after`] accepts no token, since there may be revocations that it could not read either.

use std::{
    convert::Infallible,
    sync::{
        PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior},
};

use crate::{
    error_chain::ErrorChain,
    life::{LogPosition, LogState, RENEW_EVERY},
    ports::{ClaimOutcome, Closing, Pruned, RebuildClaim, RebuildStep, StoreError, Tail},
    revocation::{EndReason, LogId, MARGIN, Position, Revocation},
    service::SessionService,
    supervise,
    sync::{RebuildProgress, SyncPosition},
    unavailable::Unavailable,
};

/// How long to wait for another node that fills the blacklist.
const BETWEEN_CHECKS_OF_ANOTHER: Duration = Duration::from_millis(100);

/// How many renewals may run at once: as many as begin within a lease.
const RENEWALS: usize = 4;

/// How often maintenance runs, and how much it does at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Maintenance {
    /// How long to wait between two reads of the log's tail.
    pub sync_every: Duration,
    /// How old the last completed sync may be. Beyond it the service accepts no token that a shared blacklist decides
    /// on. Longer than `sync_every` plus the time that the stores may take.
    pub behind_after: Duration,
    /// How long to wait between two rounds of pruning.
    pub prune_every: Duration,
    /// How long to wait between two test writes to the database. A failed write triggers one at once.
    pub write_every: Duration,
    /// How many entries to read or remove in one transaction.
    pub batch: u32,
}

impl Default for Maintenance {
    /// Two syncs a second, behind after 5 s, pruning every minute, a test write every 10 s, 500 entries at once.
    fn default() -> Self {
        Self {
            sync_every: Duration::from_millis(500),
            behind_after: Duration::from_secs(5),
            prune_every: Duration::from_secs(60),
            write_every: Duration::from_secs(10),
            batch: 500,
        }
    }
}

crate::__setters!(Maintenance {
    sync_every: Duration,
    behind_after: Duration,
    prune_every: Duration,
    write_every: Duration,
    batch: u32,
});

/// What [`SessionService::sync_blacklist`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Synced {
    /// How many entries were inserted into the blacklist.
    pub entries: u64,
    /// Where the log ended.
    pub to: Position,
    /// Whether the blacklist is complete now. False while another node fills it: call again soon.
    pub complete: bool,
}

/// Why a sync was not begun.
#[derive(Debug, thiserror::Error)]
enum LogRefused {
    #[error("the database is a standby, or goes on from a history that was left: name the primary")]
    NotPrimary,
    #[error("the database has lost commits; everybody has to log in again")]
    LostCommits,
}

/// How far this node's blacklist follows the revocation log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SyncStatus {
    /// The position up to which the log has been synced.
    pub to: Position,
    /// How long ago the end of the log was last reached. Longer than [`Maintenance::sync_every`] means that a
    /// store does not answer.
    pub age: Duration,
}

/// Records the end of the maintenance, also after a panic.
struct NoteEnd<'a>(&'a AtomicBool);

impl Drop for NoteEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// How many batches a fill reads at once: no request is waiting for a transaction that only reads.
const PAGES_OF_A_FILL: u32 = 8;

/// A part of the log: what follows `from`, up to `end`.
struct Page {
    from: Position,
    end: LogPosition,
    tail: Vec<Revocation>,
}

/// What a walk inserts into.
#[derive(Clone, Copy)]
enum Target {
    /// A copy that only this process uses, and whose position it knows.
    OwnCopy,
    /// A copy that records itself how far it is complete.
    CompleteCopy,
    /// A copy that is being filled.
    Fill,
}

impl SessionService {
    /// Inserts into the blacklist what was appended to the revocation log since the last sync; into an incomplete
    /// blacklist, the entire log. The service accepts no token under [`Policy::blacklist`](crate::Policy::blacklist)
    /// before this has succeeded once. Under another policy it does the same for a blacklist that other nodes may use.
    ///
    /// # Errors
    /// A store failed. What was inserted so far stays, and the next call continues from there.
    pub async fn sync_blacklist(&self, batch: u32) -> Result<Synced, StoreError> {
        self.load_issue_floor().await?;
        let sync = &self.parts.sync;
        let mut place = sync.place.lock().await;
        // Both before the first read: the walk must not count as having seen what happens during it.
        let (began, resyncs) = (Instant::now(), sync.resyncs.load(Ordering::SeqCst));
        let synced = if self.parts.fills_blacklist {
            let synced = self.sync_into_blacklist(&mut place, batch.max(1)).await;
            if synced.is_err() {
                self.refuse_the_tail(place.to, batch.max(1)).await;
            }
            synced?
        } else {
            Synced {
                entries: 0,
                to: place.to,
                complete: true,
            }
        };
        if synced.complete {
            sync.pending.remove_up_to(synced.to);
            sync.reached(synced.to, began, resyncs);
        }
        Ok(synced)
    }

    /// This node refuses by itself what the blacklist could not take. It collects entries only while it answers at all,
    /// so that their number is bounded.
    async fn refuse_the_tail(&self, mut after: Position, batch: u32) {
        let sync = &self.parts.sync;
        while sync.is_current().is_ok()
            && let Ok(Tail::Entries(tail)) = self.ports.sessions.revocations_after(after, batch).await
            && let Some(last) = tail.last()
        {
            sync.pending.add(&tail);
            after = last.position;
        }
    }

    async fn sync_into_blacklist(&self, place: &mut SyncPosition, batch: u32) -> Result<Synced, StoreError> {
        let blacklist = &self.ports.blacklist;
        let log = self.ports.sessions.log().await?;
        *self.parts.sync.log.lock().unwrap_or_else(PoisonError::into_inner) = Some(log);
        if place.log != Some(log) {
            *place = SyncPosition {
                log: Some(log),
                timeline: place.timeline,
                ..SyncPosition::default()
            };
            self.parts.sync.pending.clear();
        }
        let claim = RebuildClaim {
            log,
            nonce: self.with_rng(|rng| {
                let mut nonce = [0; 16];
                rng.fill_bytes(&mut nonce);
                uuid::Uuid::from_bytes(nonce)
            }),
        };
        let synced = |entries, to, complete| Synced { entries, to, complete };
        let seen = place.seen;
        self.compare_with_log(place, log, seen).await?;
        let outcome = blacklist.claim(claim).await?;
        match outcome {
            ClaimOutcome::CompleteTo(mark) | ClaimOutcome::CopyBehind { mark, .. } => {
                self.compare_with_log(place, log, mark).await?;
                place.to = match outcome {
                    ClaimOutcome::CopyBehind { copy, .. } => copy.position,
                    _ => mark.position,
                };
                let (entries, filling) = self.walk(place, batch, claim, Target::CompleteCopy).await?;
                let complete = filling == RebuildStep::Accepted
                    && blacklist.complete_to(claim, place.end(mark)).await? == RebuildStep::Accepted;
                Ok(synced(entries, place.to, complete))
            }
            ClaimOutcome::Complete => {
                let (entries, _) = self.walk(place, batch, claim, Target::OwnCopy).await?;
                Ok(synced(entries, place.to, true))
            }
            ClaimOutcome::HeldByOther => Ok(synced(0, place.to, false)),
            ClaimOutcome::Granted => {
                // Only now, and from the start: what was read before the claim may be what was lost.
                place.to = Position::START;
                let head = self.ports.sessions.snapshot(Position::START).await?.head;
                let _rebuilding = self.parts.sync.rebuild.begin(head);
                let batch = batch.saturating_mul(PAGES_OF_A_FILL);
                let (entries, filling) = self.walk(place, batch, claim, Target::Fill).await?;
                let end = place.end(LogPosition::START);
                let complete = filling == RebuildStep::Accepted
                    && blacklist.complete_to(claim, end).await? == RebuildStep::Accepted;
                if complete {
                    tracing::info!(entries, "the blacklist was filled from the revocation log");
                } else {
                    place.to = Position::START;
                }
                Ok(synced(entries, place.to, complete))
            }
        }
    }

    /// Inserts what the log holds after a position, to its end, and advances the position.
    async fn walk(
        &self,
        place: &mut SyncPosition,
        batch: u32,
        claim: RebuildClaim,
        into: Target,
    ) -> Result<(u64, RebuildStep), StoreError> {
        let blacklist = &self.ports.blacklist;
        let mut entries = 0;
        // ANCHOR: walk
        let mut next = self.page_after(place.to, batch).await?;
        while let Some(Page { from, end, tail }) = next {
            let write = async {
                match into {
                    Target::OwnCopy => blacklist.insert(&tail).await.map(|()| RebuildStep::Accepted),
                    Target::CompleteCopy => blacklist.advance(claim, from, end, &tail).await,
                    Target::Fill => blacklist.fill(claim, &tail).await,
                }
            };
            // The next page is read while this one is written.
            let (written, page) = tokio::join!(write, self.page_after(end.position, batch));
            if written? == RebuildStep::ClaimLost {
                return Ok((entries, RebuildStep::ClaimLost));
            }
            place.to = end.position;
            if end.position > place.seen.position {
                place.seen = end;
            }
            entries += tail.len() as u64;
            self.parts.sync.rebuild.advance(entries);
            next = page?;
        }
        // ANCHOR_END: walk
        Ok((entries, RebuildStep::Accepted))
    }

    /// The page of the log after a position, or from the start if that position is not in the log; `None` at the end.
    async fn page_after(&self, mut from: Position, batch: u32) -> Result<Option<Page>, StoreError> {
        let sessions = &self.ports.sessions;
        loop {
            match sessions.revocations_after(from, batch).await? {
                Tail::StartOver => from = Position::START,
                Tail::Entries(tail) => {
                    let Some(position) = tail.last().map(|last| last.position) else {
                        return Ok(None);
                    };
                    let entry = sessions.snapshot(position).await?.found;
                    let end = LogPosition { position, entry };
                    return Ok(Some(Page { from, end, tail }));
                }
            }
        }
    }

    /// Whether the log still has the entry that a copy's mark names or that this node saw. If not, the database has
    /// lost commits, for example because a standby that was behind was promoted. Which commits is unknown, so every
    /// session is closed.
    async fn compare_with_log(
        &self,
        place: &mut SyncPosition,
        log: LogId,
        seen: LogPosition,
    ) -> Result<(), StoreError> {
        let sight = self.ports.sessions.snapshot(seen.position).await?;
        if sight.log != log {
            // The log has been replaced meanwhile; the next sync begins with the new one.
            return Err(StoreError::unavailable(LogRefused::LostCommits));
        }
        match sight.judge(place.timeline, Some(&seen)) {
            LogState::Sound => {
                place.timeline = sight.timeline;
                self.parts.sync.begins_again.store(false, Ordering::SeqCst);
                Ok(())
            }
            LogState::NotPrimary => Err(StoreError::unavailable(LogRefused::NotPrimary)),
            LogState::LostCommits => {
                self.begin_again_after_loss(log, seen, sight.head).await?;
                Err(StoreError::unavailable(LogRefused::LostCommits))
            }
        }
    }

    async fn begin_again_after_loss(&self, log: LogId, seen: LogPosition, head: Position) -> Result<(), StoreError> {
        let sync = &self.parts.sync;
        tracing::error!(
            seen = seen.position.get(),
            head = head.get(),
            "THE DATABASE HAS LOST COMMITS: it lacks revocations that were answered. Every session is closed now, and everybody \
             has to log in again"
        );
        sync.begins_again.store(true, Ordering::SeqCst);
        self.require_resync();
        let closing = Closing {
            cause: EndReason::LostCommit,
            at: self.now().map_err(StoreError::unavailable)?,
            // Tokens may have been issued by commits that are lost, and the rows do not cover them.
            margin: self.margin().saturating_add(self.policy().access_ttl),
        };
        self.ports.sessions.begin_again_after_loss(log, &closing).await?;
        self.load_issue_floor().await
    }

    /// Accepts no token until the next complete sync. For a node that may have missed revocations, for example because
    /// another node used its database for a while.
    pub fn require_resync(&self) {
        self.parts.sync.resyncs.fetch_add(1, Ordering::SeqCst);
        self.parts.sync.hurry();
    }

    /// The identity of the revocation log that this node copies into the blacklist, as of the last sync; `None` before
    /// the first one, and where no blacklist is filled.
    pub fn revocation_log(&self) -> Option<LogId> {
        *self.parts.sync.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How far the last sync came. `None` until [`sync_blacklist`](Self::sync_blacklist) has reached the end of the
    /// log, also after [`require_resync`](Self::require_resync).
    pub fn sync_status(&self) -> Option<SyncStatus> {
        let (to, reached) = self.parts.sync.current()?;
        Some(SyncStatus {
            to,
            age: reached.elapsed(),
        })
    }

    /// How far this node has rebuilt the blacklist; `None` while it does not.
    pub fn rebuild_progress(&self) -> Option<RebuildProgress> {
        self.parts.sync.rebuild.progress()
    }

    /// Removes expired sessions and revocations in bounded batches, until none is left.
    ///
    /// A session stays until its absolute end plus [`MARGIN`], closed or not, so that reuse is still recognised; a
    /// revocation stays until its `until`.
    ///
    /// The blacklist is pruned by the newest time that the store has recorded: a later start may begin at that time.
    ///
    /// # Errors
    /// A store failed, or the time is not known.
    pub async fn prune(&self, batch: u32) -> Result<Pruned, Unavailable> {
        let ports = &self.ports;
        let now = self.now()?;
        let sessions_before = now.checked_sub(MARGIN).unwrap_or(Timestamp::MIN);
        let batch = batch.max(1);
        let mut total = Pruned::default();
        loop {
            let pruned = ports.sessions.prune(now, sessions_before, batch).await?;
            let recorded = ports.sessions.store_clock().await?.newest.unwrap_or(Timestamp::MIN);
            // A shared copy that this node does not keep in sync may belong to another log.
            let is_own = !ports.blacklist.is_shared() || self.parts.sync.is_current().is_ok();
            let forgotten = match is_own {
                true => ports.blacklist.prune(recorded.min(now), batch).await?,
                false => 0,
            };
            total.sessions += pruned.sessions;
            total.revocations += pruned.revocations;
            let batch = u64::from(batch);
            if pruned.sessions < batch && pruned.revocations < batch && forgotten < batch {
                return Ok(total);
            }
            // Let other tasks run between two batches.
            tokio::task::yield_now().await;
        }
    }

    /// Runs the maintenance until it is dropped. The first failure of a store and its recovery are logged; in between
    /// it is tried again. A panic is logged, and the maintenance restarts a second later; until it has made a round the
    /// service is not [`ready`](Self::ready).
    pub async fn run_maintenance(&self, maintenance: Maintenance) -> Infallible {
        if self.ports.blacklist.is_shared() {
            let _ = self.parts.sync.behind_after.set(maintenance.behind_after);
        }
        supervise::supervise("maintenance", || {
            let service = self.clone();
            async move { service.maintain(maintenance).await }
        })
        .await
    }

    async fn maintain(&self, maintenance: Maintenance) -> Infallible {
        #[cfg(feature = "failpoints")]
        let maintenance = crate::failpoints::prune_often(maintenance);
        let (sync, writing) = (&self.parts.sync, &self.parts.writing);
        let _end = NoteEnd(&sync.ended);
        let sync = async {
            let mut health = Health::Good;
            loop {
                #[cfg(feature = "failpoints")]
                crate::failpoints::in_maintenance();
                let outcome = self.sync_blacklist(maintenance.batch).await;
                sync.ended.store(false, Ordering::SeqCst);
                let is_done = matches!(outcome, Ok(Synced { complete: true, .. }));
                let wait = tokio::time::sleep(match &outcome {
                    // Another node fills it and will finish soon, or has crashed; or this node's fill took too long.
                    Ok(_) if !is_done || sync.is_current().is_err() => {
                        BETWEEN_CHECKS_OF_ANOTHER.min(maintenance.sync_every)
                    }
                    _ => maintenance.sync_every,
                });
                health = health.after("syncing the blacklist", outcome.err().map(Unavailable::Store));
                tokio::select! {
                    () = wait => {}
                    // After a failure, requests that are refused for it must not each trigger a new try.
                    () = sync.hurry.notified(), if is_done => {}
                }
            }
        };
        let writing = async {
            let mut health = Health::Good;
            loop {
                let outcome = self.ports.sessions.try_write().await;
                let refused = outcome.is_err();
                writing.refused.store(refused, Ordering::SeqCst);
                health = health.after("writing into the database", outcome.err().map(Unavailable::Store));
                // However many writes fail, test writes keep this distance.
                tokio::time::sleep(maintenance.sync_every).await;
                if !refused {
                    let _ = tokio::time::timeout(maintenance.write_every, writing.suspected.notified()).await;
                }
            }
        };
        let pruning = async {
            let mut health = Health::Good;
            loop {
                tokio::time::sleep(maintenance.prune_every).await;
                let outcome = self.prune(maintenance.batch).await;
                if let Ok(pruned) = outcome {
                    tracing::debug!(sessions = pruned.sessions, revocations = pruned.revocations, "pruned");
                }
                health = health.after("pruning", outcome.err());
            }
        };
        // Concurrent with the sync, which may take long, and with each other: one slow renewal must not cost the lease.
        let renewing = async {
            let (mut health, mut under_way) = (Health::Good, JoinSet::new());
            let mut every = tokio::time::interval(RENEW_EVERY);
            every.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    _ = every.tick(), if under_way.len() < RENEWALS => {
                        let blacklist = self.ports.blacklist.clone();
                        under_way.spawn(async move { blacklist.renew().await });
                    }
                    Some(Ok(outcome)) = under_way.join_next() => {
                        let error = outcome.err().map(Unavailable::Store);
                        health = health.after("renewing the trust in the blacklist", error);
                    }
                }
            }
        };
        tokio::select! {
            never = renewing => never,
            never = sync => never,
            never = writing => never,
            never = pruning => never,
        }
    }
}

/// Whether a task worked the last time.
#[derive(Clone, PartialEq, Eq)]
enum Health {
    Good,
    /// With this reason.
    Failing(String),
}

impl Health {
    /// A changed reason is logged too: a store that was away may be back, but unfit for use.
    fn after(self, chore: &'static str, error: Option<Unavailable>) -> Self {
        let now = match error {
            Some(error) => Self::Failing(ErrorChain(&error).to_string()),
            None => Self::Good,
        };
        match &now {
            _ if now == self => {}
            Self::Failing(error) => tracing::error!(chore, error, "maintenance fails"),
            Self::Good => tracing::info!(chore, "maintenance works again"),
        }
        now
    }
}
