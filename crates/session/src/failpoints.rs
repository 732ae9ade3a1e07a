//! Failpoints: where a test stops the program to kill it.
//!
//! The worst moment for a crash during a logout is between its two steps, and lasts less than a millisecond. A test
//! that kills the program at random hits it once in thousands of rounds, so the tests stop the program there. With
//! `FAILPOINTS=between-log-and-blacklist=return` every closing reaches the log and never the blacklist.
//!
//! This module exists only with the feature `failpoints`, which only the program's tests enable. A released program has
//! no failpoints, whatever its environment.
//!
//! A password change has such a moment too: `between-password-and-sessions`. With `prune-often`, pruning runs ten times
//! a second instead of once a minute.

use std::{future::pending, sync::Once, time::Duration};

use crate::maintenance::Maintenance;

/// The maintenance as configured, or with more pruning if `FAILPOINTS` has `prune-often`.
pub(crate) fn prune_often(maintenance: Maintenance) -> Maintenance {
    Maintenance {
        prune_every: match stays("prune-often") {
            true => Duration::from_millis(100),
            false => maintenance.prune_every,
        },
        ..maintenance
    }
}

/// Logs a warning and waits for ever, if `FAILPOINTS` names this failpoint.
///
/// Not `fail`'s action `pause`: it blocks the thread and all its other work, such as the reply that the log was
/// written.
pub(crate) async fn stay_at(failpoint: &'static str) {
    if stays(failpoint) {
        tracing::warn!("the failpoint {failpoint} was reached");
        pending::<()>().await;
    }
}

/// Panics in the background task, if `FAILPOINTS` is set so: `in-maintenance=2*panic` twice.
pub(crate) fn in_maintenance() {
    set_up();
    fail::fail_point!("in-maintenance");
}

fn stays(failpoint: &'static str) -> bool {
    set_up();
    fail::fail_point!(failpoint, |_| true);
    false
}

fn set_up() {
    static FROM_ENVIRONMENT: Once = Once::new();
    // The scenario is forgotten, not dropped: dropping it would take the failpoints back.
    FROM_ENVIRONMENT.call_once(|| std::mem::forget(fail::FailScenario::setup()));
}
