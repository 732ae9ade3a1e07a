//! The revocation log, and the one row with its end.
//!
//! Positions are taken from that row, not from a sequence: a Postgres sequence counts outside of transactions, so a
//! reader of the tail would skip an entry that commits late, and SQLite reuses the number of a deleted last row.

use sea_orm_migration::{prelude::*, schema::*};

use crate::change::{drop_table, index};

pub(crate) async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let revocations = Table::create()
        .table("rescind_revocations")
        .col(big_integer("position").primary_key())
        .col(string("scope_kind"))
        .col(uuid("scope_id"))
        .col(uuid("user_id"))
        .col(big_integer("at"))
        .col(big_integer("until"))
        .col(string("cause"))
        .to_owned();
    manager.create_table(revocations).await?;
    let unique = index(
        "rescind_revocations_by_scope",
        "rescind_revocations",
        &["scope_kind", "scope_id"],
    )
    .unique()
    .to_owned();
    manager.create_index(unique).await?;
    manager
        .create_index(index(
            "rescind_revocations_by_user",
            "rescind_revocations",
            &["user_id"],
        ))
        .await?;
    manager
        .create_index(index("rescind_revocations_by_end", "rescind_revocations", &["until"]))
        .await?;
    let log_head = Table::create()
        .table("rescind_log_head")
        .col(big_integer("id").primary_key())
        .col(big_integer("last_position"))
        .col(big_integer("floor_position"))
        .col(big_integer_null("newest_at"))
        .check(Expr::col("id").eq(1))
        .to_owned();
    manager.create_table(log_head).await?;
    let row = Query::insert()
        .into_table("rescind_log_head")
        .columns(["id", "last_position", "floor_position"])
        .values_panic([1.into(), 0.into(), 0.into()])
        .to_owned();
    manager.execute(row).await
}

pub(crate) async fn down(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    drop_table(manager, "rescind_log_head").await?;
    drop_table(manager, "rescind_revocations").await
}
