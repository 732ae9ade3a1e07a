//! The machine's wall clock: refused if its time is unusable, and watched while the program serves.
//!
//! Requests are judged by a clock that reads the wall clock once and counts from then on ([`AnchoredClock`]). If the two
//! differ, the program cannot know which is right: it logs that, `/health/ready` reports it, and the counted time stays in use.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use rescind_session::{
    AnchoredClock, Clock, ClockNotReady, MachineClock, SessionService, SystemClock, ports::SessionStore,
};
use rescind_store::SqlStore;

use crate::failure::Failure;

/// A clock that is corrected slowly has smaller differences.
const WORTH_A_WARNING: Duration = Duration::from_secs(5);

/// The wall clock's time.
pub(crate) fn wall() -> Timestamp {
    SystemClock::new().wall()
}

/// Makes sure that the wall clock is between 1970 and 9999: libraries that write an HTTP date panic on other times.
pub(crate) fn require_usable() -> Result<(), Failure> {
    let usable = Timestamp::UNIX_EPOCH..Timestamp::constant(253_402_000_000, 0);
    Some(wall())
        .filter(|wall| !usable.contains(wall))
        .map_or(Ok(()), |wall| Err(Failure::WallClock(wall)))
}

/// Compares the wall clock with the counted time each second, and logs when they differ and when they agree again. Returns
/// only if the program cannot go on.
pub(crate) async fn watch(clock: Arc<AnchoredClock>, service: SessionService, store: SqlStore) -> Failure {
    // What was logged: no difference (0), one worth a warning (1), one that makes the node unready (2).
    let (mut told, mut told_of_floor) = (0, false);
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        if let Err(failure) = require_usable() {
            return failure;
        }
        let (Ok(now), drift) = (clock.now(), clock.drift()) else {
            continue;
        };
        let size = [WORTH_A_WARNING, ClockNotReady::LARGEST_DRIFT]
            .iter()
            .filter(|limit| drift.unsigned_abs() >= **limit)
            .count();
        // A smaller difference is not logged: one near a limit would fill the log.
        if size > told || (size == 0 && told > 0) {
            told = size;
            log_difference(size, now, drift, &store).await;
        }
        let from = service
            .issues_from()
            .filter(|from| from.duration_since(now) > SignedDuration::from_secs(60));
        if let (Some(from), false) = (from, told_of_floor) {
            told_of_floor = true;
            tracing::error!(
                %from, %now,
                "the database has an issue floor in the future: no token is accepted and logins are answered 503 until then. \
                 To log in earlier, stop every node and run `rescind restored`"
            );
        }
    }
}

async fn log_difference(size: usize, counted: Timestamp, drift: SignedDuration, store: &SqlStore) {
    let (wall, apart) = (wall(), format!("{drift:#}"));
    match size {
        0 => tracing::info!("this machine's clock agrees with the counted time again"),
        1 => {
            tracing::warn!(%wall, %counted, apart, "this machine's clock differs from the counted time, which requests use")
        }
        _ => {
            let newest = store.store_clock().await.ok().and_then(|instants| instants.newest);
            let way_back = match newest {
                Some(newest) if newest.duration_since(wall).as_secs() >= 30 => {
                    "the database has recorded a time ahead of this machine's clock, and a restart would begin there. Correct the \
                     clock, or if it is right, stop every node and run `rescind restored`"
                }
                _ => "make sure that the clock is right, then restart this node",
            };
            tracing::error!(%wall, %counted, apart, "this machine's clock differs from the counted time; not ready: {way_back}");
        }
    }
}
