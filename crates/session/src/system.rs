//! The machine's clocks and its randomness. Only this module reads them.

use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use rand::{
    SeedableRng,
    rngs::{StdRng, SysError, SysRng},
};
use rand_core::{TryCryptoRng, TryRng};

use crate::{
    clock::{AnchoredClock, MachineClock},
    ports::StoreClock,
};

/// The clocks of the machine that the program runs on.
///
/// The counter must continue while the machine sleeps: otherwise a laptop that wakes after a night would accept last
/// evening's tokens. On Linux that is `CLOCK_BOOTTIME`. Elsewhere it is [`std::time::Instant`], which stops during
/// sleep on some systems; there, restart the program after a sleep.
#[derive(Debug, Clone)]
pub struct SystemClock {
    #[cfg(not(target_os = "linux"))]
    started: std::time::Instant,
}

impl SystemClock {
    /// The clocks of this machine.
    #[cfg_attr(
        not(target_os = "linux"),
        expect(clippy::disallowed_methods, reason = "the counter is read here only")
    )]
    pub fn new() -> Self {
        Self {
            #[cfg(not(target_os = "linux"))]
            started: std::time::Instant::now(),
        }
    }
}

impl SystemClock {
    /// A clock that reads this machine's time once, now, and counts from then on. A service with a database anchors its
    /// clock to that instead.
    pub fn counting() -> AnchoredClock {
        let clock = AnchoredClock::new(Arc::new(Self::new()));
        // It fails only for a database whose clock differs.
        let _ = clock.anchor(StoreClock::default());
        clock
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl MachineClock for SystemClock {
    fn wall(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "the wall clock is read here only")]
        let now = SystemTime::now();
        // A machine whose clock shows the year 10000 gets the end of the calendar: every token has expired.
        Timestamp::try_from(now).unwrap_or(Timestamp::MAX)
    }

    #[cfg(target_os = "linux")]
    fn since_boot(&self) -> Duration {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        // The kernel counts from zero at boot, with nanoseconds below a billion: neither fallback is ever used.
        Duration::new(
            u64::try_from(now.tv_sec).unwrap_or(0),
            u32::try_from(now.tv_nsec).unwrap_or(0),
        )
    }

    #[cfg(not(target_os = "linux"))]
    fn since_boot(&self) -> Duration {
        self.started.elapsed()
    }
}

/// Randomness: a generator that the operating system seeds once, when it is created.
///
/// A program that uses it does not depend on a version of `rand`.
pub struct SystemRandom(StdRng);

/// The operating system has no randomness.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the machine's random number generator fails")]
pub struct NoRandomness(#[source] SysError);

impl SystemRandom {
    /// Creates a generator with a seed of its own.
    pub fn new() -> Result<Self, NoRandomness> {
        StdRng::try_from_rng(&mut SysRng).map(Self).map_err(NoRandomness)
    }
}

impl TryRng for SystemRandom {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.0.try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0.try_next_u64()
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.try_fill_bytes(bytes)
    }
}

impl TryCryptoRng for SystemRandom {}
