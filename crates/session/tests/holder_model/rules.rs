//! Each rule, left out: the history in which a copy without an acknowledged revocation may answer.

use stateright::{Checker, HasDiscoveries, Model};

use crate::bounds::states;
use crate::world::{Budget, Histories, NOTHING, REFUSED, Rule, Split, WHOLE};

/// Explores the histories of that size without the rule, which must break the promise, and then with it, as many as the
/// tier allows.
#[track_caller]
fn needed(rule: Rule, split: Split, budget: Budget) {
    let histories = |without| Histories {
        nodes: 2,
        // So the other node alone can break it.
        direct: budget.logouts == 1,
        window: rule != Rule::HeadApplied,
        budget,
        split,
        without,
    };
    let failures = HasDiscoveries::AnyFailures;
    let checker = histories(Some(rule))
        .checker()
        .finish_when(failures.clone())
        .target_state_count(3_000_000)
        .spawn_bfs()
        .join();
    let Some(history) = checker.discovery(REFUSED) else {
        panic!("{rule:?} is not needed in {} states", checker.state_count());
    };
    eprintln!(
        "without {rule:?}, after {} states: {:?}",
        checker.state_count(),
        history.into_actions()
    );

    let states = states(100, 5_000);
    let checker = histories(None).checker().finish_when(failures);
    let checker = checker.target_state_count(states).spawn_bfs().join();
    checker.assert_no_discovery(REFUSED);
    eprintln!("with {rule:?}: {} states", checker.state_count());
}

#[test]
fn a_revoker_waits_for_the_holders() {
    needed(Rule::WaitForHolders, WHOLE, NOTHING);
}

#[test]
fn a_lease_is_counted_from_before_the_renewal() {
    let split = Split { renewal: true, ..WHOLE };
    needed(Rule::LeaseFromBefore, split, Budget { ticks: 4, ..NOTHING });
}

#[test]
fn a_lease_ends_with_the_trust() {
    needed(
        Rule::LeaseWithinTrust,
        WHOLE,
        Budget {
            ticks: 3,
            slow: 1,
            failovers: 1,
            ..NOTHING
        },
    );
}

#[test]
fn a_lease_counts_once_the_head_is_applied() {
    needed(Rule::HeadApplied, WHOLE, Budget { ticks: 3, ..NOTHING });
}

#[test]
fn entries_are_applied_without_a_gap() {
    needed(Rule::NoGap, WHOLE, Budget { logouts: 2, ..NOTHING });
}

#[test]
fn a_new_table_needs_a_sync_that_began_after_it() {
    let split = Split { sync: true, ..WHOLE };
    needed(
        Rule::SyncAfterRegistration,
        split,
        Budget {
            ticks: 3,
            flushes: 1,
            ..NOTHING
        },
    );
}

#[test]
fn a_lost_table_comes_back_under_another_name() {
    needed(Rule::Nonce, WHOLE, Budget { flushes: 1, ..NOTHING });
}

#[test]
fn a_new_table_is_waited_for() {
    needed(Rule::WaitAfterNewTable, WHOLE, Budget { flushes: 1, ..NOTHING });
}

#[test]
fn the_wait_is_longer_than_a_slow_clocks_lease() {
    needed(
        Rule::WaitDrift,
        WHOLE,
        Budget {
            ticks: 3,
            slow: 1,
            ..NOTHING
        },
    );
}

#[test]
fn a_wait_is_counted_from_the_reply_to_the_insert() {
    let split = Split { insert: true, ..WHOLE };
    needed(Rule::WaitFromReply, split, Budget { ticks: 4, ..NOTHING });
}

#[test]
fn a_row_stays_until_its_lease_has_ended() {
    needed(Rule::RowsStay, WHOLE, NOTHING);
}

#[test]
fn no_row_goes_by_the_clock_of_redis() {
    needed(
        Rule::NoTtl,
        WHOLE,
        Budget {
            ticks: 2,
            slow: 1,
            ..NOTHING
        },
    );
}

#[test]
fn a_confirmation_needs_trust_in_the_server() {
    needed(
        Rule::ConfirmUnderTrust,
        WHOLE,
        Budget {
            ticks: 3,
            failovers: 1,
            ..NOTHING
        },
    );
}
