//! The identity of the revocation log.
//!
//! A copy of the log in Redis must not be taken for the copy of another log: of an emptied database, or of one that was
//! restored from a backup and gives its positions a second time. The database draws the number itself, since no other
//! part of the program needs it.

use sea_orm_migration::{prelude::*, schema::*, sea_orm::DbBackend};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .alter_table(
                Table::alter()
                    .table("rescind_log_head")
                    .add_column(uuid_null("log_id"))
                    .to_owned(),
            )
            .await?;
        let draw = match manager.get_database_backend() {
            DbBackend::Postgres => "gen_random_uuid()",
            _ => "randomblob(16)",
        };
        manager
            .execute(
                Query::update()
                    .table("rescind_log_head")
                    .value("log_id", Expr::cust(draw))
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .alter_table(
                Table::alter()
                    .table("rescind_log_head")
                    .drop_column("log_id")
                    .to_owned(),
            )
            .await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
