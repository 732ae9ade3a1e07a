//! What a receiver's reply means, and how long to wait after a failure.

use std::time::Duration;

use serde_json::Value;

const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// A receiver that is back gets its events soon.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The outcome of one delivery.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The receiver has the event.
    Delivered,
    /// It refuses this event, with this error code of RFC 8935 section 2.4: a repeat would not help.
    Refused(String),
    /// It did not take the event now. Nothing is skipped.
    Failed(String),
}

/// Only 202 acknowledges (RFC 8935 section 2.2): a proxy's own page may be a 200.
///
/// A 400 with `authentication_failed` or `access_denied` is about this sender and not about the event, like 401 and 403. So the
/// operator can correct the settings, and no event is lost.
pub(super) fn judge(status: u16, body: &[u8]) -> Outcome {
    if status == 202 {
        return Outcome::Delivered;
    }
    let body: Option<Value> = serde_json::from_slice(body).ok();
    let error = body.as_ref().and_then(|body| body["err"].as_str());
    // It is logged.
    let error = error.filter(|error| error.len() <= 64 && error.bytes().all(|b| b.is_ascii_graphic()));
    match error {
        Some(error) if status == 400 && !["authentication_failed", "access_denied"].contains(&error) => {
            Outcome::Refused(error.to_owned())
        }
        Some(error) => Outcome::Failed(format!("the receiver answers {status}, {error}")),
        None => Outcome::Failed(format!("the receiver answers {status}")),
    }
}

/// Doubles with each failure in a row, between half of it and all of it.
pub(super) fn pause_after(failures: u32, random: u32) -> Duration {
    let longest = FIRST_PAUSE
        .saturating_mul(1 << failures.saturating_sub(1).min(16))
        .min(LONGEST_PAUSE);
    longest / 2 + (longest / 2).mul_f64(f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_202_acknowledges_and_only_a_400_with_an_error_skips() {
        let err = |err: &str| format!(r#"{{"err":"{err}","description":"…"}}"#);
        assert_eq!(judge(202, b""), Outcome::Delivered);
        for code in [
            "invalid_request",
            "invalid_key",
            "invalid_issuer",
            "invalid_audience",
            "of_its_own",
        ] {
            assert_eq!(judge(400, err(code).as_bytes()), Outcome::Refused(code.to_owned()));
        }
        let bodies = [
            "",
            "{}",
            r#"{"err":7}"#,
            "<html>",
            &err("a\\nb"),
            &err("authentication_failed"),
            &err("access_denied"),
        ];
        for body in bodies {
            assert!(matches!(judge(400, body.as_bytes()), Outcome::Failed(_)), "{body}");
        }
        for status in [200, 204, 301, 307, 401, 403, 404, 408, 413, 429, 500, 502, 503] {
            assert!(
                matches!(judge(status, err("invalid_request").as_bytes()), Outcome::Failed(_)),
                "{status}"
            );
        }
    }

    #[test]
    fn pauses_grow_to_a_bound_and_vary() {
        assert_eq!(pause_after(1, 0), FIRST_PAUSE / 2);
        assert_eq!(pause_after(1, u32::MAX), FIRST_PAUSE);
        assert_eq!(pause_after(3, u32::MAX), FIRST_PAUSE * 4);
        assert_eq!(pause_after(u32::MAX, u32::MAX), LONGEST_PAUSE);
    }
}
