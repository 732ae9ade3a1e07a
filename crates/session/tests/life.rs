//! What decides which copy counts, where no interleaving is needed to see it.

use std::time::Duration;

use rescind_session::{
    LogId, Position,
    life::{LogSight, LogState, Place, Proposals},
};
use uuid::Uuid;

const SECOND: Duration = Duration::from_secs(1);

fn log(id: u128) -> LogId {
    LogId::from_uuid(Uuid::from_u128(id))
}

fn place(position: u64, entry: u128) -> Place {
    Place {
        position: Position::new(position),
        entry: Some(Uuid::from_u128(entry)),
    }
}

/// A failover and one that was taken back come at once; nodes that go on like that wait for longer each time.
#[test]
fn lives_that_alternate_are_set_ever_more_rarely() {
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
fn a_log_that_lacks_what_was_seen_has_lost_commits_unless_it_is_no_primary() {
    let sight = LogSight {
        log: log(1),
        timeline: 2,
        is_standby: false,
        head: Position::new(7),
        found: Some(Uuid::from_u128(7)),
    };
    let seen = place(7, 7);
    assert_eq!(sight.judge(2, Some(&seen)), LogState::Sound);
    assert_eq!(sight.judge(1, None), LogState::Sound);
    let pruned = LogSight { found: None, ..sight };
    assert_eq!(pruned.judge(2, Some(&seen)), LogState::Sound);
    let shorter = LogSight {
        head: Position::new(6),
        found: None,
        ..sight
    };
    assert_eq!(shorter.judge(2, Some(&seen)), LogState::LostCommits);
    let another = LogSight {
        found: Some(Uuid::from_u128(8)),
        ..sight
    };
    assert_eq!(another.judge(2, Some(&seen)), LogState::LostCommits);
    let standby = LogSight {
        is_standby: true,
        ..shorter
    };
    assert_eq!(standby.judge(2, Some(&seen)), LogState::NotPrimary);
    assert_eq!(shorter.judge(3, Some(&seen)), LogState::NotPrimary);
}
