//! The issue floor: a token that was issued at or before this time is refused.
//!
//! It is empty unless the database was claimed by keys that are older than it: then it cannot know what was revoked.

use sea_orm_migration::{prelude::*, schema::*};

use crate::change::{add_column, drop_column};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = big_integer_null("issue_floor");
        add_column(manager, "rescind_log_head", column).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_column(manager, "rescind_log_head", "issue_floor").await
    }
}
