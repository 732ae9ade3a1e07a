//! More histories, with all rules: every one up to the bound.

use rescind_session::life::Timing;
use stateright::{Checker, HasDiscoveries, Model};

use crate::world::{Budget, Histories, MOVED_ON, NOTHING, NOTICED, REFUSED, SHORTEST, Split, TIMING, WHOLE};

/// Everything in pieces.
const SPLIT: Split = Split {
    renewal: true,
    sync: true,
    check: true,
};
/// How many states the second tier explores in a world that is too large to explore completely.
const STATES: usize = 4_000_000;

/// Explores every history of that size.
#[track_caller]
fn holds(timing: Timing, split: Split, budget: Budget) {
    explore(timing, split, budget, usize::MAX);
}

#[track_caller]
fn explore(timing: Timing, split: Split, budget: Budget, states: usize) {
    let histories = Histories {
        timing,
        budget,
        split,
        without: None,
    };
    let checker = histories.checker().finish_when(HasDiscoveries::AnyFailures);
    let checker = match states {
        usize::MAX => checker,
        states => checker.target_state_count(states),
    };
    let checker = checker.spawn_bfs().join();
    checker.assert_no_discovery(REFUSED);
    checker.assert_no_discovery(NOTICED);
    // A world that is cut off may not have reached it.
    assert!(
        states < usize::MAX || checker.discovery(MOVED_ON).is_some(),
        "nothing happens"
    );
    eprintln!("{} states of {budget:?}", checker.unique_state_count());
}

#[test]
fn there_and_back() {
    holds(
        SHORTEST,
        WHOLE,
        Budget {
            ticks: 3,
            moves: 2,
            others: 1,
            ..NOTHING
        },
    );
}

#[test]
fn addresses_that_differ() {
    holds(
        TIMING,
        WHOLE,
        Budget {
            ticks: 4,
            flips: 2,
            ..NOTHING
        },
    );
}

#[test]
fn addresses_that_differ_and_flip() {
    holds(
        SHORTEST,
        WHOLE,
        Budget {
            ticks: 3,
            flips: 3,
            sets: 3,
            ..NOTHING
        },
    );
}

#[test]
fn a_planned_failover_and_a_flush() {
    holds(
        SHORTEST,
        WHOLE,
        Budget {
            ticks: 2,
            moves: 1,
            flushes: 1,
            others: 1,
            ..NOTHING
        },
    );
}

#[test]
fn a_promoted_replica() {
    holds(
        SHORTEST,
        WHOLE,
        Budget {
            ticks: 2,
            moves: 1,
            promotions: 1,
            others: 1,
            ..NOTHING
        },
    );
}

#[test]
fn a_restart_with_all_data() {
    holds(
        TIMING,
        WHOLE,
        Budget {
            ticks: 4,
            restarts: 1,
            ..NOTHING
        },
    );
}

#[test]
fn lost_commits() {
    holds(
        SHORTEST,
        WHOLE,
        Budget {
            ticks: 2,
            moves: 1,
            losses: 1,
            ..NOTHING
        },
    );
}

#[test]
fn a_renewal_in_pieces() {
    let split = Split { renewal: true, ..WHOLE };
    holds(
        SHORTEST,
        split,
        Budget {
            ticks: 1,
            moves: 1,
            sets: 1,
            ..NOTHING
        },
    );
}

#[test]
fn a_sync_in_pieces() {
    let split = Split { sync: true, ..WHOLE };
    holds(
        SHORTEST,
        split,
        Budget {
            ticks: 1,
            moves: 1,
            sets: 1,
            flushes: 1,
            ..NOTHING
        },
    );
}

#[test]
fn a_check_in_pieces() {
    let split = Split { check: true, ..WHOLE };
    holds(
        TIMING,
        split,
        Budget {
            ticks: 4,
            moves: 1,
            sets: 1,
            ..NOTHING
        },
    );
}

/// The second tier: larger worlds, everything in pieces, up to the limit.
#[test]
fn larger_worlds_in_pieces() {
    if std::env::var("RESCIND_TEST_FULL").as_deref() != Ok("1") {
        return;
    }
    for budget in [
        Budget {
            ticks: 5,
            flips: 3,
            sets: 3,
            slow: 1,
            ..NOTHING
        },
        Budget {
            ticks: 6,
            moves: 2,
            others: 1,
            flushes: 1,
            ..NOTHING
        },
        Budget {
            ticks: 6,
            moves: 2,
            promotions: 1,
            restarts: 1,
            migrations: 1,
            sets: 4,
            ..NOTHING
        },
        Budget {
            ticks: 5,
            flips: 1,
            losses: 1,
            others: 1,
            ..NOTHING
        },
    ] {
        explore(TIMING, SPLIT, budget, STATES);
    }
}
