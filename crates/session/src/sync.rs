//! How far this node has synced the blacklist, and whether the database accepts writes. Written by the maintenance,
//! read by every request.

use std::{
    sync::{
        Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

use crate::{
    life::LogPosition,
    lock::Lock,
    pending::Pending,
    revocation::{LogId, Position},
    unavailable::Unavailable,
};

/// How far this node has synced the blacklist, and whether that is still valid.
#[derive(Default)]
pub(crate) struct BlacklistSync {
    /// Held during a sync: one walk at a time.
    pub(crate) place: tokio::sync::Mutex<SyncPosition>,
    /// The log that the last sync read.
    pub(crate) log: Mutex<Option<LogId>>,
    /// How often a resync was required, because the node may have missed something.
    pub(crate) resyncs: AtomicU64,
    /// The last sync status, and the value of `resyncs` when its walk began.
    status: Lock<Option<(Position, Instant, u64)>>,
    /// How old the last sync status may be. Set once the maintenance runs.
    pub(crate) behind_after: OnceLock<Duration>,
    pub(crate) pending: Pending,
    /// Set when the maintenance ends, until it has made a round again.
    pub(crate) ended: AtomicBool,
    pub(crate) hurry: Notify,
    /// Whether the recovery from lost commits is running.
    pub(crate) begins_again: AtomicBool,
    pub(crate) rebuild: Rebuild,
}

/// How far this node has rebuilt an incomplete blacklist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RebuildProgress {
    /// How many entries were inserted.
    pub entries: u64,
    /// The position at which the log ended when the rebuild began, if the store tells it. At most so many entries are in
    /// it: pruned entries have left gaps.
    pub of_at_most: Option<u64>,
}

/// A rebuild that this node makes.
#[derive(Default)]
pub(crate) struct Rebuild(Mutex<Option<Running>>);

struct Running {
    progress: RebuildProgress,
    logged: Instant,
}

/// How long a rebuild runs between two lines in the log.
const BETWEEN_LINES: Duration = Duration::from_secs(2);

impl Rebuild {
    /// It ends when the returned value is dropped.
    pub(crate) fn begin(&self, head: Position) -> impl Drop + '_ {
        struct End<'a>(&'a Rebuild);
        impl Drop for End<'_> {
            fn drop(&mut self) {
                *self.0.running() = None;
            }
        }
        *self.running() = Some(Running {
            progress: RebuildProgress {
                entries: 0,
                // A store without snapshots does not know its end.
                of_at_most: Some(head.get()).filter(|head| *head < u64::MAX),
            },
            logged: Instant::now(),
        });
        End(self)
    }

    /// So many entries are inserted.
    pub(crate) fn advance(&self, entries: u64) {
        if let Some(Running { progress, logged }) = &mut *self.running() {
            progress.entries = entries;
            progress.of_at_most = progress.of_at_most.map(|of| of.max(entries));
            if logged.elapsed() >= BETWEEN_LINES {
                *logged = Instant::now();
                tracing::info!(
                    entries,
                    of_at_most = progress.of_at_most,
                    "filling the blacklist from the revocation log"
                );
            }
        }
    }

    pub(crate) fn progress(&self) -> Option<RebuildProgress> {
        self.running().as_ref().map(|running| running.progress)
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the database accepted the last test write.
#[derive(Default)]
pub(crate) struct Writing {
    pub(crate) refused: AtomicBool,
    pub(crate) suspected: Notify,
}

impl Writing {
    /// A write has failed: triggers the next test write soon.
    pub(crate) fn suspect(&self) {
        self.suspected.notify_one();
    }
}

/// How far a log has been synced.
#[derive(Clone, Copy, Default)]
pub(crate) struct SyncPosition {
    pub(crate) log: Option<LogId>,
    pub(crate) to: Position,
    /// The highest entry seen in this log, and the newest timeline of the database.
    pub(crate) seen: LogPosition,
    pub(crate) timeline: u32,
}

impl SyncPosition {
    /// Where a walk that began at `begin` ended.
    pub(crate) fn end(&self, begin: LogPosition) -> LogPosition {
        if self.seen.position == self.to {
            self.seen
        } else {
            begin
        }
    }
}

impl BlacklistSync {
    /// Whether the blacklist is current: the log was walked to its end, and not too long ago.
    pub(crate) fn is_current(&self) -> Result<(), Unavailable> {
        let (_, began) = self.current().ok_or(Unavailable::BlacklistRebuilding)?;
        match self.behind_after.get() {
            Some(longest) if began.elapsed() > *longest => Err(Unavailable::Behind),
            _ => Ok(()),
        }
    }

    /// Where the log ended and when the walk to it began; `None` if a resync was required since.
    pub(crate) fn current(&self) -> Option<(Position, Instant)> {
        let resyncs = self.resyncs.load(Ordering::SeqCst);
        let status = *self.status.read().unwrap_or_else(PoisonError::into_inner);
        status.and_then(|(to, began, settled)| (settled == resyncs).then_some((to, began)))
    }

    /// Triggers the next sync at once.
    pub(crate) fn hurry(&self) {
        self.hurry.notify_one();
    }

    pub(crate) fn reached(&self, to: Position, began: Instant, resyncs: u64) {
        let mut status = self.status.write().unwrap_or_else(PoisonError::into_inner);
        *status = Some((to, began, resyncs));
    }
}
