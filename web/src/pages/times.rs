//! Times as people read them: "43 s left", with the exact instant beside it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Time {
    /// For machines: RFC 3339.
    pub(crate) iso: String,
    /// The exact instant, for people.
    pub(crate) exact: String,
    pub(crate) words: String,
    /// Whether the words are the time left, which a script may count down.
    pub(crate) counts_down: bool,
}

impl Time {
    fn new(at: Timestamp, words: String) -> Self {
        let second = Timestamp::from_second(at.as_second()).unwrap_or(at);
        let exact = second.strftime("%-d %B %Y, %H:%M:%S UTC").to_string();
        Self {
            iso: second.to_string(),
            exact,
            words,
            counts_down: false,
        }
    }

    /// An end: "43 s left".
    pub(crate) fn left(end: Timestamp, now: Timestamp) -> Self {
        let left = end.duration_since(now);
        let words = if left.is_positive() {
            format!("{} left", span(left))
        } else {
            "run out".to_owned()
        };
        Self {
            counts_down: true,
            ..Self::new(end, words)
        }
    }

    /// A past instant: "3 min ago".
    pub(crate) fn ago(at: Timestamp, now: Timestamp) -> Self {
        let past = now.duration_since(at);
        let words = if past.as_secs() < 5 {
            "just now".to_owned()
        } else {
            format!("{} ago", span(past))
        };
        Self::new(at, words)
    }

    pub(crate) fn exactly(at: Timestamp) -> Self {
        let mut time = Self::new(at, String::new());
        time.words.clone_from(&time.exact);
        time
    }

    /// "0:43", as a clock counts down.
    pub(crate) fn countdown(end: Timestamp, now: Timestamp) -> Self {
        let left = end.duration_since(now);
        // 42.3 s are 0:43, so that it never shows 0:00.
        let seconds = left.as_secs() + i64::from(left.subsec_nanos() > 0);
        let mut time = Self::exactly(end);
        time.words = clock(seconds.max(0).unsigned_abs());
        time.counts_down = true;
        time
    }
}

/// In a clock's format: `0:43`, `12:00:01`.
fn clock(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

fn units(seconds: u64) -> impl Iterator<Item = (u64, &'static str)> {
    let days = seconds / 86_400;
    let units = [
        (days, if days == 1 { "day" } else { "days" }),
        (seconds / 3600 % 24, "h"),
        (seconds / 60 % 60, "min"),
        (seconds % 60, "s"),
    ];
    units.into_iter().skip_while(|(amount, _)| *amount == 0)
}

fn written(units: impl Iterator<Item = (u64, &'static str)>) -> String {
    let parts: Vec<_> = units
        .filter(|(amount, _)| *amount > 0)
        .map(|(amount, unit)| format!("{amount} {unit}"))
        .collect();
    if parts.is_empty() {
        "0 s".to_owned()
    } else {
        parts.join(" ")
    }
}

/// A length of time in its largest unit, and the next one if the largest is too coarse.
pub(crate) fn span(length: SignedDuration) -> String {
    const TEN_MINUTES: u64 = 10 * 60;
    const HOUR: u64 = 60 * 60;
    // 42.3 s are "43 s left", so that it never shows 0.
    let seconds = length.as_secs() + i64::from(length.subsec_nanos() > 0);
    let seconds = seconds.max(0).unsigned_abs();
    let is_fine = (TEN_MINUTES..HOUR).contains(&seconds);
    written(units(seconds).take(if is_fine { 1 } else { 2 }))
}

/// The same of a length that cannot be negative.
pub(crate) fn length(time: Duration) -> String {
    span(SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX))
}

/// A length of time, to the second however long it is: "5 min 30 s".
pub(crate) fn to_the_second(time: Duration) -> String {
    written(units(time.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each length is written alike by the script: `tests/scripts/live.rs`.
    #[test]
    fn lengths_are_written_in_their_largest_units_and_as_clocks() {
        for line in include_str!("../../tests/scripts/lengths.txt").lines() {
            let [seconds, clock, words]: [&str; 3] = line.split(" | ").collect::<Vec<_>>().try_into().unwrap();
            let length = SignedDuration::from_secs(seconds.parse().unwrap());
            assert_eq!(span(length), words, "{seconds}");
            let now = Timestamp::UNIX_EPOCH;
            assert_eq!(Time::countdown(now + length, now).words, clock, "{seconds}");
        }
        assert_eq!(span(SignedDuration::from_millis(42_300)), "43 s");
    }

    #[test]
    fn a_time_has_words_and_the_exact_instant() {
        let now: Timestamp = "2026-01-01T12:00:00Z".parse().unwrap();
        let end = now + SignedDuration::from_millis(43_900);
        let time = Time::left(end, now);
        assert_eq!(
            (time.words.as_str(), time.iso.as_str()),
            ("44 s left", "2026-01-01T12:00:43Z")
        );
        assert_eq!(time.exact, "1 January 2026, 12:00:43 UTC");
        assert_eq!(Time::left(now, now).words, "run out");
        assert_eq!(Time::ago(now, now).words, "just now");
        assert_eq!(Time::ago(now - SignedDuration::from_mins(3), now).words, "3 min ago");
    }

    #[test]
    fn a_countdown_never_shows_zero_while_time_is_left() {
        let now = Timestamp::UNIX_EPOCH;
        for (left, words) in [
            (SignedDuration::from_millis(42_300), "0:43"),
            (SignedDuration::ZERO, "0:00"),
            (SignedDuration::from_secs(-5), "0:00"),
        ] {
            assert_eq!(Time::countdown(now + left, now).words, words);
        }
    }
}
