//! The keys that the database belongs to: a fingerprint and no key, so that a database alone mints nothing.

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
                    .table("rescind_key_ring")
                    .col(big_integer("id").primary_key())
                    .col(string("fingerprint"))
                    .check(Expr::col("id").eq(1))
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_table(manager, "rescind_key_ring").await
    }
}
