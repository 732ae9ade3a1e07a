//! The rules of `life` that need no interleaving to test.

use std::time::Duration;

use rescind_session::{
    LogId, Position,
    life::{Life, LogPosition, LogSnapshot, LogState, Proposals, Register, Term, Timing, Trust},
};
use uuid::Uuid;

const SECOND: Duration = Duration::from_secs(1);

fn log(id: u128) -> LogId {
    LogId::from_uuid(Uuid::from_u128(id))
}

fn place(position: u64, entry: u128) -> LogPosition {
    LogPosition {
        position: Position::new(position),
        entry: Some(Uuid::from_u128(entry)),
    }
}

fn term(generation: u64, life: &str) -> Term {
    Term {
        log: log(1),
        timeline: 1,
        generation,
        life: Life::new(life),
    }
}

/// A lease of 10 s, and a wait of 12 s.
const TIMING: Timing = Timing {
    lease: Duration::from_secs(10),
    wait: Duration::from_secs(12),
};

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The life `a` was first seen at 100 s. That lease expired, and another one is in force, unbroken, from 112 s to 122
/// s.
fn in_force() -> Trust {
    let mut trust = Trust::default();
    trust.observed(at(100), at(100), term(1, "a"), &TIMING);
    trust.observed(at(112), at(112), term(1, "a"), &TIMING);
    if let Some(begun) = trust.sync_begins(at(112)) {
        trust.sync_ended(&begun, &Life::new("a"));
    }
    trust
}

#[test]
fn a_register_changes_when_another_life_is_found() {
    let (a, b) = (Life::new("a"), Life::new("b"));
    assert_eq!(a.as_str(), "a");
    let empty = Register {
        life: None,
        generation: 0,
    };
    let first = empty.replaced_by(&a).unwrap();
    assert_eq!((first.life.as_ref(), first.generation), (Some(&a), 1));
    assert_eq!(first.replaced_by(&a), None);
    let second = first.replaced_by(&b).unwrap();
    assert_eq!((second.life.as_ref(), second.generation), (Some(&b), 2));
}

#[test]
fn a_life_is_in_force_from_wait_and_sync_until_the_lease_ends() {
    let mut trust = Trust::default();
    assert_eq!((trust.term(), trust.wait(at(100))), (None, None));
    assert!(trust.sync_begins(at(100)).is_none() && trust.check_begins(at(100)).is_none());
    trust.observed(at(90), at(100), term(1, "a"), &TIMING);
    assert_eq!(trust.term(), Some(&term(1, "a")));
    assert_eq!(trust.wait(at(100)), Some(at(12)));
    assert!(trust.sync_begins(at(111)).is_none(), "another node may have a lease");
    trust.observed(at(112), at(112), term(1, "a"), &TIMING);
    assert!(trust.lease(at(112)).is_none(), "not synced");
    assert_eq!(trust.wait(at(112)), Some(Duration::ZERO));

    let begun = trust.sync_begins(at(112)).unwrap();
    trust.sync_ended(&begun, &Life::new("b"));
    assert!(trust.lease(at(112)).is_none(), "the copy of another life was synced");
    trust.sync_ended(&begun, &Life::new("a"));
    assert!(trust.lease(at(112)).is_some() && trust.lease(at(121)).is_some());
    assert_eq!(trust.wait(at(112)), None);
    assert!(
        trust.lease(at(122)).is_none(),
        "the lease counts from before the question"
    );
    trust.observed(at(121), at(121), term(1, "a"), &TIMING);
    assert!(
        trust.lease(at(130)).is_some(),
        "a renewal needs neither a wait nor a sync"
    );

    trust.lose();
    assert!(trust.lease(at(121)).is_none() && trust.term().is_none());
}

#[test]
fn trust_in_another_term_begins_again() {
    let mut trust = in_force();
    let early = trust.sync_begins(at(113)).unwrap();
    trust.observed(at(111), at(113), term(2, "a"), &TIMING);
    assert_eq!(
        trust.term(),
        Some(&term(1, "a")),
        "an answer from before the trust began"
    );
    assert!(trust.lease(at(113)).is_some());
    trust.observed(at(112), at(113), term(2, "a"), &TIMING);
    assert_eq!(trust.term(), Some(&term(2, "a")));
    assert_eq!(trust.wait(at(113)), Some(at(12)));
    trust.observed(at(125), at(125), term(2, "a"), &TIMING);
    trust.sync_ended(&early, &Life::new("a"));
    assert!(trust.lease(at(125)).is_none(), "that sync began in the term before");
    trust.observed(at(126), at(126), term(3, "b"), &TIMING);
    assert_eq!(trust.term(), Some(&term(3, "b")));
}

