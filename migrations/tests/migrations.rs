//! The steps up and down, and the schema that they make.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use rescind_migrations::{Migrator, MigratorTrait};
use sea_orm_migration::sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, Statement};

async fn empty_database() -> DatabaseConnection {
    // One connection: each connection to `:memory:` would be a database of its own.
    let mut options = ConnectOptions::new("sqlite::memory:");
    options.max_connections(1).sqlx_logging(false);
    Database::connect(options).await.unwrap()
}

/// Every table and index as SQLite keeps it, by name, the history's own table left out.
async fn schema(database: &DatabaseConnection) -> String {
    let rows = database
        .query_all_raw(Statement::from_string(
            database.get_database_backend(),
            "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name <> 'rescind_migrations' ORDER BY tbl_name, type DESC, name",
        ))
        .await
        .unwrap();
    let statements: Vec<String> = rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
    let laid_out = |statement: &String| match statement.starts_with("CREATE TABLE") {
        true => statement.replace(", \"", ",\n  \"").replace(", CHECK", ",\n  CHECK"),
        false => statement.clone(),
    };
    statements.iter().map(laid_out).collect::<Vec<_>>().join(";\n")
}

#[tokio::test]
async fn up_makes_the_schema_that_is_written_down() {
    let database = empty_database().await;
    Migrator::up(&database, None).await.unwrap();
    let made = schema(&database).await;
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("schema", made);
    });
}

#[tokio::test]
async fn down_leaves_nothing_and_up_again_makes_the_same() {
    let database = empty_database().await;
    Migrator::up(&database, None).await.unwrap();
    let first = schema(&database).await;
    Migrator::down(&database, None).await.unwrap();
    assert_eq!(schema(&database).await, "");
    Migrator::up(&database, None).await.unwrap();
    assert_eq!(schema(&database).await, first);
}

#[tokio::test]
async fn each_step_can_be_taken_back_by_itself() {
    let database = empty_database().await;
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

#[tokio::test]
async fn up_on_a_current_schema_changes_nothing() {
    let database = empty_database().await;
    Migrator::up(&database, None).await.unwrap();
    let before = schema(&database).await;
    Migrator::up(&database, None).await.unwrap();
    assert_eq!(schema(&database).await, before);
    assert!(
        Migrator::get_pending_migrations_read_only(&database)
            .await
            .unwrap()
            .is_empty()
    );
}
