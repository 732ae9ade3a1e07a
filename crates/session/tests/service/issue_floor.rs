//! A store without revocations from before some time refuses the tokens issued before it.

use std::sync::Arc;

use jiff::Timestamp;
use rand::{SeedableRng, rngs::StdRng};
use rescind_session::{
    AuthenticateError, Clock, ClockNotReady, Device, Keys, LoginError, Maintenance, ManualClock, Password, Policy,
    RefreshError, SessionService, Unavailable,
    ports::SessionStore,
    token::{Algorithm, ClientId, KeyRing, SigningKey},
};
use secrecy::ExposeSecret;
use tokio::time::Instant;

use crate::{
    faulty::{Fault, FaultySessions, Gate},
    world::{PASSWORD, World, config, noon, refresh_keys, seconds, service},
};

/// A clock that follows the runtime's timers, which a test can pause.
struct Ticking(Instant);

impl Clock for Ticking {
    fn now(&self) -> Result<Timestamp, ClockNotReady> {
        Ok(noon() + self.0.elapsed())
    }
}

fn policies() -> [Policy; 5] {
    [
        Policy::stored(),
        Policy::client_delete(),
        Policy::short_lived(),
        Policy::rotation(),
        Policy::blacklist(),
    ]
}

fn is_floor(error: &Unavailable, from: Timestamp) -> bool {
    matches!(error, Unavailable::Clock(ClockNotReady::IssueFloor(known)) if *known == from)
}

#[tokio::test]
async fn a_token_issued_up_to_the_floor_is_refused_under_every_policy() {
    for policy in policies() {
        let preset = policy.preset;
        let world = World::with(config(policy)).await;
        let old = world.log_in().await;
        world.me(&old).await.unwrap();
        world.sessions.raise_issue_floor(noon()).await.unwrap();
        world.me(&old).await.unwrap();
        world.service.load_issue_floor().await.unwrap();
        let refused = world.me(&old).await;
        assert!(
            matches!(refused, Err(AuthenticateError::Revoked(_))),
            "{preset}: {refused:?}"
        );
        let inspected = world.service.inspect(old.access_token.expose_secret()).await.unwrap();
        assert!(matches!(inspected.revoked, Some(Ok(true))), "{preset}: {inspected:?}");
        assert_eq!(world.service.issues_from(), Some(noon() + seconds(1)));

        world.clock.advance(seconds(1));
        let new = world.log_in().await;
        assert_eq!(world.me(&new).await.unwrap().issued_at, noon() + seconds(1), "{preset}");
    }
}

#[tokio::test]
async fn logins_and_refreshes_wait_until_their_tokens_are_accepted() {
    tokio::time::pause();
    let (service, _, sessions, _) = service(config(Policy::blacklist()), Arc::new(Ticking(Instant::now())));
    service.sync_blacklist(10).await.unwrap();
    let password = Password::new(PASSWORD);
    service.sign_up("alice", &password).await.unwrap();
    let log_in = || service.log_in("alice", &password, ClientId::first_party(), Device::default());
    let first = log_in().await.unwrap();
    for (ahead, refreshes) in [(seconds(5), false), (seconds(18), true)] {
        let floor = service.now().unwrap() + ahead;
        sessions.raise_issue_floor(floor).await.unwrap();
        service.load_issue_floor().await.unwrap();
        let given = match refreshes {
            true => {
                let token = first.refresh.as_ref().unwrap().token.expose_secret();
                service.refresh(token, Device::default()).await.unwrap()
            }
            false => log_in().await.unwrap(),
        };
        assert!(
            given.claims.issued_at > floor && given.at < floor + seconds(2),
            "{given:?}"
        );
        service.authenticate(given.access_token.expose_secret()).await.unwrap();
    }
}

#[tokio::test]
async fn a_login_waits_20_seconds_for_the_floor_and_no_longer() {
    tokio::time::pause();
    for (ahead, waits) in [(19, true), (20, false)] {
        let (service, _, sessions, _) = service(config(Policy::blacklist()), Arc::new(Ticking(Instant::now())));
        service.sync_blacklist(10).await.unwrap();
        let password = Password::new(PASSWORD);
        service.sign_up("alice", &password).await.unwrap();
        // Tokens are issued from the next whole second on.
        sessions.raise_issue_floor(noon() + seconds(ahead)).await.unwrap();
        service.load_issue_floor().await.unwrap();
        assert_eq!(service.now().unwrap(), noon());
        assert_eq!(service.ready().await.is_ok(), waits, "{ahead}");
        let login = service.log_in("alice", &password, ClientId::first_party(), Device::default());
        assert_eq!(login.await.is_ok(), waits, "{ahead}");
    }
}

