//! User ids become text: they are the application's own, and need not be UUIDs.
//!
//! SQLite stores a value of any type in a column, so there only the values change.

use sea_orm_migration::{
    prelude::*,
    sea_orm::{DbBackend, Statement},
};

const COLUMNS: [(&str, &str); 4] = [
    ("rescind_users", "id"),
    ("rescind_sessions", "user_id"),
    ("rescind_user_epochs", "user_id"),
    ("rescind_revocations", "user_id"),
];

pub(crate) async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    for (table, column) in COLUMNS {
        let change = match manager.get_database_backend() {
            DbBackend::Postgres => {
                format!("ALTER TABLE {table} ALTER COLUMN {column} TYPE varchar USING {column}::varchar")
            }
            _ => {
                let part = |from: u8, length: u8| format!("substr(hex({column}), {from}, {length})");
                let parts = [part(1, 8), part(9, 4), part(13, 4), part(17, 4), part(21, 12)].join(" || '-' || ");
                format!("UPDATE {table} SET {column} = lower({parts}) WHERE typeof({column}) = 'blob'")
            }
        };
        manager.get_connection().execute_unprepared(&change).await?;
    }
    Ok(())
}

/// Refuses ids that are not UUIDs: nothing is changed then.
pub(crate) async fn down(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let (connection, backend) = (manager.get_connection(), manager.get_database_backend());
    for (table, column) in COLUMNS {
        let (is_uuid, change) = match backend {
            DbBackend::Postgres => (
                format!("{column} ~ '^[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}$'"),
                format!("ALTER TABLE {table} ALTER COLUMN {column} TYPE uuid USING {column}::uuid"),
            ),
            _ => (
                format!(
                    "length({column}) = 36 AND length(unhex({column}, '-')) = 16 AND {column} LIKE '________-____-____-____-____________'"
                ),
                format!("UPDATE {table} SET {column} = unhex({column}, '-')"),
            ),
        };
        let others = format!("SELECT 1 FROM {table} WHERE NOT coalesce({is_uuid}, false) LIMIT 1");
        let others = Statement::from_string(backend, others);
        if connection.query_one_raw(others).await?.is_some() {
            return Err(DbErr::Migration(format!(
                "{table}.{column} has ids that are not UUIDs; an older schema cannot store them"
            )));
        }
        connection.execute_unprepared(&change).await?;
    }
    Ok(())
}