#[test]
fn a_reply_counts_only_in_its_checks_life_and_unbroken_trust() {
    let (a, b) = (Life::new("a"), Life::new("b"));
    let mut trust = in_force();
    let check = trust.check_begins(at(113)).unwrap();
    assert!(trust.accepts(&check, &a, at(113)));
    assert!(!trust.accepts(&check, &b, at(113)), "another life replied");
    assert!(!trust.accepts(&check, &a, at(122)), "the lease ended");
    assert!(trust.check_begins(at(122)).is_none());
    trust.observed(at(121), at(121), term(1, "a"), &TIMING);
    assert!(trust.accepts(&check, &a, at(130)), "the lease was renewed in time");

    let mut broken = trust.clone();
    broken.observed(at(131), at(131), term(1, "a"), &TIMING);
    assert!(broken.lease(at(131)).is_some());
    assert!(!broken.accepts(&check, &a, at(131)), "the lease was renewed too late");

    let at_once = Timing {
        wait: Duration::ZERO,
        ..TIMING
    };
    let mut other_term = Trust::default();
    other_term.observed(at(112), at(121), term(2, "a"), &at_once);
    other_term.observed(at(121), at(121), term(2, "a"), &at_once);
    let begun = other_term.sync_begins(at(121)).unwrap();
    other_term.sync_ended(&begun, &a);
    assert!(other_term.lease(at(121)).is_some());
    assert!(!other_term.accepts(&check, &a, at(121)), "a check of another term");
}

#[test]
fn a_logout_is_confirmed_in_the_life_in_force_only() {
    let trust = in_force();
    assert!(trust.confirms(&Life::new("a"), at(121)));
    assert!(!trust.confirms(&Life::new("b"), at(121)));
    assert!(!trust.confirms(&Life::new("a"), at(122)));
}

/// A failover and its reversal are set at once; nodes that continue to alternate wait longer each time.
#[test]
fn alternating_lives_are_set_less_and_less_often() {
    let mut proposals = Proposals::default();
    let mut now = SECOND;
    let (mut loud, mut pauses) = (0, Vec::new());
    for _ in 0..10 {
        let begun = now;
        while !proposals.allows(now) {
            now += SECOND;
        }
        pauses.push((now - begun).as_secs());
        loud += u32::from(proposals.made(now));
    }
    assert_eq!(pauses, [0, 0, 1, 2, 4, 8, 16, 30, 30, 30]);
    assert_eq!(loud, 1, "said once");
    now += 60 * SECOND;
    assert!(proposals.allows(now) && !proposals.made(now) && proposals.allows(now));
}

#[test]
fn a_primary_that_lacks_a_seen_entry_has_lost_commits() {
    let sight = LogSnapshot {
        log: log(1),
        timeline: 2,
        is_standby: false,
        head: Position::new(7),
        found: Some(Uuid::from_u128(7)),
    };
    let seen = place(7, 7);
    assert_eq!(sight.judge(2, Some(&seen)), LogState::Sound);
    assert_eq!(sight.judge(1, None), LogState::Sound);
    let pruned = LogSnapshot { found: None, ..sight };
    assert_eq!(pruned.judge(2, Some(&seen)), LogState::Sound);
    let shorter = LogSnapshot {
        head: Position::new(6),
        found: None,
        ..sight
    };
    assert_eq!(shorter.judge(2, Some(&seen)), LogState::LostCommits);
    let another = LogSnapshot {
        found: Some(Uuid::from_u128(8)),
        ..sight
    };
    assert_eq!(another.judge(2, Some(&seen)), LogState::LostCommits);
    let standby = LogSnapshot {
        is_standby: true,
        ..shorter
    };
    assert_eq!(standby.judge(2, Some(&seen)), LogState::NotPrimary);
    assert_eq!(shorter.judge(3, Some(&seen)), LogState::NotPrimary);
}
