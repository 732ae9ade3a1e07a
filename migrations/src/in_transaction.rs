//! Every step runs in a transaction, on SQLite too, where sea-orm-migration would not by default.

use sea_orm_migration::prelude::*;

struct InTransaction<Step>(Step);

pub(crate) fn step(step: impl MigrationTrait + 'static) -> Box<dyn MigrationTrait> {
    Box::new(InTransaction(step))
}

impl<Step: MigrationTrait> MigrationName for InTransaction<Step> {
    fn name(&self) -> &str {
        self.0.name()
    }
}

#[async_trait::async_trait]
impl<Step: MigrationTrait> MigrationTrait for InTransaction<Step> {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        self.0.up(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        self.0.down(manager).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
