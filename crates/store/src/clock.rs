//! The machine's two clocks, read where the program touches the world.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use rescind_session::MachineClock;

/// The clocks of the machine that the program runs on.
///
/// The counter must go on while the machine sleeps: a laptop that wakes after a night would otherwise take last
/// evening's tokens for fresh. On Linux that is `CLOCK_BOOTTIME`. Elsewhere it is [`std::time::Instant`], which stands
/// still during sleep on some systems; there, restart the program after a sleep.
#[derive(Debug, Clone)]
pub struct SystemClock {
    #[cfg(not(target_os = "linux"))]
    started: std::time::Instant,
}

impl SystemClock {
    /// The clocks of this machine.
    #[must_use]
    #[cfg_attr(
        not(target_os = "linux"),
        expect(clippy::disallowed_methods, reason = "this is the edge at which the counter is read")
    )]
    pub fn new() -> Self {
        Self {
            #[cfg(not(target_os = "linux"))]
            started: std::time::Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl MachineClock for SystemClock {
    fn wall(&self) -> Timestamp {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the edge at which the wall clock is read"
        )]
        let now = SystemTime::now();
        // A machine that believes in the year 10000 gets the end of the calendar: every token has expired.
        Timestamp::try_from(now).unwrap_or(Timestamp::MAX)
    }

    #[cfg(target_os = "linux")]
    fn since_boot(&self) -> Duration {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        // The kernel counts from zero at boot, and nanoseconds below a billion: neither fallback is ever taken.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_only_grows() {
        let clock = SystemClock::new();
        let mut before = clock.since_boot();
        for _ in 0..1_000 {
            let after = clock.since_boot();
            assert!(after >= before, "{after:?} after {before:?}");
            before = after;
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn on_linux_the_counter_is_the_time_since_boot() {
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
        let uptime: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
        let counted = SystemClock::new().since_boot().as_secs_f64();
        assert!((counted - uptime).abs() < 5.0, "{counted} s counted, {uptime} s up");
    }

    #[test]
    fn the_wall_clock_is_past_the_year_in_which_this_was_written() {
        assert!(SystemClock::new().wall() > "2025-01-01T00:00:00Z".parse().unwrap());
    }
}
