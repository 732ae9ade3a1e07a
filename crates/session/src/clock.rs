//! The clock, and why not to trust the machine's.
//!
//! A wall clock steps: an administrator corrects it, a virtual machine is resumed, a virtual machine's host is wrong.
//! If it goes back by an hour, expired tokens become valid again; if it jumps ahead, revocations are pruned early. So
//! the wall clock is read once, when the program starts, and compared with the database ([`AnchoredClock::anchor`]).
//! From then on the time is that reading plus the count of the boot-time monotonic clock, which cannot be set.
//!
//! A restart reads the wall clock again. It may have gone back meanwhile, so the time never begins before the newest
//! time that the database has recorded.
//!
//! The two clocks can be compared ([`Clock::drift`]). If they differ too much, requests still use the counted time, by
//! which the current tokens were issued, but the service is not ready: other services check its tokens by another time.
//!
//! Rejected: reading the database's time on each request, which costs a round trip for what a counter does as well.

use std::{
    sync::{Arc, Mutex, OnceLock, PoisonError, RwLock},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};

use crate::ports::StoreClock;

/// What time it is.
pub trait Clock: Send + Sync {
    /// Now.
    ///
    /// # Errors
    /// [`ClockNotReady`] while the time is not known well enough to check a token.
    fn now(&self) -> Result<Timestamp, ClockNotReady>;

    /// How far the machine's wall clock is ahead of [`now`](Self::now); behind, if negative. Zero where there is no wall clock
    /// to compare with.
    fn drift(&self) -> SignedDuration {
        SignedDuration::ZERO
    }
}

/// Why the time is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClockNotReady {
    /// [`AnchoredClock::anchor`] has not been called.
    #[error("the clock has not been compared with the database's yet")]
    NotAnchored,
    /// The machine's clock and the database's differ by more than [`AnchoredClock::TOLERANCE`].
    #[error("this machine's clock differs from the database's by {0:#}; correct one of them")]
    Apart(SignedDuration),
    /// The wall clock is this far ahead of the counted time, [`LARGEST_DRIFT`](Self::LARGEST_DRIFT) or more. Requests go on.
    #[error("this machine's clock differs by {0:#} from the time that is counted since the start")]
    Drifted(SignedDuration),
    /// The store has recorded a time that is more than [`MARGIN`](crate::MARGIN) ahead of this node's: another node's
    /// clock was ahead of it, and may have pruned revocations. A restart begins at that time.
    #[error(
        "another node has recorded {0}, which is ahead of the time here; correct the clocks, then restart this node"
    )]
    Behind(Timestamp),
    /// The store has an issue floor: a token issued before this time would be refused.
    #[error("no token can be issued before {0}, the issue floor of the database")]
    IssueFloor(Timestamp),
}

impl ClockNotReady {
    /// How far the wall clock and the counted time may differ. At this difference a node is not ready.
    pub const LARGEST_DRIFT: Duration = Duration::from_secs(30);
}

/// The two clocks of a machine, read at the edge of the program.
pub trait MachineClock: Send + Sync {
    /// The wall clock. It can step either way.
    fn wall(&self) -> Timestamp;

    /// Time since the machine was booted, suspended time included. It only grows.
    fn since_boot(&self) -> Duration;
}

/// A clock that was compared with the database once and has counted since.
pub struct AnchoredClock {
    machine: Arc<dyn MachineClock>,
    anchor: OnceLock<Anchor>,
    /// Why there is no anchor yet.
    refused: Mutex<ClockNotReady>,
}

#[derive(Debug, Clone, Copy)]
struct Anchor {
    time: Timestamp,
    since_boot: Duration,
}

impl AnchoredClock {
    /// How far the machine's clock may be from the database's.
    pub const TOLERANCE: Duration = Duration::from_secs(2);

    /// A clock that is not ready until [`anchor`](Self::anchor) succeeds.
    pub fn new(machine: Arc<dyn MachineClock>) -> Self {
        Self {
            machine,
            anchor: OnceLock::new(),
            refused: Mutex::new(ClockNotReady::NotAnchored),
        }
    }

    /// Reads the wall clock, compares it with the database's, and starts counting. A clock that already counts is
    /// unchanged.
    ///
    /// # Errors
    /// [`ClockNotReady::Apart`] if the two clocks differ: which one is wrong is unknown here.
    pub fn anchor(&self, database: StoreClock) -> Result<(), ClockNotReady> {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if self.anchor.get().is_none() {
            let anchor = self.reading(database).inspect_err(|error| *refused = *error)?;
            let _ = self.anchor.set(anchor);
        }
        Ok(())
    }

    fn reading(&self, database: StoreClock) -> Result<Anchor, ClockNotReady> {
        let (wall, since_boot) = (self.machine.wall(), self.machine.since_boot());
        if let Some(theirs) = database.clock {
            let apart = wall.duration_since(theirs);
            if apart.unsigned_abs() > Self::TOLERANCE {
                return Err(ClockNotReady::Apart(apart));
            }
        }
        Ok(Anchor {
            time: database.newest.map_or(wall, |newest| newest.max(wall)),
            since_boot,
        })
    }
}

impl Clock for AnchoredClock {
    fn now(&self) -> Result<Timestamp, ClockNotReady> {
        let Some(anchor) = self.anchor.get() else {
            return Err(*self.refused.lock().unwrap_or_else(PoisonError::into_inner));
        };
        Ok(later(
            anchor.time,
            self.machine.since_boot().saturating_sub(anchor.since_boot),
        ))
    }

    fn drift(&self) -> SignedDuration {
        self.now()
            .map_or(SignedDuration::ZERO, |now| self.machine.wall().duration_since(now))
    }
}

/// `time` plus `by`, at most the end of the calendar.
pub(crate) fn later(time: Timestamp, by: Duration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// A clock that only moves when set: for tests, and for lessons in which the reader moves the time.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<RwLock<Timestamp>>);

impl ManualClock {
    /// A clock stopped at `time`.
    pub fn at(time: Timestamp) -> Self {
        Self(Arc::new(RwLock::new(time)))
    }

    /// Advances the time.
    pub fn advance(&self, by: Duration) {
        let mut time = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *time = later(*time, by);
    }

    /// Sets the time, backwards too.
    pub fn set(&self, time: Timestamp) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = time;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Result<Timestamp, ClockNotReady> {
        Ok(*self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}