#[tokio::test]
async fn a_floor_far_in_the_future_is_unavailable_and_not_ready() {
    let world = World::new().await;
    let issued = world.log_in().await;
    let from = noon() + seconds(3601);
    world.sessions.raise_issue_floor(noon() + seconds(3600)).await.unwrap();
    world.service.load_issue_floor().await.unwrap();
    let Err(LoginError::Unavailable(refused)) = world.try_log_in(PASSWORD).await else {
        panic!("a login was answered");
    };
    assert!(is_floor(&refused, from), "{refused:?}");
    let Err(RefreshError::Unavailable(refused)) = world.refresh(&issued).await else {
        panic!("a refresh was answered");
    };
    assert!(is_floor(&refused, from), "{refused:?}");
    assert_eq!(world.service.ready().await.unwrap_err().reason(), "clock");
    // A logout still works: it needs no accepted token.
    world.log_out(&issued).await.unwrap();
    world.clock.set(from);
    world.service.ready().await.unwrap();
    world.log_in().await;
}

/// The same service started twice: the same keys and stores.
fn two_starts(policy: &Policy) -> (SessionService, SessionService, Arc<FaultySessions>) {
    let (first, _, sessions, _) = service(config(policy.clone()), Arc::new(ManualClock::at(noon())));
    let ports = first.ports().clone();
    let key = SigningKey::generate(Algorithm::EdDsa).unwrap().to_pkcs8_pem().unwrap();
    let start = || {
        let keys = Keys {
            ring: KeyRing::new(SigningKey::from_pkcs8_pem(key.expose_secret()).unwrap()),
            refresh: refresh_keys(2),
        };
        SessionService::new(config(policy.clone()), keys, ports.clone(), StdRng::seed_from_u64(1)).unwrap()
    };
    (start(), start(), sessions)
}

#[tokio::test]
async fn no_token_is_accepted_while_the_floor_is_unknown() {
    for policy in policies() {
        let preset = policy.preset;
        let (service, restarted, sessions) = two_starts(&policy);
        let password = Password::new(PASSWORD);
        service.sign_up("alice", &password).await.unwrap();
        let log_in = || service.log_in("alice", &password, ClientId::first_party(), Device::default());
        sessions.faults.set("store_clock", Fault::Fails);
        assert!(matches!(log_in().await, Err(LoginError::Unavailable(_))), "{preset}");
        sessions.faults.clear();
        let issued = log_in().await.unwrap();

        let token = issued.access_token.expose_secret();
        sessions.faults.set("store_clock", Fault::Fails);
        restarted.sync_blacklist(10).await.unwrap_err();
        let refused = restarted.authenticate(token).await;
        assert!(
            matches!(refused, Err(AuthenticateError::Unavailable(_))),
            "{preset}: {refused:?}"
        );
        sessions.faults.clear();
        restarted.sync_blacklist(10).await.unwrap();
        restarted.authenticate(token).await.unwrap();
    }
}

#[tokio::test]
async fn a_floor_raised_while_the_program_runs_takes_effect() {
    tokio::time::pause();
    let world = World::new().await;
    let issued = world.log_in().await;
    let service = world.service.clone();
    let maintenance = tokio::spawn(async move { service.run_maintenance(Maintenance::default()).await });
    tokio::time::sleep(seconds(3)).await;
    world.me(&issued).await.unwrap();
    world.sessions.raise_issue_floor(noon()).await.unwrap();
    tokio::time::sleep(seconds(2)).await;
    assert!(matches!(world.me(&issued).await, Err(AuthenticateError::Revoked(_))));
    // It is never lowered, whatever a store returns later.
    assert_eq!(world.service.issues_from(), Some(noon() + seconds(1)));
    maintenance.abort();
}

#[tokio::test]
async fn a_login_while_the_floor_is_raised_issues_no_refused_token() {
    let world = World::new().await;
    let clock: &ManualClock = &world.clock;
    let gate = Gate::new();
    world.sessions.faults.set("epoch", Fault::Waits(gate.clone()));
    let login = tokio::spawn({
        let world = world.clone();
        async move { world.try_log_in(PASSWORD).await }
    });
    gate.arrival().await;
    world.sessions.raise_issue_floor(clock.now().unwrap()).await.unwrap();
    world.service.load_issue_floor().await.unwrap();
    world.sessions.faults.clear();
    gate.let_go();
    let refused = login.await.unwrap();
    assert!(
        matches!(refused, Err(LoginError::Unavailable(Unavailable::Clock(_)))),
        "{refused:?}"
    );
}
