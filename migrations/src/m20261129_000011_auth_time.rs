//! When the user last proved who they are: at login, or later with the password again.

use sea_orm_migration::{prelude::*, schema::*};

use crate::change::{add_column, drop_column};

pub(crate) async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let column = big_integer("auth_time").default(0).to_owned();
    add_column(manager, "rescind_sessions", column).await?;
    // Before this step the login was the only way.
    let at_login = Query::update()
        .table("rescind_sessions")
        .value("auth_time", Expr::col("created_at"))
        .to_owned();
    manager.execute(at_login).await
}

pub(crate) async fn down(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    drop_column(manager, "rescind_sessions", "auth_time").await
}
