//! A Redis that lost everything is filled from the log: how long it takes, how far it is, and how many bytes an entry has.

use std::{fs, sync::Arc, time::Duration};

use rescind_session::{
    Config, Keys, NotReady, SessionService, SystemRandom,
    memory::MemoryBlacklist,
    ports::{Blacklist, RevocationStatus},
    token::{KeyRing, RefreshKey, RefreshKeys, SessionId, SigningKey, TokenId},
};
use rescind_store::{RedisSettings, SqlSettings, SqlStore, Stores};
use rescind_testkit::{PostgresServer, RedisServer, Tool, needs, rounds};
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use crate::stories::rng;

/// For a machine that compiles at the same time.
const PATIENCE: Duration = Duration::from_secs(600);

/// The goal for a million entries, in a build with optimisation.
const GOAL: Duration = Duration::from_secs(15);

/// A database whose log has so many ended sessions. Their ids are the numbers from 1.
async fn database(count: u32) -> String {
    let postgres = PostgresServer::shared().await;
    let url = postgres.fresh_database().await;
    let store = SqlStore::connect(&url, &SqlSettings::default()).await.unwrap();
    store.migrate_up().await.unwrap();
    postgres
        .sql_in(
            &url,
            &format!(
                "INSERT INTO rescind_revocations (position, scope_kind, scope_id, user_id, at, until, cause, protocol)
                 SELECT n, 'session', lpad(to_hex(n), 32, '0')::uuid, gen_random_uuid(), ms, ms + 3600000, 'logout', 1
                 FROM generate_series(1, {count}) n, (SELECT (extract(epoch FROM now()) * 1000)::bigint AS ms) clock;
                 UPDATE rescind_log_head SET last_position = {count}"
            ),
        )
        .await;
    url
}

fn service(stores: &Stores) -> SessionService {
    let keys = Keys {
        ring: KeyRing::new(SigningKey::from_hs256_secret("refilling", &[7; 32]).unwrap()),
        refresh: RefreshKeys::new(RefreshKey::generate(&mut rng(3)), Vec::new()).unwrap(),
    };
    let config = Config::new("https://rescind.test", "api").store_timeout(Duration::from_secs(20));
    SessionService::new(config, keys, stores.ports(), SystemRandom::new().unwrap()).unwrap()
}

async fn until_ready(service: &SessionService, mut see: impl FnMut(u64, u64)) {
    let ready = async {
        loop {
            match service.ready().await {
                Ok(()) => return,
                Err(NotReady::BlacklistRebuilding(Some(progress))) => {
                    see(progress.entries, progress.of_at_most.unwrap())
                }
                Err(_) => {}
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, ready).await.expect("it never gets ready");
}

async fn used_memory(redis: &RedisServer) -> u64 {
    redis.info("used_memory").await.parse().unwrap()
}

/// What this process has resident, in bytes.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or_default() * 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flushed_redis_is_refilled_and_readiness_shows_progress() {
    let (Some(_), Some(_)) = (needs(Tool::Postgres), needs(Tool::Redis)) else {
        return;
    };
    let count = rounds(20_000, 1_000_000);
    let (url, redis) = (database(count).await, RedisServer::start().await);
    let empty = used_memory(&redis).await;
    let patient = RedisSettings::default().timeout(Duration::from_secs(10));
    let stores = Stores::with_redis(&url, &SqlSettings::default(), &redis.url(), &patient)
        .await
        .unwrap();
    let service = service(&stores);
    let maintenance = stores.start(&service).await.unwrap();
    until_ready(&service, |_, _| {}).await;
    let bytes = (used_memory(&redis).await - empty) / u64::from(count);

    redis.flush_all().await;
    let flushed = Instant::now();
    while service.ready().await.is_ok() {}
    let mut seen = Vec::new();
    until_ready(&service, |entries, of| {
        assert_eq!(of, u64::from(count));
        seen.push(entries);
    })
    .await;
    let took = flushed.elapsed();
    println!("{count} entries: filled within {took:?}, {bytes} bytes an entry in Redis");
    assert!(
        seen.is_sorted() && seen.last() > Some(&0),
        "no progress was seen: {seen:?}"
    );
    assert!(cfg!(debug_assertions) || took < GOAL, "{took:?}");
    // The only other keys are the mark, the index and, once this node has renewed its row, the table of holders.
    let keys: u32 = redis.command(&["DBSIZE"]).await.trim().parse().unwrap();
    assert!((count + 2..=count + 3).contains(&keys), "{keys}");
    let blacklist = &service.ports().blacklist;
    let check = async |number: u32| {
        let session = SessionId::from_uuid(Uuid::from_u128(number.into()));
        blacklist.check(TokenId::from_uuid(Uuid::max()), session).await.unwrap()
    };
    for number in [1, 2, count / 2, count - 1, count] {
        assert!(matches!(check(number).await, RevocationStatus::Revoked(_)), "{number}");
    }
    assert_eq!(check(count + 1).await, RevocationStatus::NotRevoked);
    maintenance.abort();
    in_memory(&url, count).await;
}

/// The bytes of an entry in the memory of a node.
async fn in_memory(url: &str, count: u32) {
    let store = SqlStore::connect(url, &SqlSettings::default()).await.unwrap();
    let blacklist = Arc::new(MemoryBlacklist::new());
    let (before, began) = (resident(), Instant::now());
    let mut position = rescind_session::Position::START;
    use rescind_session::ports::{SessionStore, Tail};
    while let Tail::Entries(tail) = store.revocations_after(position, 4_000).await.unwrap() {
        let Some(last) = tail.last() else { break };
        position = last.position;
        blacklist.insert(&tail).await.unwrap();
    }
    let bytes = resident().saturating_sub(before) / u64::from(count);
    println!(
        "{count} entries: read and kept within {:?}, {bytes} bytes an entry in memory",
        began.elapsed()
    );
}
