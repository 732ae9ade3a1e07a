//! Renames the tables of a database from before they were called `rescind_…`.
//!
//! The steps before this one once created `users`, `sessions` and so on, names that an application has itself. They
//! create the new names now, so a new database has nothing to rename, and reverting this step renames nothing.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

const TABLES: [&str; 7] = [
    "users",
    "sessions",
    "user_epochs",
    "revocations",
    "log_head",
    "key_ring",
    "database_lock",
];

/// The indexes of SQLite, which cannot rename one: they are dropped and created again.
const SQLITE_INDEXES: [(&str, &str); 6] = [
    (
        "sessions_open_by_user",
        "rescind_sessions (user_id, created_at, id) WHERE closed_at IS NULL",
    ),
    ("sessions_by_end", "rescind_sessions (expires_at)"),
    ("sessions_by_last_seen", "rescind_sessions (last_seen_at)"),
    ("revocations_by_scope", "rescind_revocations (scope_kind, scope_id)"),
    ("revocations_by_user", "rescind_revocations (user_id)"),
    ("revocations_by_end", "rescind_revocations (until)"),
];

/// On Postgres the names of constraints and indexes follow those of the tables.
const POSTGRES_NAMES: &str = "
    DO $$ DECLARE old record; BEGIN
        FOR old IN SELECT conname, conrelid::regclass AS relation FROM pg_constraint JOIN pg_class c ON c.oid = conrelid
            WHERE c.relnamespace = quote_ident(current_schema())::regnamespace AND c.relname LIKE 'rescind\\_%' AND contype <> 'n'
            AND c.relname <> 'rescind_migrations' AND conname NOT LIKE 'rescind\\_%'
        LOOP
            EXECUTE format('ALTER TABLE %s RENAME CONSTRAINT %I TO %I', old.relation, old.conname, 'rescind_' || old.conname);
        END LOOP;
        FOR old IN SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()
            AND tablename LIKE 'rescind\\_%' AND tablename <> 'rescind_migrations' AND indexname NOT LIKE 'rescind\\_%'
        LOOP
            EXECUTE format('ALTER INDEX %I RENAME TO %I', old.indexname, 'rescind_' || old.indexname);
        END LOOP;
    END $$";

pub(crate) async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    if manager.has_table("rescind_log_head").await? {
        return Ok(());
    }
    for table in TABLES {
        if manager.has_table(table).await? {
            let to = format!("rescind_{table}");
            manager
                .rename_table(Table::rename().table(table, to).to_owned())
                .await?;
        }
    }
    let connection = manager.get_connection();
    if manager.get_database_backend() == DbBackend::Postgres {
        connection.execute_unprepared(POSTGRES_NAMES).await?;
        return Ok(());
    }
    for (index, on) in SQLITE_INDEXES {
        let unique = if index == "revocations_by_scope" { "UNIQUE " } else { "" };
        let renamed = format!("DROP INDEX {index}; CREATE {unique}INDEX rescind_{index} ON {on}");
        connection.execute_unprepared(&renamed).await?;
    }
    Ok(())
}

pub(crate) async fn down(_manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    Ok(())
}
