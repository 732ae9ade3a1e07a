//! What happens when nobody asks: revocations are carried over to the blacklist, and what has passed is removed.
//!
//! A logout that failed between its two steps is in the log and not in the blacklist. Every node therefore follows the
//! tail of the log, and whatever it finds it inserts. The same walk, from the first entry, fills a blacklist that knows
//! nothing when the program starts; until it has come to the end once, the service answers no question.
//!
//! Rejected: a queue of half-done logouts in the process that failed. It dies with that process, which is when it is needed.

use std::{convert::Infallible, sync::atomic::Ordering, time::Duration};

use jiff::Timestamp;
use rescind_token::{SessionId, TokenId, UserId};

use crate::{
    causes::WithCauses,
    policy::Check,
    ports::{Pruned, StoreError, Tail},
    revocation::{MARGIN, Position},
    service::{SessionService, Unavailable},
};

/// How often the upkeep is done, and how much of it at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upkeep {
    /// How long to wait between two looks at the tail of the log.
    pub carry_every: Duration,
    /// How long to wait between two rounds of pruning.
    pub prune_every: Duration,
    /// How many entries to read or remove in one transaction.
    pub batch: u32,
}

impl Default for Upkeep {
    /// A look each second, pruning each minute, five hundred at once.
    fn default() -> Self {
        Self {
            carry_every: Duration::from_secs(1),
            prune_every: Duration::from_secs(60),
            batch: 500,
        }
    }
}

/// What [`SessionService::carry_over`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CarriedOver {
    /// How many entries were inserted into the blacklist.
    pub entries: u64,
    /// Where the log ended.
    pub to: Position,
}

impl SessionService {
    /// Inserts into the blacklist what the revocation log holds beyond the last look. The first call reads the whole log,
    /// and must have succeeded before the service accepts a token under [`Policy::blacklist`](crate::Policy::blacklist).
    ///
    /// # Errors
    /// A store failed. What was carried so far stays, and the next call goes on from there.
    pub async fn carry_over(&self, batch: u32) -> Result<CarriedOver, StoreError> {
        let ports = &self.ports;
        let mut position = self.parts.carried.lock().await;
        let mut entries = 0;
        if self.policy().check == Check::Blacklist {
            loop {
                match ports.sessions.revocations_after(*position, batch.max(1)).await? {
                    Tail::StartOver => *position = Position::START,
                    Tail::Entries(tail) => {
                        let Some(last) = tail.last() else { break };
                        ports.blacklist.insert(&tail).await?;
                        *position = last.position;
                        entries += tail.len() as u64;
                    }
                }
            }
        }
        self.parts.whole.store(true, Ordering::Release);
        Ok(CarriedOver { entries, to: *position })
    }

    /// Removes what has passed, in bounded batches, until nothing is left to remove.
    ///
    /// A session stays until its absolute end plus [`MARGIN`], closed or not, so that reuse is still recognised; a
    /// revocation stays until its `until`.
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
            let forgotten = ports.blacklist.prune(now, batch).await?;
            total.sessions += pruned.sessions;
            total.revocations += pruned.revocations;
            let batch = u64::from(batch);
            if pruned.sessions < batch && pruned.revocations < batch && forgotten < batch {
                return Ok(total);
            }
            // Between two batches others get their turn.
            tokio::task::yield_now().await;
        }
    }

    /// Whether a request could be served now: the time is known, the blacklist has been filled, and the stores answer.
    ///
    /// # Errors
    /// [`Unavailable`] says what is missing.
    pub async fn ready(&self) -> Result<(), Unavailable> {
        self.now()?;
        let (deadline, ports) = (self.deadline(), &self.ports);
        // Nobody has this id: the question is whether there is an answer.
        let nobody = uuid::Uuid::nil();
        self.read(deadline, ports.users.find(UserId::from_uuid(nobody))).await?;
        self.read(deadline, ports.sessions.find(SessionId::from_uuid(nobody)))
            .await?;
        if self.policy().check == Check::Blacklist {
            if !self.parts.whole.load(Ordering::Acquire) {
                return Err(Unavailable::NotWhole);
            }
            let check = ports
                .blacklist
                .check(TokenId::from_uuid(nobody), SessionId::from_uuid(nobody));
            let _ = self.read(deadline, check).await?;
        }
        Ok(())
    }

    /// Does the upkeep until it is dropped. A store that fails is reported when it begins to and when it ends to, and
    /// asked again in between.
    pub async fn keep_up(&self, upkeep: Upkeep) -> Infallible {
        let carrying = async {
            let mut health = Health::Good;
            loop {
                let outcome = self.carry_over(upkeep.batch).await;
                health = health.after("carrying revocations over", outcome.err().map(Unavailable::Store));
                tokio::time::sleep(upkeep.carry_every).await;
            }
        };
        let pruning = async {
            let mut health = Health::Good;
            loop {
                tokio::time::sleep(upkeep.prune_every).await;
                let outcome = self.prune(upkeep.batch).await;
                if let Ok(pruned) = outcome
                    && pruned != Pruned::default()
                {
                    tracing::debug!(sessions = pruned.sessions, revocations = pruned.revocations, "pruned");
                }
                health = health.after("pruning", outcome.err());
            }
        };
        tokio::select! {
            never = carrying => never,
            never = pruning => never,
        }
    }
}

/// Whether a chore worked the last time.
#[derive(Clone, Copy)]
enum Health {
    Good,
    Failing,
}

impl Health {
    fn after(self, chore: &'static str, error: Option<Unavailable>) -> Self {
        match (self, error) {
            (Self::Good, Some(error)) => {
                tracing::error!(chore, error = %WithCauses(&error), "upkeep fails");
                Self::Failing
            }
            (Self::Failing, None) => {
                tracing::info!(chore, "upkeep works again");
                Self::Good
            }
            (unchanged, _) => unchanged,
        }
    }
}
