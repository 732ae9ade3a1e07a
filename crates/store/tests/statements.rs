//! The SQL statements of a login and of a refresh, counted by the database or by its driver. A test program of its own,
//! since a subscriber is for the whole process.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking")]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::Timestamp;
use rand::{SeedableRng, rngs::StdRng};
use rescind_session::{
    Config, Device, Keys, ManualClock, Password, Ports, SessionService, SystemRandom,
    memory::MemoryBlacklist,
    token::{ClientId, KeyRing, RefreshKey, RefreshKeys, SigningKey},
};
use rescind_store::{ChosenBlacklist, DatabaseLock, LockMode, SqlSettings, SqlStore, Stores};
use rescind_testkit::{PostgresServer, Tool, needs};
use tracing::{Subscriber, span};
use tracing_subscriber::{Layer, layer::Context, layer::SubscriberExt, util::SubscriberInitExt};

/// One test at a time: the subscriber sees both.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

const PASSWORD: &str = "the password of a test";

async fn service(url: &str) -> SessionService {
    let lock = DatabaseLock::claim(url, LockMode::Exclusive).await.unwrap();
    lock.settled().await;
    let settings = SqlSettings::default().max_connections(2);
    let store = SqlStore::connect(url, &settings).await.unwrap();
    store.migrate_up().await.unwrap();
    let blacklist = ChosenBlacklist::InProcess(Arc::new(MemoryBlacklist::new()));
    let ports = Ports {
        clock: Arc::new(ManualClock::at(Timestamp::UNIX_EPOCH)),
        ..Stores::new(store, Arc::new(lock), blacklist).ports()
    };
    let keys = Keys {
        ring: KeyRing::new(SigningKey::from_hs256_secret("statements", &[7; 32]).unwrap()),
        refresh: RefreshKeys::new(RefreshKey::generate(&mut StdRng::seed_from_u64(3)), Vec::new()).unwrap(),
    };
    let config = Config::new("https://rescind.test", "api").store_timeout(Duration::from_secs(60));
    let service = SessionService::new(config, keys, ports, SystemRandom::new().unwrap()).unwrap();
    let _ = service.sync_blacklist(100).await.unwrap();
    let _ = service.sign_up("alice", &Password::new(PASSWORD)).await.unwrap();
    service
}

/// What a login and then a refresh sent to the database.
async fn sent(service: &SessionService, sent: impl AsyncFn() -> Vec<String>) -> [Vec<String>; 2] {
    let _ = sent().await;
    let (password, client) = (Password::new(PASSWORD), ClientId::first_party());
    let issued = service
        .log_in("alice", &password, client, Device::default())
        .await
        .unwrap();
    let login = sent().await;
    let token = issued.refresh.unwrap().token;
    let _ = service.refresh(token.expose_secret(), Device::default()).await.unwrap();
    let refresh = sent().await;
    println!("login: {login:#?}\nrefresh: {refresh:#?}");
    [login, refresh]
}

fn count(sent: &[String], what: &str) -> usize {
    sent.iter().filter(|line| line.contains(what)).count()
}

#[tokio::test]
async fn a_refresh_is_two_statements_and_one_read_of_the_user_on_postgres() {
    let Some(_) = needs(Tool::Postgres) else { return };
    let _turn = TURN.lock().await;
    let server = PostgresServer::with(&["log_statement=all"]).await;
    let service = service(&server.fresh_database().await).await;
    let read = Mutex::new(0);
    let lines = async || {
        // The last one arrives after all earlier ones. A connection is given back in the background.
        for marker in ["SELECT 'marker one'", "SELECT 'marker two'"] {
            let before = count(&[server.logs()], marker);
            server.sql(marker).await;
            while server.logs().matches(marker).count() <= before {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let log = server.logs();
        let mut read = read.lock().unwrap();
        let new: Vec<String> = log
            .lines()
            .skip(*read)
            .filter(|line| line.contains("LOG:  execute ") || line.contains("LOG:  statement: "))
            // Not those of the lock, and of this test.
            .filter(|line| {
                let ours = [r#" "rescind_"#, "BEGIN", "COMMIT", "ROLLBACK", "statement_timestamp"];
                ours.iter().any(|ours| line.contains(ours))
            })
            .map(str::to_owned)
            .collect();
        *read = log.lines().count();
        new
    };
    let [login, refresh] = sent(&service, lines).await;
    assert_eq!(refresh.len(), 3, "{refresh:#?}");
    assert_eq!(count(&refresh, "SELECT"), 2, "{refresh:#?}");
    assert_eq!(count(&refresh, "LIMIT"), 0, "{refresh:#?}");
    assert_eq!(count(&refresh, r#"FROM "rescind_users""#), 1, "{refresh:#?}");
    assert_eq!(count(&refresh, r#"UPDATE "rescind_sessions""#), 1, "{refresh:#?}");
    assert_eq!(count(&login, r#"FROM "rescind_users""#), 2, "{login:#?}");
    assert_eq!(count(&login, "COMMIT"), 1, "{login:#?}");
    assert_eq!(login.len(), 8, "{login:#?}");
}

/// Notes what sea-orm does.
#[derive(Clone, Default)]
struct Driver(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber> Layer<S> for Driver {
    fn on_new_span(&self, span: &span::Attributes<'_>, _: &span::Id, _: Context<'_, S>) {
        let metadata = span.metadata();
        let (target, name) = (metadata.target(), metadata.name());
        if target.starts_with("sea_orm::driver") || target == "sea_orm::database::transaction" {
            self.0.lock().unwrap().push(name.to_owned());
        }
    }
}

#[tokio::test]
async fn a_refresh_is_two_statements_and_one_read_of_the_user_on_sqlite() {
    let _turn = TURN.lock().await;
    let driver = Driver::default();
    tracing_subscriber::registry().with(driver.clone()).init();
    let directory = tempfile::tempdir().unwrap();
    let service = service(&format!("sqlite:{}?mode=rwc", directory.path().join("a.db").display())).await;
    let lines = async || std::mem::take(&mut *driver.0.lock().unwrap());
    let [login, refresh] = sent(&service, lines).await;
    // Not `query_one`: its `LIMIT ?` is parsed each time.
    assert_eq!(refresh, ["query_all", "query_all", "execute"]);
    assert_eq!(count(&login, "query") + count(&login, "exec"), 6, "{login:#?}");
    assert_eq!(count(&login, "commit"), 1, "{login:#?}");
}
