//! The race: the effect of each switch.
#![expect(clippy::panic, reason = "a test fails by panicking, its helpers included")]

use std::time::Duration;

use rand::{SeedableRng, rngs::StdRng};
use rescind_lab::race::{FirstReply, Judged, Party, Race, RaceSetup, RefreshResult, Second, Swap};

const GRACES: [u64; 3] = [0, 10, 30];
const APART: [u64; 4] = [0, 5, 20, 60];

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Two tabs at once, with the usual grace.
fn usual() -> RaceSetup {
    RaceSetup {
        swap: Swap::CompareAndSwap,
        grace: secs(10),
        apart: secs(0),
        reply: FirstReply::Arrives,
        second: Second::Tab,
    }
}

async fn run(setup: RaceSetup) -> Race {
    Race::run(setup, StdRng::seed_from_u64(7))
        .await
        .unwrap_or_else(|error| panic!("{setup:?}: {error}"))
}

/// Every setting of the switches.
fn all() -> Vec<RaceSetup> {
    let mut all = Vec::new();
    for swap in [Swap::CompareAndSwap, Swap::ReadThenWrite] {
        for grace in GRACES.map(secs) {
            for apart in APART.map(secs) {
                for reply in [FirstReply::Arrives, FirstReply::Lost] {
                    for second in [Second::Tab, Second::Thief] {
                        all.push(RaceSetup {
                            swap,
                            grace,
                            apart,
                            reply,
                            second,
                        });
                    }
                }
            }
        }
    }
    all
}

#[tokio::test]
async fn with_compare_and_swap_two_tabs_rotate_once_and_share_one_chain() {
    let race = run(usual()).await;
    let [first, second] = [&race.attempts[0], &race.attempts[1]];
    assert_eq!((first.at, first.at), (second.at, secs(300)));
    let given = |again| RefreshResult::Given {
        token: 1,
        again,
        arrived: true,
    };
    assert_eq!((first.result, second.result), (given(false), given(true)));
    assert_eq!(race.children_of(0), 1);
    assert_eq!(race.rotations, 2, "one for each time that both refreshed");
    assert_eq!(race.turned_down, 1, "both had read before either wrote");
    assert!(race.open && race.inside == [true, true], "{race:?}");
    assert_eq!(race.judged(), Judged::Nobody);
}

/// On several threads, where only the barrier prevents one from finishing before the other has begun.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn at_once_means_that_both_have_read_before_either_writes() {
    for _ in 0..100 {
        let race = run(usual()).await;
        assert_eq!((race.turned_down, race.rotations), (1, 2), "{race:?}");
        let naive = run(RaceSetup {
            swap: Swap::ReadThenWrite,
            ..usual()
        })
        .await;
        assert_eq!(naive.children_of(0), 2, "{naive:?}");
    }
}

#[tokio::test]
async fn with_any_switches_compare_and_swap_leaves_one_chain() {
    for setup in all() {
        let race = run(setup).await;
        if setup.swap == Swap::CompareAndSwap {
            assert!(
                (0..race.chain.len()).all(|token| race.children_of(token) <= 1),
                "{race:?}"
            );
            assert_eq!(race.rotations, race.chain.len() - 1, "{race:?}");
        }
        assert_eq!(race.open, race.closed_at().is_none(), "{race:?}");
        assert!(race.open || race.inside == [false, false], "{race:?}");
    }
}

#[tokio::test]
async fn read_then_write_gives_each_tab_a_child_and_later_logs_both_out() {
    let race = run(RaceSetup {
        swap: Swap::ReadThenWrite,
        ..usual()
    })
    .await;
    assert_eq!(race.children_of(0), 2);
    assert!(
        race.attempts[..2]
            .iter()
            .all(|tried| matches!(tried.result, RefreshResult::Given { .. })),
        "at first nobody sees that anything is wrong"
    );
    assert_eq!(race.attempts[2].result, RefreshResult::Reused);
    assert_eq!(race.attempts[3].result, RefreshResult::Closed);
    assert_eq!(race.judged(), Judged::FalseAlarm(secs(600)));
    assert_eq!(race.inside, [false, false]);
}

#[tokio::test]
async fn with_read_then_write_even_the_longest_grace_ends_in_a_false_alarm() {
    for apart in [0, 5, 20] {
        let race = run(RaceSetup {
            swap: Swap::ReadThenWrite,
            grace: secs(30),
            apart: secs(apart),
            ..usual()
        })
        .await;
        assert_eq!(race.children_of(0), 2, "{race:?}");
        assert_eq!(race.judged(), Judged::FalseAlarm(secs(600)));
    }
}

#[tokio::test]
async fn two_tabs_stay_logged_in_only_within_the_grace() {
    for grace in GRACES {
        for apart in APART {
            let race = run(RaceSetup {
                grace: secs(grace),
                apart: secs(apart),
                ..usual()
            })
            .await;
            let expected = if apart < grace {
                Judged::Nobody
            } else {
                Judged::FalseAlarm(secs(300 + apart))
            };
            assert_eq!(race.judged(), expected, "grace {grace}, {apart} apart");
        }
    }
}

#[tokio::test]
async fn a_lost_reply_logs_out_only_without_a_grace() {
    let lost = RaceSetup {
        reply: FirstReply::Lost,
        apart: secs(5),
        ..usual()
    };
    let forgiven = run(lost).await;
    assert_eq!(forgiven.judged(), Judged::Nobody);
    let tries: Vec<_> = forgiven.attempts.iter().map(|tried| (tried.at, tried.who)).collect();
    assert_eq!(
        tries[..3],
        [
            (secs(300), Party::First),
            (secs(303), Party::First),
            (secs(305), Party::Second)
        ]
    );
    assert!(matches!(
        forgiven.attempts[0].result,
        RefreshResult::Given { arrived: false, .. }
    ));

    let refused = run(RaceSetup { grace: secs(0), ..lost }).await;
    assert_eq!(refused.judged(), Judged::FalseAlarm(secs(303)));
    assert_eq!(refused.inside, [false, false]);
    // There is a thief, but the detected reuse is your own second try.
    let thief = RaceSetup {
        grace: secs(0),
        second: Second::Thief,
        ..lost
    };
    assert_eq!(run(thief).await.judged(), Judged::FalseAlarm(secs(303)));
}

#[tokio::test]
async fn a_thief_is_detected_only_after_the_grace() {
    let thief = |grace, apart| RaceSetup {
        grace: secs(grace),
        apart: secs(apart),
        second: Second::Thief,
        ..usual()
    };
    for (grace, apart) in [(10, 0), (10, 5), (30, 20)] {
        let race = run(thief(grace, apart)).await;
        assert_eq!(race.judged(), Judged::Nobody, "{race:?}");
        assert!(race.inside[1], "{race:?}");
        assert_eq!(race.second_inside(), secs(300));
    }
    for (grace, apart) in [(0, 0), (0, 5), (10, 20), (30, 60)] {
        let race = run(thief(grace, apart)).await;
        assert_eq!(race.judged(), Judged::Thief(secs(300 + apart)), "{race:?}");
        assert_eq!(race.second_inside(), secs(0));
    }
}

#[tokio::test]
async fn the_server_cannot_distinguish_a_second_tab_from_a_thief() {
    for setup in all() {
        let as_other = |second| RaceSetup { second, ..setup };
        let (tab, thief) = (run(as_other(Second::Tab)).await, run(as_other(Second::Thief)).await);
        assert_eq!(
            (tab.attempts, tab.chain, tab.open),
            (thief.attempts, thief.chain, thief.open)
        );
    }
}
