//! What a receiver's reply means, and how long to wait after a failure.

use std::time::Duration;

use serde_json::Value;

const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// A receiver that is back gets its events soon.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Errors about the sender, its key or the settings, not about the event. A node whose keys are published nowhere yet, or whose
/// receiver has another audience, must not lose events.
const OF_THE_SENDER: [&str; 5] = [
    "authentication_failed",
    "access_denied",
    "invalid_key",
    "invalid_issuer",
    "invalid_audience",
];

/// The outcome of one delivery.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum DeliveryOutcome {
    /// The receiver has the event.
    Delivered,
    /// It refuses this event, with this error code of RFC 8935 section 2.4: a repeat would not help.
    Refused(String),
    /// It did not take the event now. Nothing is skipped.
    Failed(String),
}

/// Only 202 acknowledges (RFC 8935 section 2.2): a proxy's own page may be a 200.
///
/// A 400 about the sender is like 401 and 403: so the operator can correct the settings, and no event is lost.
pub(super) fn judge(status: u16, body: &[u8]) -> DeliveryOutcome {
    if status == 202 {
        return DeliveryOutcome::Delivered;
    }
    let body: Option<Value> = serde_json::from_slice(body).ok();
    let error = body.as_ref().and_then(|body| body["err"].as_str());
    // It is logged.
    let error = error.filter(|error| error.len() <= 64 && error.bytes().all(|b| b.is_ascii_graphic()));
    match error {
        Some(error) if status == 400 && !OF_THE_SENDER.contains(&error) => DeliveryOutcome::Refused(error.to_owned()),
        Some(error) => DeliveryOutcome::Failed(format!("the receiver answers {status}, {error}")),
        None => DeliveryOutcome::Failed(format!("the receiver answers {status}")),
    }
}

/// Doubles with each failure in a row; `random` chooses between half of it and all of it.
pub(super) fn pause_after(failures: u32, random: u64) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(16));
    let half = doubled.min(LONGEST_PAUSE) / 2;
    half + half.mul_f64((random % 1_000) as f64 / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_vary() {
        assert_eq!(pause_after(1, 0), FIRST_PAUSE / 2);
        assert!(pause_after(1, 999) > FIRST_PAUSE / 2);
        assert_eq!(pause_after(3, 0), FIRST_PAUSE * 2);
        assert!(pause_after(u32::MAX, 999) <= LONGEST_PAUSE);
    }
}
