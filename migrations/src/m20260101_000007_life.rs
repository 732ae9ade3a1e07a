//! The life in force, and an id for each entry of the log.
//!
//! The life identifies the server whose copy of the log counts; its generation grows each time that another life is
//! set. The id distinguishes an entry from one that got the same position after commits were lost. SQLite loses no
//! commits and stores no ids.

use sea_orm_migration::{prelude::*, schema::*, sea_orm::DbBackend};

use crate::change::{add_column, drop_column};

pub(crate) async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let columns = [
        string_null("life"),
        big_integer("life_generation").default(0).to_owned(),
    ];
    for column in columns {
        add_column(manager, "rescind_log_head", column).await?;
    }
    let mut entry_id = uuid_null("entry_id");
    if manager.get_database_backend() == DbBackend::Postgres {
        entry_id.default(Expr::cust("gen_random_uuid()"));
    }
    add_column(manager, "rescind_revocations", entry_id).await
}

pub(crate) async fn down(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    for (table, column) in [
        ("rescind_revocations", "entry_id"),
        ("rescind_log_head", "life_generation"),
        ("rescind_log_head", "life"),
    ] {
        drop_column(manager, table, column).await?;
    }
    Ok(())
}
