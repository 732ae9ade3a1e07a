//! The machine's two clocks, and its randomness.

use rand::Rng;
use rescind_session::{MachineClock, SystemClock, SystemRandom};

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
    assert!((counted - uptime).abs() < 60.0, "{counted} s counted, {uptime} s up");
}

#[test]
fn the_wall_clock_is_later_than_this_code() {
    assert!(SystemClock::new().wall() > "2025-01-01T00:00:00Z".parse().unwrap());
}

#[test]
fn each_generator_has_its_own_seed() {
    let [one, other] = [(); 2].map(|()| {
        let mut bytes = [0; 32];
        SystemRandom::new().unwrap().fill_bytes(&mut bytes);
        bytes
    });
    assert_ne!(one, [0; 32]);
    assert_ne!(one, other);
}
