//! The bounds of settings, names and stored values: each on both sides.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{net::IpAddr, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use rand::{SeedableRng, rngs::StdRng};
use rescind_session::{
    Config, ConfigError, Device, EndReason, HashingSettings, InvalidUsername, Keys, LogId, MARGIN, ManualClock, Policy,
    PolicyError, Ports, Position, RefreshState, Session, SessionService, SessionState, Username,
    memory::{MemoryBlacklist, MemorySessions, MemoryUsers},
    network_of,
    ports::Blacklist,
    token::{Algorithm, ClientId, Generation, KeyRing, RefreshKey, RefreshKeys, Salt, SessionId, SigningKey, UserId},
};
use uuid::Uuid;

const TICK: Duration = Duration::from_nanos(1);

fn noon() -> Timestamp {
    "2026-01-01T12:00:00Z".parse().unwrap()
}

/// The result of creating a service with the usual settings after this change.
fn fault(change: impl FnOnce(&mut Config)) -> Option<ConfigError> {
    let mut config = Config::new("https://rescind.example", "rescind-api");
    (config.hashing.memory_kib, config.hashing.iterations) = (64, 1);
    change(&mut config);
    let mut rng = StdRng::seed_from_u64(1);
    let keys = Keys {
        ring: KeyRing::new(SigningKey::generate(Algorithm::EdDsa).unwrap()),
        refresh: RefreshKeys::new(RefreshKey::generate(&mut rng), Vec::new()).unwrap(),
    };
    let ports = Ports {
        users: Arc::new(MemoryUsers::new()),
        sessions: Arc::new(MemorySessions::new()),
        blacklist: Arc::new(MemoryBlacklist::new()),
        clock: Arc::new(ManualClock::at(noon())),
    };
    SessionService::new(config, keys, ports, rng).err()
}

#[test]
fn settings_are_accepted_at_their_bounds_and_refused_beyond() {
    assert_eq!(fault(|_| ()), None);
    assert_eq!(fault(|config| config.leeway = MARGIN), None);
    assert_eq!(fault(|config| config.leeway = MARGIN + TICK), Some(ConfigError::Leeway));
    assert_eq!(fault(|config| config.issuer.clear()), Some(ConfigError::EmptyName));
    assert_eq!(fault(|config| config.audience.clear()), Some(ConfigError::EmptyName));
    assert_eq!(fault(|config| config.store_timeout = TICK), None);
    assert_eq!(
        fault(|config| config.store_timeout = Duration::ZERO),
        Some(ConfigError::StoreTimeout)
    );
    let longest = Config::LONGEST_STORE_TIMEOUT;
    assert_eq!(longest, Duration::from_secs(3_600));
    assert_eq!(fault(|config| config.store_timeout = longest), None);
    assert_eq!(
        fault(|config| config.store_timeout = longest + TICK),
        Some(ConfigError::StoreTimeout)
    );
    assert_eq!(fault(|config| config.hashing.at_once = 1), None);
    assert_eq!(fault(|config| config.hashing.at_once = 0), Some(ConfigError::Hashing));
    assert_eq!(
        fault(|config| config.hashing.iterations = 0),
        Some(ConfigError::Hashing)
    );
    let policy = Policy {
        access_ttl: Duration::ZERO,
        ..Policy::blacklist()
    };
    assert_eq!(
        fault(|config| config.policy = policy),
        Some(ConfigError::Policy(PolicyError::AccessTtl))
    );
}

#[test]
fn the_defaults_are_what_the_docs_say() {
    let config = Config::new("https://rescind.example", "rescind-api");
    assert_eq!(
        (config.leeway, config.store_timeout),
        (Duration::ZERO, Duration::from_millis(500))
    );
    assert_eq!(config.policy, Policy::blacklist());
    assert_eq!(MARGIN, Duration::from_secs(5 * 60));
    let HashingSettings {
        memory_kib,
        iterations,
        at_once,
        ..
    } = config.hashing;
    assert_eq!((memory_kib, iterations, at_once), (19 * 1024, 2, 2));
}

#[test]
fn a_name_has_1_to_320_characters() {
    for length in [1, 320] {
        assert_eq!(Username::parse(&"a".repeat(length)).unwrap().as_str().len(), length);
    }
    for length in [0, 321] {
        assert_eq!(Username::parse(&"a".repeat(length)), Err(InvalidUsername));
    }
    assert_eq!(Username::parse("Ann").unwrap().to_string(), "ann");
}

#[test]
fn a_user_agent_is_cut_to_256_characters() {
    assert_eq!(Device::USER_AGENT_MAX, 256);
    for (sent, kept) in [(0, 0), (255, 255), (256, 256), (257, 256), (9_999, 256)] {
        let device = Device::new(Some(&"ä".repeat(sent)), None);
        assert_eq!(device.user_agent.unwrap().chars().count(), kept);
    }
}

#[test]
fn an_ipv4_address_is_one_client_and_so_is_an_ipv6_network_of_64_bits() {
    for (address, network) in [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:3::", "2001:db8:1:3::"),
        ("::1", "::"),
    ] {
        let network: IpAddr = network.parse().unwrap();
        assert_eq!(network_of(address.parse().unwrap()), network, "{address}");
    }
}

#[test]
fn a_log_id_round_trips_as_the_stored_number() {
    let number = Uuid::from_u128(7);
    assert_eq!(LogId::from_uuid(number).as_uuid(), number);
}

#[test]
fn a_blacklist_in_memory_belongs_to_one_node() {
    assert!(!MemoryBlacklist::new().is_shared());
}

#[test]
fn positions_count_from_the_start_and_stay_at_the_end() {
    assert_eq!(Position::START.get(), 0);
    assert_eq!(Position::START.next(), Position::new(1));
    assert_eq!(Position::new(u64::MAX).next(), Position::new(u64::MAX));
}

#[test]
fn a_session_expires_at_the_first_instant_of_its_end() {
    let minutes = SignedDuration::from_mins;
    let mut session = Session {
        id: SessionId::new(noon(), &mut StdRng::seed_from_u64(1)),
        user: UserId::generate(noon(), &mut StdRng::seed_from_u64(2)),
        client_id: ClientId::first_party(),
        created_at: noon(),
        auth_time: noon(),
        last_seen_at: noon(),
        expires_at: noon() + minutes(20),
        access_until: noon() + minutes(5),
        refresh: Some(RefreshState {
            generation: Generation::from(3),
            salt: Salt::from_bytes([0; 32]),
            idle_until: noon() + minutes(10),
            grace_until: None,
        }),
        state: SessionState::Open,
        reuse_noticed_at: None,
        status_index: None,
        device: Device::default(),
    };
    let assert_ends = |session: &Session, end: Timestamp| {
        let before = end - SignedDuration::from_nanos(1);
        assert_eq!(session.ends_at(), end);
        assert_eq!((session.is_expired(before), session.is_expired(end)), (false, true));
        assert_eq!((session.is_live(before), session.is_live(end)), (true, false));
    };
    assert_ends(&session, noon() + minutes(10));
    assert_eq!(session.generation(), Generation::from(3));
    session.refresh.as_mut().unwrap().idle_until = noon() + minutes(30);
    assert_ends(&session, noon() + minutes(20));
    session.refresh = None;
    assert_ends(&session, noon() + minutes(20));
    assert_eq!(session.generation(), Generation::FIRST);
    session.state = SessionState::Closed {
        at: noon(),
        cause: EndReason::Logout,
    };
    assert!(!session.is_live(noon()));
}
