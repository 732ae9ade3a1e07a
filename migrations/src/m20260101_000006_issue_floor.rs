//! The issue floor: a token that was issued at or before this time is refused.
//!
//! It is empty unless the database was claimed by keys that are older than it: then it cannot know what was revoked.

use sea_orm_migration::{prelude::*, schema::*};

use crate::change::{add_column, drop_column};

pub(crate) async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let column = big_integer_null("issue_floor");
    add_column(manager, "rescind_log_head", column).await
}

pub(crate) async fn down(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    drop_column(manager, "rescind_log_head", "issue_floor").await
}
