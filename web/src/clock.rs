//! The machine's wall clock: refused where the program cannot work by it, and watched while it serves.
//!
//! Requests are judged by a clock that reads the wall clock once and counts from then on ([`AnchoredClock`]). If the wall
//! clock steps later, tokens still get the counted time, and other verifiers judge them by another one. The program
//! cannot tell which of the two is right. It says so in the log and in `/health/ready`, and goes on by the counted time.
//! The way back is a restart, unless the database has recorded a time that was wrong: then `rescind restored`.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use rescind_session::{AnchoredClock, Clock, ClockNotReady, MachineClock, SessionService, ports::SessionStore};
use rescind_store::{SqlStore, SystemClock};

use crate::failure::Failure;

const BETWEEN_LOOKS: Duration = Duration::from_secs(1);
/// A smaller difference is what a clock drifts that is corrected slowly.
const WORTH_A_WARNING: Duration = Duration::from_secs(5);
/// A login waits for the issue floor for a minute at most.
const FAR: SignedDuration = SignedDuration::from_secs(60);

/// What the wall clock says now.
pub(crate) fn wall() -> Timestamp {
    SystemClock::new().wall()
}

/// Makes sure that the wall clock is between 1970 and 9999. Others cannot be written as an HTTP date, and the libraries that
/// write one panic.
///
/// # Errors
/// [`Failure::WallClock`].
pub(crate) fn require_usable() -> Result<(), Failure> {
    let wall = wall();
    // Short of the end of the calendar by a day: nobody has to wait for its last second.
    let usable = Timestamp::UNIX_EPOCH..Timestamp::constant(253_402_207_200 - 86_400, 0);
    if usable.contains(&wall) {
        Ok(())
    } else {
        Err(Failure::WallClock(wall))
    }
}

/// Compares the wall clock with the counted time each second, and logs when they part and when they agree again. Ends only
/// if the program cannot go on.
pub(crate) async fn watch(clock: Arc<AnchoredClock>, service: SessionService, store: SqlStore) -> Failure {
    let (mut told, mut told_of_floor) = (Drift::Small, false);
    loop {
        tokio::time::sleep(BETWEEN_LOOKS).await;
        if let Err(failure) = require_usable() {
            return failure;
        }
        let Ok(now) = clock.now() else { continue };
        let drift = clock.drift();
        let is = Drift::of(drift);
        // Not between the two that are told of: a difference at the limit would fill the log.
        if is > told || (is == Drift::Small && told != is) {
            told = is;
            told.tell(now, drift, &store).await;
        }
        match service.issues_from() {
            Some(from) if from.duration_since(now) > FAR && !told_of_floor => {
                told_of_floor = true;
                tracing::error!(
                    %from, %now,
                    "the database has an issue floor in the future: no token is accepted and every login is answered 503 \
                     until then. To log in earlier, stop every node and run `rescind restored`"
                );
            }
            _ => {}
        }
    }
}

/// How far apart the two are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Drift {
    Small,
    Warned,
    NotReady,
}

impl Drift {
    fn of(drift: SignedDuration) -> Self {
        match drift.unsigned_abs() {
            apart if apart >= ClockNotReady::LARGEST_DRIFT => Self::NotReady,
            apart if apart >= WORTH_A_WARNING => Self::Warned,
            _ => Self::Small,
        }
    }

    async fn tell(self, now: Timestamp, drift: SignedDuration, store: &SqlStore) {
        let wall = wall();
        match self {
            Self::Small => tracing::info!("this machine's clock agrees with the counted time again"),
            Self::Warned => tracing::warn!(
                %wall, counted = %now, apart = %format!("{drift:#}"),
                "this machine's clock differs from the time that is counted since the start, by which requests are judged"
            ),
            Self::NotReady => {
                let newest = store.instants().await.ok().and_then(|instants| instants.newest);
                let way_back = match newest {
                    Some(newest) if Drift::of(newest.duration_since(wall.min(newest))) == Self::NotReady => {
                        "the database has recorded a time that is ahead of this machine's clock, so a restart does not \
                         help. If the clock is right, stop every node and run `rescind restored`"
                    }
                    _ => "make sure that the clock is right, then restart this node",
                };
                tracing::error!(
                    %wall, counted = %now, apart = %format!("{drift:#}"), newest = newest.map(tracing::field::display),
                    "this machine's clock differs from the time that is counted since the start. Requests go on by the counted \
                     time, and this node is not ready: {way_back}"
                );
            }
        }
    }
}
