//! The tests' results, for the table of `docs/faults.md`.
//!
//! Where `RESCIND_FAULTS_REPORT` names a file, each test appends a line of JSON to it when it has passed: the fault, the
//! test, what held, and the figures. `scripts/chaos.sh` makes the table of these lines; a test that failed has none, and
//! its row shows that. Otherwise the line is printed, for `--nocapture`.

use std::{env, fmt, fs::File, io::Write, time::Duration};

use serde_json::json;

/// The faults, in the order of the table.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    KilledBetween,
    RedisForgets,
    RedisAway,
    PostgresKilled,
    TwoNodes,
    OneChain,
    Races,
    Busy,
    Clocks,
    Pruning,
    Refused,
    RefusedWrites,
    Failover,
}

/// Reports that a test has passed: the fault, the test, what held, the figures.
macro_rules! held {
    ($fault:ident, $test:ident, $held:expr, $($figures:tt)+) => {
        $crate::report::line($crate::report::Fault::$fault, stringify!($test), file!(), $held, &format!($($figures)+))
    };
}
pub(crate) use held;

pub(crate) fn line(fault: Fault, test: &str, file: &str, held: &str, figures: &str) {
    let line = json!({ "row": fault as u8, "test": test, "file": file, "held": held, "figures": figures });
    match env::var_os("RESCIND_FAULTS_REPORT") {
        Some(path) => {
            let mut report = File::options().create(true).append(true).open(path).unwrap();
            // At once: tests of other threads write to the same file.
            report.write_all(format!("{line}\n").as_bytes()).unwrap();
        }
        None => eprintln!("{line}"),
    }
}

/// How long things took.
#[derive(Debug, Clone, Default)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn add(&mut self, took: Duration) {
        self.0.push(took);
    }

    pub(crate) fn extend(&mut self, other: Times) {
        self.0.extend(other.0);
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn longest(&self) -> Duration {
        self.0.iter().max().copied().unwrap_or_default()
    }

    /// The time within which `percent` of them were done.
    fn percentile(&self, percent: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let place = (sorted.len() * percent).div_ceil(100).max(1) - 1;
        sorted.get(place).copied().unwrap_or_default()
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |time: Duration| time.as_millis();
        let (half, most) = (ms(self.percentile(50)), ms(self.percentile(99)));
        write!(f, "p50 {half} ms, p99 {most} ms, longest {} ms", ms(self.longest()))
    }
}

/// A number with its thousands apart, as the table shows it.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
