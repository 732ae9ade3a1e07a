//! How far this node has come with carrying the log over, and whether the database takes writes: written by the maintenance, read by
//! every request.

use std::{
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

use crate::{
    life::LogPosition,
    pending::Pending,
    revocation::{LogId, Position},
    unavailable::Unavailable,
};

/// How far this node has come with carrying the log over, and whether that still counts.
#[derive(Default)]
pub(crate) struct BlacklistSync {
    /// Held by whoever carries: one walk at a time.
    pub(crate) place: tokio::sync::Mutex<SyncPosition>,
    /// How often the node was told that it may have missed something.
    pub(crate) doubts: AtomicU64,
    /// The last sync status, and how many doubts there had been when the walk to it began.
    status: Mutex<Option<(Position, Instant, u64)>>,
    /// How old the last sync status may be, once somebody keeps it new.
    pub(crate) behind_after: OnceLock<Duration>,
    pub(crate) pending: Pending,
    /// Set when the maintenance ends, until it has made a round again.
    pub(crate) ended: AtomicBool,
    pub(crate) hurry: Notify,
    /// Whether the answer to lost commits is under way.
    pub(crate) begins_again: AtomicBool,
}

/// Whether the database takes writes, as far as is known.
#[derive(Default)]
pub(crate) struct Writing {
    pub(crate) refused: AtomicBool,
    pub(crate) suspected: Notify,
}

impl Writing {
    /// A write has failed: have the next try come soon.
    pub(crate) fn suspect(&self) {
        self.suspected.notify_one();
    }
}

/// How far a log has been carried over.
#[derive(Clone, Copy)]
pub(crate) struct SyncPosition {
    pub(crate) log: Option<LogId>,
    pub(crate) to: Position,
    /// The highest entry that was seen in this log, and the newest history of the database.
    pub(crate) seen: LogPosition,
    pub(crate) timeline: u32,
}

impl SyncPosition {
    /// Where a walk that began at `begin` has come to.
    pub(crate) fn end(&self, begin: LogPosition) -> LogPosition {
        if self.seen.position == self.to {
            self.seen
        } else {
            begin
        }
    }
}

impl Default for SyncPosition {
    fn default() -> Self {
        Self {
            log: None,
            to: Position::START,
            seen: LogPosition::START,
            timeline: 0,
        }
    }
}

impl BlacklistSync {
    /// Whether the blacklist has what the log has: the log was walked to its end, and not too long ago.
    pub(crate) fn is_current(&self) -> Result<(), Unavailable> {
        let (_, began) = self.current().ok_or(Unavailable::BlacklistRebuilding)?;
        match self.behind_after.get() {
            Some(longest) if began.elapsed() > *longest => Err(Unavailable::Behind),
            _ => Ok(()),
        }
    }

    /// Where the log ended, and when the walk to it began, if that was since the last doubt.
    pub(crate) fn current(&self) -> Option<(Position, Instant)> {
        let doubts = self.doubts.load(Ordering::SeqCst);
        let status = *self.status.lock().unwrap_or_else(PoisonError::into_inner);
        status.and_then(|(to, began, settled)| (settled == doubts).then_some((to, began)))
    }

    /// Has the next look at the log come at once.
    pub(crate) fn hurry(&self) {
        self.hurry.notify_one();
    }

    pub(crate) fn reached(&self, to: Position, began: Instant, doubts: u64) {
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        *status = Some((to, began, doubts));
    }
}
