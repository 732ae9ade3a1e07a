//! Sessions, one row each, and the epochs by which a login notices a concurrent "log out everywhere".

use sea_orm_migration::{prelude::*, schema::*};

use crate::change::{drop_table, index};

pub(crate) async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let both_or_neither =
        |one: &'static str, other: &'static str| Expr::col(one).is_null().eq(Expr::col(other).is_null());
    let sessions = Table::create()
        .table("rescind_sessions")
        .col(uuid("id").primary_key())
        .col(uuid("user_id"))
        .col(string("client_id"))
        .col(big_integer("created_at"))
        .col(big_integer("last_seen_at"))
        .col(big_integer("expires_at"))
        .col(big_integer("access_until"))
        // The refresh token's, absent where the policy has none. A BIGINT: a generation counts to 2³²-1.
        .col(big_integer_null("generation"))
        .col(blob_null("salt"))
        .col(big_integer_null("idle_until"))
        .col(big_integer_null("grace_until"))
        .col(big_integer_null("closed_at"))
        .col(string_null("closed_cause"))
        .col(big_integer_null("reuse_noticed_at"))
        .col(string_null("user_agent"))
        .col(string_null("address"))
        .check(both_or_neither("generation", "salt"))
        .check(both_or_neither("generation", "idle_until"))
        .check(both_or_neither("closed_at", "closed_cause"))
        .to_owned();
    manager.create_table(sessions).await?;
    // The list of devices and "log out everywhere" read a user's open sessions only, however many are closed.
    let open = index(
        "rescind_sessions_open_by_user",
        "rescind_sessions",
        &["user_id", "created_at", "id"],
    )
    .and_where(Expr::col("closed_at").is_null())
    .to_owned();
    manager.create_index(open).await?;
    // Pruning finds the ended sessions without reading the others.
    manager
        .create_index(index("rescind_sessions_by_end", "rescind_sessions", &["expires_at"]))
        .await?;
    // Every start of the program reads the newest instant before it answers anything.
    manager
        .create_index(index(
            "rescind_sessions_by_last_seen",
            "rescind_sessions",
            &["last_seen_at"],
        ))
        .await?;
    let user_epochs = Table::create()
        .table("rescind_user_epochs")
        .col(uuid("user_id").primary_key())
        .col(big_integer("epoch"))
        .to_owned();
    manager.create_table(user_epochs).await
}

pub(crate) async fn down(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    drop_table(manager, "rescind_user_epochs").await?;
    drop_table(manager, "rescind_sessions").await
}
