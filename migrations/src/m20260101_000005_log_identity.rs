//! The identity of the revocation log.
//!
//! A copy of the log in Redis must not be taken for the copy of another log: of an emptied database, or of one that was
//! restored from a backup and gives its positions a second time. The database draws the number itself, since no other
//! part of the program needs it.

use sea_orm_migration::{prelude::*, schema::*, sea_orm::DbBackend};

use crate::change::{add_column, drop_column};

pub(crate) async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    add_column(manager, "rescind_log_head", uuid_null("log_id")).await?;
    let draw = match manager.get_database_backend() {
        DbBackend::Postgres => "gen_random_uuid()",
        _ => "randomblob(16)",
    };
    let row = Query::update()
        .table("rescind_log_head")
        .value("log_id", Expr::cust(draw))
        .to_owned();
    manager.execute(row).await
}

pub(crate) async fn down(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    drop_column(manager, "rescind_log_head", "log_id").await
}
