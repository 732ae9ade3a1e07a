//! A step of the history, in a transaction.

use std::pin::Pin;

use sea_orm_migration::prelude::*;

pub(crate) type Change =
    for<'a> fn(&'a SchemaManager<'a>) -> Pin<Box<dyn Future<Output = Result<(), DbErr>> + Send + 'a>>;

pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) up: Change,
    pub(crate) down: Change,
}

impl MigrationName for Step {
    fn name(&self) -> &str {
        self.name
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        (self.up)(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        (self.down)(manager).await
    }

    /// On SQLite too, where sea-orm-migration would not by default.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
