//! The place of each session in a status list.

use sea_orm_migration::{prelude::*, schema::*};

const TABLE: &str = "rescind_sessions";

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = Table::alter()
            .table(TABLE)
            .add_column(big_integer_null("status_index"))
            .to_owned();
        manager.alter_table(column).await?;
        let unique = Index::create()
            .name("rescind_sessions_status_index")
            .table(TABLE)
            .col("status_index")
            .unique()
            .to_owned();
        manager.create_index(unique).await?;
        // A list is made of the closed ones only.
        let closed = Index::create()
            .name("rescind_sessions_closed_by_status")
            .table(TABLE)
            .col("status_index")
            .and_where(Expr::col("closed_at").is_not_null())
            .to_owned();
        manager.create_index(closed).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for index in ["rescind_sessions_closed_by_status", "rescind_sessions_status_index"] {
            manager
                .drop_index(Index::drop().name(index).table(TABLE).to_owned())
                .await?;
        }
        let column = Table::alter().table(TABLE).drop_column("status_index").to_owned();
        manager.alter_table(column).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
