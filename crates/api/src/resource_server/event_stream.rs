//! What a receiver of security events knows after each event, as a function: whether it has every revocation, and since when.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rescind_session::token::LogMark;
use uuid::Uuid;

/// How long after the last news a revocation may be missing. The transmitter sends at least every ten seconds.
pub(super) const SILENCE: SignedDuration = SignedDuration::from_secs(30);
/// How much older than its first event a stream's unknown past may be: the clocks of two nodes differ by 4 s at most, and
/// times in tokens are cut to whole seconds.
const SKEW: Duration = Duration::from_secs(6);

/// The state of a stream of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EventStream {
    log: Uuid,
    /// Every revocation up to here was received, but for those before the gap.
    position: u64,
    /// Revocations of tokens that were issued earlier may be missing.
    complete_from: Timestamp,
    /// The last instant up to which the receiver had everything.
    current_at: Option<Timestamp>,
}

/// What a stream says about a token for which it has no revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coverage {
    /// It would have one.
    Complete,
    /// The token was issued before the stream began, or before a gap in it.
    BeforeGap,
    /// Nothing was heard for too long.
    Silent,
}

impl EventStream {
    /// The stream after an event. `follows`: the position that the receiver must have reached for it.
    ///
    /// An event that is older than [`SILENCE`] changes nothing: a transmitter makes a new event for each delivery, so it was recorded and
    /// sent again by somebody else.
    pub(super) fn after(
        stream: Option<Self>,
        mark: &LogMark,
        follows: u64,
        issued_at: Timestamp,
        now: Timestamp,
    ) -> Option<Self> {
        if now.duration_since(issued_at) > SILENCE {
            return stream;
        }
        let unbroken = stream.filter(|stream| stream.log == mark.id && follows <= stream.position);
        let begins = issued_at.checked_add(SKEW).unwrap_or(Timestamp::MAX);
        let mut next = unbroken.unwrap_or(Self {
            log: mark.id,
            position: mark.position,
            // A gap never lets older tokens count again.
            complete_from: stream.map_or(begins, |stream| stream.complete_from.max(begins)),
            current_at: None,
        });
        next.position = next.position.max(mark.position);
        if next.position >= mark.head {
            next.current_at = next.current_at.max(Some(issued_at.min(now)));
        }
        Some(next)
    }

    pub(super) fn coverage(stream: Option<Self>, token_issued_at: Timestamp, now: Timestamp) -> Coverage {
        match stream {
            Some(Self {
                current_at: Some(at),
                complete_from,
                ..
            }) if now.duration_since(at) <= SILENCE => {
                if token_issued_at >= complete_from {
                    Coverage::Complete
                } else {
                    Coverage::BeforeGap
                }
            }
            _ => Coverage::Silent,
        }
    }
}
