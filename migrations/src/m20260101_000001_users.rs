//! The users. A service with a user table of its own leaves it empty.

use sea_orm_migration::{prelude::*, schema::*};

use crate::change::drop_table;

pub(crate) async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let users = Table::create()
        .table("rescind_users")
        .col(uuid("id").primary_key())
        // Of two sign-ups under one name exactly one gets past this.
        .col(string("username").unique_key())
        .col(string("kind"))
        .col(string("password_hash"))
        .col(big_integer("created_at"))
        .to_owned();
    manager.create_table(users).await
}

pub(crate) async fn down(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    drop_table(manager, "rescind_users").await
}
