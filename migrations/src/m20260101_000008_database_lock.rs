//! The last node that took the database lock: a random value that each node draws.
//!
//! Only Postgres needs it. There a lock ends with its session, and a node that regains it must know whether another
//! node had it meanwhile. On SQLite the kernel keeps the lock until the process ends.

use sea_orm_migration::{prelude::*, schema::*, sea_orm::DbBackend};

pub(crate) async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    if manager.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    let holder = uuid("holder").default(Expr::cust("gen_random_uuid()")).to_owned();
    let lock = Table::create()
        .table("rescind_database_lock")
        .col(integer("id").primary_key().check(Expr::col("id").eq(1)))
        .col(holder)
        .to_owned();
    manager.create_table(lock).await?;
    let row = Query::insert()
        .into_table("rescind_database_lock")
        .columns(["id"])
        .values_panic([1.into()])
        .to_owned();
    manager.execute(row).await
}

pub(crate) async fn down(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let lock = Table::drop().table("rescind_database_lock").if_exists().to_owned();
    manager.drop_table(lock).await
}
