//! The schema of Rescind and its history.
//!
//! Each step can be reverted, and runs in a transaction, on SQLite too (where sea-orm-migration would not by default): a step
//! that fails half-way changes nothing.
//!
//! Times are numbers, because SQLite has no type for a time and its text would sort only by accident. Causes and kinds are
//! words, so that a person can read them in the database, and a new cause needs no migration. There are no foreign keys to
//! `rescind_users`: an application may keep its users elsewhere.
//!
//! An application with a migrator of its own runs both, before or after each other; in the list of another migrator, and so
//! in its history, a node would not find these steps. This is for one migrating process: `SqlStore::migrate_up` of
//! rescind-store also takes a lock.
//!
//! ```
//! use rescind_migrations::{
//!     Migrator, MigratorTrait,
//!     sea_orm::{DatabaseConnection, DbErr},
//! };
//!
//! async fn migrate<Own: MigratorTrait>(database: &DatabaseConnection) -> Result<(), DbErr> {
//!     Migrator::up(database, None).await?;
//!     Own::up(database, None).await
//! }
//! ```
//!
//! **Never**: anything but the schema. Reading and writing rows belongs to rescind-store.
//!
#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod change;
mod m20260101_000001_users;
mod m20260101_000002_sessions;
mod m20260101_000003_revocations;
mod m20260101_000004_key_ring;
mod m20260101_000005_log_identity;
mod m20260101_000006_issue_floor;
mod m20260101_000007_life;
mod m20260101_000008_database_lock;
mod m20261129_000009_own_names;
mod m20261129_000010_text_user_ids;
mod m20261129_000011_auth_time;
mod m20261130_000012_keys;
mod m20261130_000013_event_receivers;
mod m20261130_000014_status_index;
mod m20261201_000016_waiting_revokers;
mod step;

/// For a connection to give to [`Migrator`].
pub use sea_orm_migration::sea_orm;
pub use sea_orm_migration::{Migration, MigrationStatus, MigrationTrait, MigratorTrait};
use sea_orm_migration::{
    async_trait,
    sea_orm::DynIden,
    sea_query::{Alias, IntoIden},
};

use step::Step;

/// A step for each of these modules, which have an `up` and a `down`.
macro_rules! steps {
    ($($step:ident),*) => {
        vec![$(Box::new(Step {
            name: stringify!($step),
            up: |manager| Box::pin($step::up(manager)),
            down: |manager| Box::pin($step::down(manager)),
        })),*]
    };
}

/// All steps, oldest first.
#[derive(Debug, Clone, Copy)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        steps!(
            m20260101_000001_users,
            m20260101_000002_sessions,
            m20260101_000003_revocations,
            m20260101_000004_key_ring,
            m20260101_000005_log_identity,
            m20260101_000006_issue_floor,
            m20260101_000007_life,
            m20260101_000008_database_lock,
            m20261129_000009_own_names,
            m20261129_000010_text_user_ids,
            m20261129_000011_auth_time,
            m20261130_000012_keys,
            m20261130_000013_event_receivers,
            m20261130_000014_status_index,
            m20261201_000016_waiting_revokers
        )
    }

    /// Not sea-orm's default name: a service with tables of its own in this database has its own history there.
    fn migration_table_name() -> DynIden {
        Alias::new("rescind_migrations").into_iden()
    }
}
