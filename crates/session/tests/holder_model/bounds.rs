//! More histories, with all rules: every one up to the bound, or as many as the tier allows.

use stateright::{Checker, HasDiscoveries, Model};

use crate::world::{Budget, Histories, NOTHING, REFUSED, SERVES, Split, WHOLE};

const SPLIT: Split = Split {
    renewal: true,
    sync: true,
    insert: true,
};

/// How many states are explored, in thousands: in the first tier, and in the second.
pub(crate) fn states(reduced: usize, full: usize) -> usize {
    let is_full = std::env::var("RESCIND_TEST_FULL").as_deref() == Ok("1");
    if is_full { full * 1_000 } else { reduced * 1_000 }
}

/// Explores histories of that size, at most `reduced` thousand states in the first tier.
#[track_caller]
fn explore(nodes: usize, split: Split, budget: Budget, reduced: usize, full: usize) {
    let histories = Histories {
        nodes,
        direct: false,
        window: true,
        budget,
        split,
        without: None,
    };
    let states = states(reduced, full);
    let checker = histories
        .checker()
        .finish_when(HasDiscoveries::AnyFailures)
        .target_state_count(states)
        .spawn_bfs()
        .join();
    checker.assert_no_discovery(REFUSED);
    // A world that is cut off may not have reached it.
    assert!(
        checker.state_count() >= states || checker.discovery(SERVES).is_some(),
        "nothing happens"
    );
    eprintln!("{} states of {budget:?}", checker.state_count());
}

#[test]
fn two_logouts_on_three_nodes() {
    let budget = Budget {
        ticks: 3,
        logouts: 2,
        ..NOTHING
    };
    explore(3, WHOLE, budget, 100, 4_000);
}

#[test]
fn replies_that_are_late_or_lost() {
    let budget = Budget {
        ticks: 4,
        losses: 1,
        slow: 1,
        ..NOTHING
    };
    explore(2, SPLIT, budget, 100, 4_000);
}

#[test]
fn a_redis_that_forgets_twice() {
    let budget = Budget {
        ticks: 4,
        flushes: 2,
        ..NOTHING
    };
    explore(2, SPLIT, budget, 100, 4_000);
}

#[test]
fn two_failovers_in_a_row() {
    let budget = Budget {
        ticks: 4,
        failovers: 2,
        ..NOTHING
    };
    explore(2, WHOLE, budget, 100, 4_000);
}

#[test]
fn crashes_and_a_slow_clock() {
    let budget = Budget {
        ticks: 4,
        crashes: 2,
        slow: 1,
        flushes: 1,
        ..NOTHING
    };
    explore(3, WHOLE, budget, 100, 4_000);
}
