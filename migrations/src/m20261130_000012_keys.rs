//! The keys of the ring by their public names: from when on each issues tokens, and when one was ended. No key material.

use sea_orm_migration::{prelude::*, schema::*};

use crate::change::drop_table;

pub(crate) async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let keys = Table::create()
        .table("rescind_keys")
        .col(string("id").primary_key())
        .col(string("algorithm"))
        .col(big_integer("issues_from"))
        .col(big_integer("longest_token").default(0))
        .col(big_integer_null("ended_at"))
        .to_owned();
    manager.create_table(keys).await
}

pub(crate) async fn down(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    drop_table(manager, "rescind_keys").await
}
