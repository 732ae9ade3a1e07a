//! A database that an application has already: its tables, its schema, its user ids.

use std::error::Error;

use rescind_migrations::Migrator;
use rescind_session::{
    Config, Keys, Session, SessionService, SystemRandom,
    ports::{Epoch, Opened, SessionStore, StoreError},
    token::UserId,
};
use rescind_store::{SqlSettings, SqlStore, Stores};
use rescind_testkit::{PostgresServer, Tool, needs};
use sea_orm::{ConnectionTrait, Database, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, MigratorTrait, SchemaManager, async_trait};

use crate::{
    place::{Place, postgres, sqlite},
    stories::session,
};

async fn places() -> impl Iterator<Item = Place> {
    [Some(sqlite()), postgres().await].into_iter().flatten()
}

/// A session of a user whose id is a number.
async fn opened_by_42(store: &SqlStore) -> Session {
    let session = Session {
        user: UserId::from(42),
        ..session(1)
    };
    assert_eq!(store.open(&session, Epoch::FIRST).await.unwrap(), Opened::Opened);
    session
}

/// How many steps back user ids were UUIDs.
async fn steps_since_uuids(store: &SqlStore) -> u32 {
    let steps = store.migrate_status().await.unwrap();
    let later = steps.iter().skip_while(|step| !step.name.contains("text_user_ids"));
    later.count().try_into().unwrap()
}

/// The errors from the outermost to the cause.
fn chain(error: &StoreError) -> String {
    let causes = std::iter::successors(Some(error as &dyn Error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[tokio::test]
async fn user_ids_that_are_no_uuids_are_not_reverted_to_uuids() {
    for place in places().await {
        let store = place.store().await;
        let of_a_member = opened_by_42(&store).await;
        let refused = store.migrate_down(steps_since_uuids(&store).await).await.unwrap_err();
        assert!(
            chain(&refused).contains("rescind_sessions.user_id"),
            "{}",
            chain(&refused)
        );
        assert_eq!(store.list_open(&UserId::from(42)).await.unwrap(), [of_a_member]);
        assert!(store.is_current().await.unwrap());
    }
}

#[tokio::test]
async fn fresh_tables_are_made_whatever_the_user_ids_were() {
    for place in places().await {
        let store = place.store().await;
        opened_by_42(&store).await;
        store.migrate_fresh().await.unwrap();
        assert_eq!(store.list_open(&UserId::from(42)).await.unwrap(), []);
    }
}

#[tokio::test]
async fn uuids_survive_a_step_down_and_up_again() {
    for place in places().await {
        let store = place.store().await;
        let session = session(1);
        assert_eq!(store.open(&session, Epoch::FIRST).await.unwrap(), Opened::Opened);
        store.migrate_down(steps_since_uuids(&store).await).await.unwrap();
        store.migrate_up().await.unwrap();
        let found = SessionStore::find(&store, session.id).await.unwrap();
        // The step down to before `auth_time` loses it; the login's time takes its place.
        assert_eq!(found, Some(session));
    }
}

#[tokio::test]
async fn an_applications_own_tables_are_left_alone() {
    for place in places().await {
        let names = [
            "users",
            "sessions",
            "user_epochs",
            "revocations",
            "key_ring",
            "log_head",
            "database_lock",
        ];
        for name in names {
            let own = format!("CREATE TABLE {name} (id INTEGER); INSERT INTO {name} VALUES (1)");
            place.run(&own).await;
        }
        let store = place.store().await;
        assert_eq!(store.open(&session(1), Epoch::FIRST).await.unwrap(), Opened::Opened);
        store.migrate_down(u32::MAX).await.unwrap();
        for name in names {
            place.run(&format!("UPDATE {name} SET id = 2 WHERE id = 1")).await;
        }
    }
}

/// The application's migrator.
struct Own;

/// Its one step.
struct Members;

#[async_trait::async_trait]
impl MigratorTrait for Own {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(Members)]
    }
}

impl MigrationName for Members {
    fn name(&self) -> &str {
        "m20250101_000001_members"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Members {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let create = "CREATE TABLE members (id INTEGER)";
        manager.get_connection().execute_unprepared(create).await.map(drop)
    }
}

#[tokio::test]
async fn an_applications_own_migrator_runs_before_or_after_ours() {
    for ours_first in [true, false] {
        for place in places().await {
            let database = place.connection().await;
            // A later release of the application runs both again.
            for _ in 0..2 {
                if ours_first {
                    Migrator::up(&database, None).await.unwrap();
                }
                Own::up(&database, None).await.unwrap();
                if !ours_first {
                    Migrator::up(&database, None).await.unwrap();
                }
            }
            place.run("INSERT INTO members VALUES (42)").await;
            let stores = Stores::alone(&place.url, &SqlSettings::default()).await.unwrap();
            let mut rng = SystemRandom::new().unwrap();
            let keys = Keys::generate(&mut rng).unwrap();
            let config = Config::new("https://rescind.test", "api");
            let service = SessionService::new(config, keys, stores.ports(), rng).unwrap();
            stores.start(&service).await.unwrap().abort();
        }
    }
}

#[tokio::test]
async fn a_table_in_the_way_is_named() {
    for place in places().await {
        place.run("CREATE TABLE rescind_sessions (id INTEGER)").await;
        let refused = place.unmigrated().await.migrate_up().await.unwrap_err();
        assert!(chain(&refused).contains("rescind_sessions"), "{}", chain(&refused));
    }
}

#[tokio::test]
async fn all_tables_are_in_the_schema_of_the_search_path() {
    let Some(_) = needs(Tool::Postgres) else { return };
    let url = PostgresServer::shared().await.fresh_database().await;
    let admin = Database::connect(&url).await.unwrap();
    admin.execute_unprepared("CREATE SCHEMA login").await.unwrap();
    let settings = SqlSettings::default();
    let in_schema = format!("{url}?search_path=login");
    let store = SqlStore::connect(&in_schema, &settings).await.unwrap();
    store.migrate_up().await.unwrap();
    assert!(store.is_current().await.unwrap());
    assert_eq!(store.open(&session(1), Epoch::FIRST).await.unwrap(), Opened::Opened);
    let count = "SELECT count(*) FROM pg_tables WHERE tablename LIKE 'rescind%' AND schemaname = ";
    let count = async |schema: &str| {
        let rows = PostgresServer::shared()
            .await
            .sql_in(&url, &format!("{count}'{schema}'"))
            .await;
        rows.parse::<u32>().unwrap()
    };
    assert!(count("login").await >= 8);
    assert_eq!(count("public").await, 0);
}
