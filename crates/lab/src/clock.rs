//! The machine's clocks, moved by the learner.
//!
//! The server's own clock is the real [`AnchoredClock`](rescind_session::AnchoredClock) on top of these: so setting the
//! wall clock back has the same effect as in production.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use rescind_session::MachineClock;

/// A wall clock and the time since boot. Both are stopped until they are moved.
#[derive(Debug)]
pub(crate) struct Machine(Mutex<Clocks>);

#[derive(Debug, Clone, Copy)]
struct Clocks {
    wall: Timestamp,
    since_boot: Duration,
}

impl Machine {
    pub(crate) fn at(wall: Timestamp) -> Self {
        Self(Mutex::new(Clocks {
            wall,
            since_boot: Duration::ZERO,
        }))
    }

    pub(crate) fn pass(&self, by: Duration) {
        let mut clocks = self.lock();
        clocks.since_boot = clocks.since_boot.saturating_add(by);
        clocks.wall = clocks.wall.checked_add(by).unwrap_or(Timestamp::MAX);
    }

    /// Sets the wall clock; no time passes.
    pub(crate) fn step_wall(&self, by: SignedDuration) {
        let mut clocks = self.lock();
        clocks.wall = clocks.wall.checked_add(by).unwrap_or(clocks.wall);
    }

    fn lock(&self) -> MutexGuard<'_, Clocks> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MachineClock for Machine {
    fn wall(&self) -> Timestamp {
        self.lock().wall
    }

    fn since_boot(&self) -> Duration {
        self.lock().since_boot
    }
}
