//! The receivers of security events: how far each has acknowledged the revocation log, and which node delivers.

use sea_orm_migration::{prelude::*, schema::*};

use crate::change::drop_table;

pub(crate) async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("rescind_event_receivers")
        .col(string("url").primary_key())
        .col(uuid("log_id"))
        .col(big_integer("position"))
        .col(uuid_null("claimed_by"))
        .col(big_integer("claimed_until"))
        .col(big_integer("seen_at"))
        .to_owned();
    manager.create_table(table).await
}

pub(crate) async fn down(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    drop_table(manager, "rescind_event_receivers").await
}
