//! The users. A service with a user table of its own leaves it empty.

use sea_orm_migration::{prelude::*, schema::*};

use crate::change::drop_table;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("rescind_users")
                    .col(uuid("id").primary_key())
                    // Of two sign-ups under one name exactly one gets past this.
                    .col(string("username").unique_key())
                    .col(string("kind"))
                    .col(string("password_hash"))
                    .col(big_integer("created_at"))
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_table(manager, "rescind_users").await
    }
}
