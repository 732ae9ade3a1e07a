//! The keys that the database belongs to: a fingerprint and no key, so that a database alone mints nothing.

use sea_orm_migration::{prelude::*, schema::*};

use crate::change::drop_table;

pub(crate) async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let key_ring = Table::create()
        .table("rescind_key_ring")
        .col(big_integer("id").primary_key())
        .col(string("fingerprint"))
        .check(Expr::col("id").eq(1))
        .to_owned();
    manager.create_table(key_ring).await
}

pub(crate) async fn down(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    drop_table(manager, "rescind_key_ring").await
}
