//! The steps up and down, and the schema that they make.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use rescind_migrations::{Migrator, MigratorTrait};
use rescind_testkit::{PostgresServer, Tool, needs};
use sea_orm_migration::sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement};

/// An empty database of each kind; only SQLite if there is no Postgres, after printing that.
async fn empty_databases() -> Vec<DatabaseConnection> {
    let mut urls = vec!["sqlite::memory:".to_owned()];
    if needs(Tool::Postgres).is_some() {
        urls.push(PostgresServer::shared().await.fresh_database().await);
    }
    let mut databases = Vec::new();
    for url in urls {
        // One connection: each connection to `:memory:` would be a database of its own.
        let mut options = ConnectOptions::new(url);
        options.max_connections(1).sqlx_logging(false);
        databases.push(Database::connect(options).await.unwrap());
    }
    databases
}

/// Every table and index as SQLite stores it, by name, without the history's own table.
const OF_SQLITE: &str = "SELECT sql FROM sqlite_master
    WHERE sql IS NOT NULL AND name <> 'rescind_migrations' ORDER BY tbl_name, type DESC, name";

/// The same, composed from the catalogue of Postgres.
const OF_POSTGRES: &str = "
    WITH described (relation, rank, place, said) AS (
        SELECT c.relname, 0, '', 'CREATE TABLE ' || c.relname FROM pg_class c WHERE c.relkind = 'r'
            AND c.relnamespace = current_schema()::regnamespace
        UNION ALL
        SELECT table_name, 1, lpad(ordinal_position::text, 3, '0'),
            '  ' || column_name || ' ' || data_type || CASE is_nullable WHEN 'NO' THEN ' NOT NULL' ELSE '' END
            FROM information_schema.columns WHERE table_schema = current_schema()
        UNION ALL
        SELECT conrelid::regclass::text, 2, conname, '  ' || conname || ' ' || pg_get_constraintdef(oid)
            FROM pg_constraint WHERE connamespace = current_schema()::regnamespace AND contype <> 'n'
        UNION ALL
        SELECT tablename, 3, indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()
    )
    SELECT said FROM described WHERE relation <> 'rescind_migrations' ORDER BY relation, rank, place COLLATE \"C\"";

async fn schema(database: &DatabaseConnection) -> String {
    let backend = database.get_database_backend();
    let ask = match backend {
        DbBackend::Postgres => OF_POSTGRES,
        _ => OF_SQLITE,
    };
    let rows = database
        .query_all_raw(Statement::from_string(backend, ask))
        .await
        .unwrap();
    let statements: Vec<String> = rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
    if backend == DbBackend::Postgres {
        return statements.join("\n").replace("public.", "");
    }
    let laid_out = |statement: &String| match statement.starts_with("CREATE TABLE") {
        true => statement.replace(", \"", ",\n  \"").replace(", CHECK", ",\n  CHECK"),
        false => statement.clone(),
    };
    statements.iter().map(laid_out).collect::<Vec<_>>().join(";\n")
}

#[tokio::test]
async fn migrate_up_creates_the_documented_schema() {
    for database in empty_databases().await {
        Migrator::up(&database, None).await.unwrap();
        let made = schema(&database).await;
        let written = match database.get_database_backend() {
            DbBackend::Postgres => "schema_postgres",
            _ => "schema",
        };
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(written, made);
        });
    }
}

#[tokio::test]
async fn migrate_down_removes_all_and_up_restores_the_same_schema() {
    for database in empty_databases().await {
        Migrator::up(&database, None).await.unwrap();
        let first = schema(&database).await;
        Migrator::down(&database, None).await.unwrap();
        assert_eq!(schema(&database).await, "");
        Migrator::up(&database, None).await.unwrap();
        assert_eq!(schema(&database).await, first);
    }
}

#[tokio::test]
async fn each_step_can_be_reverted_alone() {
    for database in empty_databases().await {
        let mut heights = Vec::new();
        for _ in Migrator::migrations() {
            heights.push(schema(&database).await);
            Migrator::up(&database, Some(1)).await.unwrap();
        }
        while let Some(below) = heights.pop() {
            Migrator::down(&database, Some(1)).await.unwrap();
            assert_eq!(schema(&database).await, below);
        }
    }
}

#[tokio::test]
async fn migrate_up_on_a_current_schema_makes_no_change() {
    for database in empty_databases().await {
        Migrator::up(&database, None).await.unwrap();
        let before = schema(&database).await;
        Migrator::up(&database, None).await.unwrap();
        assert_eq!(schema(&database).await, before);
        let pending = Migrator::get_pending_migrations_read_only(&database).await.unwrap();
        assert!(pending.is_empty());
    }
}

/// A node that answers from its own copy relies on every revoker to wait for it.
#[tokio::test]
async fn the_revoking_statement_of_an_older_release_fails() {
    for database in empty_databases().await {
        Migrator::up(&database, None).await.unwrap();
        let id = "'00000000-0000-0000-0000-000000000001'";
        let insert = |columns: &str, values: &str| {
            format!(
                "INSERT INTO rescind_revocations (position, scope_kind, scope_id, user_id, at, until, cause{columns})
                 VALUES (1, 'session', {id}, {id}, 1, 2, 'logout'{values})"
            )
        };
        assert!(database.execute_unprepared(&insert("", "")).await.is_err());
        database.execute_unprepared(&insert(", protocol", ", 1")).await.unwrap();
    }
}

/// Not only its rows are moved: names of indexes and constraints too.
#[tokio::test]
async fn a_database_of_the_first_release_gets_the_same_schema() {
    let first_release = Path::new(env!("CARGO_MANIFEST_DIR")).join("../web/tests/story/first_release");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("rescind.db");
    std::fs::copy(first_release.join("sqlite/rescind.db"), &file).unwrap();
    let mut urls = vec![format!("sqlite:{}", file.display())];
    if needs(Tool::Postgres).is_some() {
        let postgres = PostgresServer::shared().await;
        let url = postgres.fresh_database().await;
        let dump = std::fs::read_to_string(first_release.join("postgres/dump.sql")).unwrap();
        postgres.sql_in(&url, &dump).await;
        urls.push(url);
    }
    for (url, new) in urls.into_iter().zip(empty_databases().await) {
        let mut options = ConnectOptions::new(url);
        options.max_connections(1).sqlx_logging(false);
        let moved = Database::connect(options).await.unwrap();
        Migrator::up(&moved, None).await.unwrap();
        Migrator::up(&new, None).await.unwrap();
        assert_eq!(comparable(&schema(&moved).await), comparable(&schema(&new).await));
    }
}

/// SQLite writes a renamed table's name in quotes.
fn comparable(schema: &str) -> Vec<String> {
    let mut lines: Vec<_> = schema.replace('"', "").lines().map(str::to_owned).collect();
    lines.sort();
    lines
}
