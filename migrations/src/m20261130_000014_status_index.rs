//! The place of each session in a status list.

use sea_orm_migration::{prelude::*, schema::*};

use crate::change::{add_column, drop_column, index};

const TABLE: &str = "rescind_sessions";

pub(crate) async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    add_column(manager, TABLE, big_integer_null("status_index")).await?;
    let unique = index("rescind_sessions_status_index", TABLE, &["status_index"])
        .unique()
        .to_owned();
    manager.create_index(unique).await?;
    // A list is made of the closed ones only.
    let closed = index("rescind_sessions_closed_by_status", TABLE, &["status_index"])
        .and_where(Expr::col("closed_at").is_not_null())
        .to_owned();
    manager.create_index(closed).await
}

pub(crate) async fn down(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    for index in ["rescind_sessions_closed_by_status", "rescind_sessions_status_index"] {
        manager
            .drop_index(Index::drop().name(index).table(TABLE).to_owned())
            .await?;
    }
    drop_column(manager, TABLE, "status_index").await
}
