//! A service gets only stores that are safe together.

use std::sync::Arc;

use rand::{SeedableRng, rngs::StdRng};
use rescind_session::{
    AnchoredClock, AuthenticateError, Config, ConfigError, Device, Keys, LogoutCredential, Password, Ports,
    SessionService, SystemClock, SystemRandom,
    memory::{MemoryBlacklist, MemorySessions},
    ports::{Blacklist, SessionStore},
    token::{ClientId, KeyRing, RefreshKey, RefreshKeys, SigningKey},
};
use rescind_store::{
    ChosenBlacklist, DatabaseLock, DatabaseLockError, LockMode, LockedBlacklist, RedisBlacklist, RedisSettings,
    SqlSettings, SqlStore, Stores, StoresError,
};
use rescind_testkit::{PostgresServer, RedisServer, Tool, needs};

use crate::patience::DEADLINE;

/// The same keys each time.
fn keys() -> Keys {
    let refresh = RefreshKey::generate(&mut StdRng::seed_from_u64(12));
    Keys {
        ring: KeyRing::new(SigningKey::from_hs256_secret("wiring", &[7; 32]).unwrap()),
        refresh: RefreshKeys::new(refresh, Vec::new()).unwrap(),
    }
}

fn service(ports: Ports) -> Result<SessionService, ConfigError> {
    // For a machine that compiles at the same time.
    let config = Config::new("https://rescind.test", "api").store_timeout(DEADLINE);
    SessionService::new(config, keys(), ports, SystemRandom::new().unwrap())
}

async fn started(stores: &Stores) -> SessionService {
    let service = service(stores.ports()).unwrap();
    drop(stores.start(&service).await.unwrap());
    service
}

async fn alone(url: &str) -> Result<Stores, StoresError> {
    Stores::alone(url, &SqlSettings::default()).await
}

#[track_caller]
fn assert_in_use(opened: Result<Stores, StoresError>) {
    match opened.map(drop) {
        Err(StoresError::Lock(DatabaseLockError::InUse { .. })) => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_shared_database_and_a_blacklist_without_a_lock_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", directory.path().join("rescind.db").display());
    let lock_of = async |lock_mode| Arc::new(DatabaseLock::claim(&url, lock_mode).await.unwrap());
    let shared_lock = lock_of(LockMode::Shared).await;
    let database = Arc::new(SqlStore::connect(&url, &SqlSettings::default()).await.unwrap());
    let of_redis = || RedisBlacklist::unconnected("redis://127.0.0.1:1", &RedisSettings::default()).unwrap();
    let ports = |sessions: Arc<dyn SessionStore>, blacklist: Arc<dyn Blacklist>| Ports {
        users: database.clone(),
        sessions,
        blacklist,
        clock: Arc::new(AnchoredClock::new(Arc::new(SystemClock::new()))),
    };
    let in_process = || Arc::new(MemoryBlacklist::new());
    let behind = |blacklist: Arc<dyn Blacklist>, lock: &Arc<DatabaseLock>| {
        Arc::new(LockedBlacklist::new(blacklist, lock.clone()))
    };

    let in_memory = service(ports(Arc::new(MemorySessions::new()), in_process()));
    let in_memory = in_memory.expect("no other node can reach these sessions");
    let assert_wired = |blacklist, expected| {
        let ports = ports(database.clone(), blacklist);
        assert_eq!(in_memory.with_ports(ports.clone()).map(drop), expected);
        assert_eq!(service(ports).map(drop), expected);
    };
    for (blacklist, expected) in [
        (in_process() as Arc<dyn Blacklist>, Err(ConfigError::Blacklist)),
        (Arc::new(of_redis()), Err(ConfigError::Blacklist)),
        (behind(in_process(), &shared_lock), Err(ConfigError::Blacklist)),
        (behind(Arc::new(of_redis()), &shared_lock), Ok(())),
    ] {
        assert_wired(blacklist, expected);
    }
    drop(shared_lock);
    let exclusive_lock = lock_of(LockMode::Exclusive).await;
    assert_wired(behind(in_process(), &exclusive_lock), Ok(()));
}

#[tokio::test]
async fn of_two_nodes_on_one_postgres_without_redis_the_second_is_refused() {
    let Some(_) = needs(Tool::Postgres) else { return };
    let url = PostgresServer::shared().await.fresh_database().await;
    let first = alone(&url).await.unwrap();
    first.database().migrate_up().await.unwrap();
    let node = started(&first).await;
    assert_in_use(alone(&url).await);

    let password = Password::new("correct horse battery staple");
    node.sign_up("alice", &password).await.unwrap();
    let issued = node
        .log_in("alice", &password, ClientId::first_party(), Device::default())
        .await
        .unwrap();
    let token = issued.access_token.expose_secret();
    node.authenticate(token).await.unwrap();
    let credential = LogoutCredential {
        access: Some(token),
        refresh: None,
    };
    node.log_out(credential).await.unwrap();
    assert_in_use(alone(&url).await);

    first.database().close_connections().await.unwrap();
    drop((first, node));
    // The maintenance of the first node runs on, and holds the lock.
    assert_in_use(alone(&url).await);
}

#[tokio::test]
async fn a_node_with_redis_and_one_without_exclude_each_other() {
    let (Some(_), Some(_)) = (needs(Tool::Postgres), needs(Tool::Redis)) else {
        return;
    };
    let (url, redis) = (
        PostgresServer::shared().await.fresh_database().await,
        RedisServer::start().await,
    );
    let with_redis =
        async || Stores::with_redis(&url, &SqlSettings::default(), &redis.url(), &RedisSettings::default()).await;
    let one = with_redis().await.unwrap();
    one.database().migrate_up().await.unwrap();
    let (one, other) = (started(&one).await, started(&with_redis().await.unwrap()).await);
    assert_in_use(alone(&url).await);

    let password = Password::new("correct horse battery staple");
    one.sign_up("alice", &password).await.unwrap();
    let issued = one
        .log_in("alice", &password, ClientId::first_party(), Device::default())
        .await
        .unwrap();
    let token = issued.access_token.expose_secret();
    other.authenticate(token).await.unwrap();
    let credential = LogoutCredential {
        access: Some(token),
        refresh: None,
    };
    one.log_out(credential).await.unwrap();
    let refused = other.authenticate(token).await;
    assert!(matches!(refused, Err(AuthenticateError::Revoked { .. })), "{refused:?}");
}

#[tokio::test]
async fn stores_are_started_only_with_their_schema_and_their_keys() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", directory.path().join("rescind.db").display());
    let stores = alone(&url).await.unwrap();
    let own = ChosenBlacklist::Own(Arc::new(MemoryBlacklist::new()), LockMode::Exclusive);
    assert_eq!(own.lock_mode(), LockMode::Exclusive);
    let node = service(stores.ports()).unwrap();
    assert!(matches!(stores.start(&node).await, Err(StoresError::Schema)));

    stores.database().migrate_up().await.unwrap();
    let _ = stores.database().claim_fingerprint("another", None).await.unwrap();
    assert!(matches!(stores.start(&node).await, Err(StoresError::ForeignKeys)));
}
