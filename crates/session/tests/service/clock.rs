//! The wall clock beside the time that is counted.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use rescind_session::{
    AnchoredClock, Clock, ClockNotReady, Device, MachineClock, NotReady, Password, Policy, Unavailable,
    ports::Instants, token::ClientId,
};

use crate::world::{PASSWORD, config, noon, seconds, service};

/// A machine whose two clocks are moved by hand.
struct Machine(Mutex<(Timestamp, Duration)>);

impl Machine {
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
    let machine = Arc::new(Machine(Mutex::new((noon(), seconds(100)))));
    let clock = Arc::new(AnchoredClock::new(machine.clone()));
    assert_eq!(clock.drift(), SignedDuration::ZERO, "nothing is counted yet");
    let instants = Instants {
        newest,
        ..Instants::default()
    };
    clock.anchor(instants).unwrap();
    (machine, clock)
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
async fn a_node_whose_clock_drifts_30_seconds_is_not_ready_and_goes_on() {
    let (machine, clock) = anchored(None);
    let (service, ..) = service(config(Policy::blacklist()), clock);
    service.carry_over(10).await.unwrap();
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
        let grant = service
            .log_in("alice", &password, ClientId::first_party(), Device::default())
            .await
            .unwrap();
        assert_eq!(grant.at, noon(), "requests go on by the counted time");
        service.authenticate(grant.access_token.expose_secret()).await.unwrap();
        drift(0);
        service.ready().await.unwrap();
    }
}
