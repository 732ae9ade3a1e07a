//! The counted time and the wall clock.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use rescind_session::{
    AnchoredClock, Clock, ClockNotReady, Device, EndReason, MachineClock, ManualClock, NotReady, Password, Policy,
    Scope, Unavailable,
    ports::{NewRevocation, SessionStore, StoreClock},
    token::{ClientId, TokenId, UserId},
};
use uuid::Uuid;

use crate::world::{PASSWORD, config, noon, seconds, service};

/// A machine whose two clocks are moved by hand.
struct Machine(Mutex<(Timestamp, Duration)>);

impl Machine {
    fn booted_at(wall: Timestamp) -> Arc<Self> {
        Arc::new(Self(Mutex::new((wall, seconds(100)))))
    }
    fn set_wall(&self, wall: Timestamp) {
        self.0.lock().unwrap().0 = wall;
    }
    fn count(&self, by: Duration) {
        self.0.lock().unwrap().1 += by;
    }
}

impl MachineClock for Machine {
    fn wall(&self) -> Timestamp {
        self.0.lock().unwrap().0
    }
    fn since_boot(&self) -> Duration {
        self.0.lock().unwrap().1
    }
}

fn anchored(newest: Option<Timestamp>) -> (Arc<Machine>, Arc<AnchoredClock>) {
    let machine = Machine::booted_at(noon());
    let clock = Arc::new(AnchoredClock::new(machine.clone()));
    assert_eq!(clock.drift(), SignedDuration::ZERO, "nothing is counted yet");
    let instants = StoreClock {
        newest,
        ..StoreClock::default()
    };
    clock.anchor(instants).unwrap();
    (machine, clock)
}

const HOUR: Duration = seconds(3600);

#[test]
fn a_clock_is_not_ready_before_it_is_anchored() {
    let clock = AnchoredClock::new(Machine::booted_at(noon()));
    assert_eq!(clock.now(), Err(ClockNotReady::NotAnchored));
}

#[test]
fn a_step_of_the_wall_clock_does_not_change_the_time() {
    let (machine, clock) = anchored(None);
    machine.count(HOUR);
    machine.set_wall(noon() - HOUR);
    assert_eq!(clock.now(), Ok(noon() + HOUR));
    clock.anchor(StoreClock::default()).unwrap();
    assert_eq!(
        clock.now(),
        Ok(noon() + HOUR),
        "a second anchoring would let the step in"
    );
}

#[test]
fn after_a_restart_the_time_is_not_before_the_newest_recorded_time() {
    let clock = AnchoredClock::new(Machine::booted_at(noon() - HOUR));
    let instants = StoreClock {
        clock: Some(noon() - HOUR),
        newest: Some(noon()),
        ..StoreClock::default()
    };
    clock.anchor(instants).unwrap();
    assert_eq!(clock.now(), Ok(noon()));
}

#[test]
fn a_clock_over_2_s_from_the_databases_is_not_ready() {
    let clock = AnchoredClock::new(Machine::booted_at(noon()));
    let off = |seconds: i64| StoreClock {
        clock: Some(noon() + SignedDuration::from_secs(seconds)),
        ..StoreClock::default()
    };
    for apart in [3, -3] {
        let expected = ClockNotReady::Apart(SignedDuration::from_secs(-apart));
        assert_eq!(clock.anchor(off(apart)), Err(expected));
    }
    let told = clock.now().unwrap_err().to_string();
    assert!(told.contains("3s"), "{told}");
    assert_eq!(clock.anchor(off(2)), Ok(()), "corrected, it can be anchored after all");
    assert_eq!(clock.now(), Ok(noon()));
}

#[test]
fn drift_is_the_wall_clock_minus_the_counted_time() {
    let (machine, clock) = anchored(None);
    machine.count(seconds(60));
    assert_eq!(clock.drift(), SignedDuration::from_secs(-60));
    machine.set_wall(noon() + seconds(60));
    assert_eq!(clock.drift(), SignedDuration::ZERO);
    machine.set_wall(noon() + seconds(67));
    assert_eq!(clock.drift(), SignedDuration::from_secs(7));
    let (_, ahead) = anchored(Some(noon() + seconds(3600)));
    assert_eq!(ahead.drift(), SignedDuration::from_hours(-1), "the database is ahead");
    machine.set_wall(Timestamp::MIN);
    assert!(clock.drift().is_negative());
    machine.set_wall(Timestamp::MAX);
    assert!(clock.drift().is_positive());
}

#[tokio::test]
async fn a_node_whose_clock_drifts_30_s_still_serves_but_is_not_ready() {
    let (machine, clock) = anchored(None);
    let (service, ..) = service(config(Policy::blacklist()), clock);
    service.sync_blacklist(10).await.unwrap();
    let password = Password::new(PASSWORD);
    service.sign_up("alice", &password).await.unwrap();
    for direction in [1, -1] {
        let drift = |seconds: i64| machine.set_wall(noon() + SignedDuration::from_secs(direction * seconds));
        drift(29);
        service.ready().await.unwrap();
        drift(30);
        let not_ready = service.ready().await.unwrap_err();
        assert_eq!(not_ready.reason(), "clock");
        let NotReady::Clock(Unavailable::Clock(ClockNotReady::Drifted(by))) = not_ready else {
            panic!("{not_ready:?}");
        };
        assert_eq!(by.as_secs(), direction * 30);
        let issued = service
            .log_in("alice", &password, ClientId::first_party(), Device::default())
            .await
            .unwrap();
        assert_eq!(issued.at, noon(), "requests go on by the counted time");
        service.authenticate(issued.access_token.expose_secret()).await.unwrap();
        drift(0);
        service.ready().await.unwrap();
    }
}

/// Another node's clock was ahead, and it may have pruned revocations of tokens that are still valid here.
#[tokio::test]
async fn a_node_behind_another_nodes_recorded_time_is_unavailable() {
    let clock = Arc::new(ManualClock::at(noon()));
    let (service, _, sessions, _) = service(config(Policy::blacklist()), clock);
    service.sync_blacklist(100).await.unwrap();
    let revoked_at = |at, id| NewRevocation {
        scope: Scope::Token(TokenId::from_uuid(Uuid::from_u128(id))),
        user: UserId::from(Uuid::nil()),
        at,
        until: at,
        cause: EndReason::TokenRevoked,
    };
    let ahead = noon() + SignedDuration::from_mins(5);
    sessions.revoke(&revoked_at(ahead, 1)).await.unwrap();
    service.sync_blacklist(100).await.unwrap();
    assert_eq!(
        service.now().unwrap(),
        noon(),
        "by then only revocations of expired tokens went"
    );

    sessions
        .revoke(&revoked_at(ahead + SignedDuration::from_secs(1), 2))
        .await
        .unwrap();
    service.sync_blacklist(100).await.unwrap();
    let refused = service.now().unwrap_err();
    assert!(
        matches!(refused, Unavailable::Clock(ClockNotReady::Behind(_))),
        "{refused:?}"
    );
    assert_eq!(service.ready().await.unwrap_err().reason(), "clock");
}
