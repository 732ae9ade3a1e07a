//! Makes the revoking statement of releases fail that do not wait for the holders of a copy.
//!
//! A node that answers from its own copy relies on every revoker: see `docs/replicated.md`. So each entry of the log
//! says by which protocol it was appended. The column has no default that an INSERT may use. An older release, which
//! does not know the column, can still read the log and check tokens, and its logouts fail until it is replaced.

use sea_orm_migration::{prelude::*, schema::*, sea_orm::DbBackend};

use crate::change::{add_column, drop_column};

const TABLE: &str = "rescind_revocations";

/// SQLite cannot drop the default of a column, and needs one to add it.
const SQLITE_TRIGGER: &str = "CREATE TRIGGER rescind_revocations_protocol BEFORE INSERT ON rescind_revocations
    WHEN NEW.protocol = 0 BEGIN SELECT RAISE(ABORT, 'this release is too old to revoke on this database'); END";

pub(crate) async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    add_column(manager, TABLE, big_integer("protocol").default(0).to_owned()).await?;
    let refuse = match manager.get_database_backend() {
        DbBackend::Postgres => "ALTER TABLE rescind_revocations ALTER COLUMN protocol DROP DEFAULT",
        _ => SQLITE_TRIGGER,
    };
    manager.get_connection().execute_unprepared(refuse).await?;
    Ok(())
}

pub(crate) async fn down(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    if manager.get_database_backend() != DbBackend::Postgres {
        let drop = "DROP TRIGGER rescind_revocations_protocol";
        manager.get_connection().execute_unprepared(drop).await?;
    }
    drop_column(manager, TABLE, "protocol").await
}
