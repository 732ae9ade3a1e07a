//! Faults on purpose: where a test stops the program to kill it.
//!
//! The worst moment of a logout is the one between its two steps, and it lasts for less than a millisecond. A test that
//! kills the program at random hits it once in thousands of rounds; so the tests stop it there. With
//! `FAILPOINTS=between-log-and-blacklist=return` every closing goes as far as the log and never comes to the blacklist.
//!
//! This module is there only with the feature `failpoints`, which nothing but the tests of the program asks for: what is
//! shipped has no such place, whatever its environment says.
//!
//! A password change has such a moment too, `between-password-and-sessions`. And with `prune-often` pruning, which takes its
//! turn each minute, does so ten times a second.

use std::{future::pending, sync::Once, time::Duration};

use crate::maintenance::Maintenance;

/// The maintenance as it was asked for, or with more pruning if `FAILPOINTS` has it so.
pub(crate) fn prune_often(maintenance: Maintenance) -> Maintenance {
    Maintenance {
        prune_every: match stays("prune-often") {
            true => Duration::from_millis(100),
            false => maintenance.prune_every,
        },
        ..maintenance
    }
}

/// Stays here for ever, and says so, if `FAILPOINTS` has it stay.
///
/// Not `fail`'s own action `pause`: that one blocks the thread, and with it all that the thread would do next, such as
/// telling whoever waits that the log was written.
pub(crate) async fn stay_at(failpoint: &'static str) {
    if stays(failpoint) {
        tracing::warn!("the failpoint {failpoint} was reached");
        pending::<()>().await;
    }
}

/// Panics in the background task, if `FAILPOINTS` has it panic: `in-maintenance=2*panic` twice.
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
