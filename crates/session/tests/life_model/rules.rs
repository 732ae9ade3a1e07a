//! Each rule, left out: the history in which something revoked is accepted.

use rescind_session::life::Timing;
use stateright::{Checker, HasDiscoveries, Model};

use crate::world::{Budget, Histories, NOTHING, NOTICED, REFUSED, Rule, SHORTEST, Split, TIMING, WHOLE};

/// Explores every history of that size without the rule, which must break the promise, and then with it.
#[track_caller]
fn needed(rule: Rule, split: Split, budget: Budget) {
    needed_at(TIMING, rule, split, budget);
}

#[track_caller]
fn needed_at(timing: Timing, rule: Rule, split: Split, budget: Budget) {
    let histories = |without| Histories {
        timing,
        budget,
        split,
        without,
    };
    let failures = HasDiscoveries::AnyFailures;
    let checker = histories(Some(rule))
        .checker()
        .finish_when(failures.clone())
        .spawn_bfs()
        .join();
    let broken = [REFUSED, NOTICED]
        .into_iter()
        .find_map(|property| checker.discovery(property));
    let Some(history) = broken else {
        panic!("{rule:?} is not needed in {} states", checker.unique_state_count());
    };
    eprintln!(
        "without {rule:?}, after {} states: {:?}",
        checker.unique_state_count(),
        history.into_actions()
    );

    let checker = histories(None).checker().finish_when(failures).spawn_bfs().join();
    checker.assert_no_discovery(REFUSED);
    checker.assert_no_discovery(NOTICED);
    eprintln!("with {rule:?}: {} states", checker.unique_state_count());
}

#[test]
fn a_check_needs_the_lease() {
    needed(
        Rule::CheckUnderLease,
        WHOLE,
        Budget {
            ticks: 3,
            flips: 1,
            ..NOTHING
        },
    );
}

#[test]
fn a_reply_must_be_of_the_trusted_life() {
    needed(
        Rule::ReplyOfThatLife,
        WHOLE,
        Budget {
            ticks: 3,
            moves: 1,
            ..NOTHING
        },
    );
}

#[test]
fn a_confirmation_needs_the_lease() {
    needed(
        Rule::ConfirmUnderLease,
        WHOLE,
        Budget {
            ticks: 3,
            flips: 1,
            ..NOTHING
        },
    );
}

#[test]
fn an_insert_must_be_in_the_trusted_life() {
    needed(
        Rule::InsertInThatLife,
        WHOLE,
        Budget {
            ticks: 3,
            moves: 1,
            ..NOTHING
        },
    );
}

#[test]
fn a_lease_is_counted_from_before_the_queries() {
    let split = Split { renewal: true, ..WHOLE };
    needed_at(
        SHORTEST,
        Rule::LeaseFromBefore,
        split,
        Budget {
            ticks: 2,
            flips: 1,
            sets: 1,
            ..NOTHING
        },
    );
}

#[test]
fn a_new_term_is_waited_for() {
    needed(
        Rule::Wait,
        WHOLE,
        Budget {
            ticks: 0,
            flips: 1,
            ..NOTHING
        },
    );
}

#[test]
fn the_wait_is_longer_than_a_slow_clocks_lease() {
    needed(
        Rule::WaitDrift,
        WHOLE,
        Budget {
            ticks: 3,
            slow: 1,
            flips: 1,
            ..NOTHING
        },
    );
}

#[test]
fn the_sync_begins_after_the_wait() {
    let split = Split { sync: true, ..WHOLE };
    needed_at(
        SHORTEST,
        Rule::SyncAfterWait,
        split,
        Budget {
            ticks: 1,
            flips: 1,
            ..NOTHING
        },
    );
}

#[test]
fn a_life_returns_under_another_generation() {
    needed_at(
        SHORTEST,
        Rule::Generations,
        WHOLE,
        Budget {
            ticks: 2,
            flips: 2,
            ..NOTHING
        },
    );
}

#[test]
fn a_sync_continues_from_the_copys_own_mark() {
    needed_at(
        SHORTEST,
        Rule::PlaceInTheCopy,
        WHOLE,
        Budget {
            ticks: 2,
            moves: 2,
            ..NOTHING
        },
    );
}

#[test]
fn pages_are_contiguous() {
    let split = Split { sync: true, ..WHOLE };
    needed(
        Rule::ContiguousPages,
        split,
        Budget {
            others: 1,
            flushes: 1,
            ..NOTHING
        },
    );
}

#[test]
fn a_fill_needs_its_claim() {
    let split = Split { sync: true, ..WHOLE };
    needed(Rule::ClaimStands, split, Budget { flushes: 2, ..NOTHING });
}

#[test]
fn a_fill_reads_the_log_from_its_start() {
    needed(Rule::FillFromStart, WHOLE, Budget { flushes: 1, ..NOTHING });
}

#[test]
fn a_mark_of_another_history_does_not_count() {
    needed_at(
        SHORTEST,
        Rule::PrefixOnly,
        WHOLE,
        Budget {
            ticks: 1,
            migrations: 1,
            moves: 1,
            ..NOTHING
        },
    );
}

#[test]
fn a_mark_counts_in_its_own_life_only() {
    let budget = Budget {
        ticks: 1,
        migrations: 1,
        flushes: 1,
        moves: 1,
        ..NOTHING
    };
    needed_at(SHORTEST, Rule::MarkOfThatLife, WHOLE, budget);
}

#[test]
fn another_timeline_is_another_term() {
    needed_at(
        SHORTEST,
        Rule::Timelines,
        WHOLE,
        Budget {
            ticks: 1,
            flips: 1,
            losses: 1,
            ..NOTHING
        },
    );
}

#[test]
fn a_log_without_the_marked_entry_has_lost_commits() {
    needed(Rule::LossNoticed, WHOLE, Budget { losses: 1, ..NOTHING });
}
