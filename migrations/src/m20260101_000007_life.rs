//! The life in force, and an id for each entry of the log.
//!
//! The life identifies the server whose copy of the log counts; its generation grows each time that another life is
//! set. The id distinguishes an entry from one that got the same position after commits were lost. SQLite loses no
//! commits and stores no ids.

use sea_orm_migration::{prelude::*, schema::*, sea_orm::DbBackend};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            string_null("life"),
            big_integer("life_generation").default(0).to_owned(),
        ];
        for column in columns {
            let head = Table::alter().table("rescind_log_head").add_column(column).to_owned();
            manager.alter_table(head).await?;
        }
        let mut entry_id = uuid_null("entry_id");
        if manager.get_database_backend() == DbBackend::Postgres {
            entry_id.default(Expr::cust("gen_random_uuid()"));
        }
        let entries = Table::alter()
            .table("rescind_revocations")
            .add_column(entry_id)
            .to_owned();
        manager.alter_table(entries).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column) in [
            ("rescind_revocations", "entry_id"),
            ("rescind_log_head", "life_generation"),
            ("rescind_log_head", "life"),
        ] {
            let table = Table::alter().table(table).drop_column(column).to_owned();
            manager.alter_table(table).await?;
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
