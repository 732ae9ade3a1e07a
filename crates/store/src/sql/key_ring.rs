//! Which keys the database belongs to.
//!
//! Two nodes on one database that sign with different keys refuse each other's tokens, and a node that lost its keys
//! would silently log everybody out. So the database remembers a fingerprint of the keys, and whoever starts with others
//! is told.

use rescind_session::ports::StoreError;
use sea_orm::{EntityTrait, Set, sea_query::OnConflict};

use super::{
    SqlStore, commit,
    entities::key_ring::{ActiveModel, Column, Entity},
    error::{Failure, failed, unreadable},
};

/// The table has one row at most, and this is its id.
const THE_ROW: i64 = 1;

/// The outcome of [`SqlStore::claim_fingerprint`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Claimed {
    /// The database belonged to no keys yet; now it belongs to these.
    First,
    /// The database belongs to these keys.
    Same,
    /// The database belongs to other keys; nothing was written.
    Different,
}

impl SqlStore {
    /// Claims the database for the keys of that fingerprint, unless it belongs to some already. Of two nodes that start at
    /// once with different keys, one is told.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot answer.
    pub async fn claim_fingerprint(&self, fingerprint: &str) -> Result<Claimed, StoreError> {
        self.retry(|| self.claim_fingerprint_once(fingerprint)).await
    }

    async fn claim_fingerprint_once(&self, fingerprint: &str) -> Result<Claimed, Failure> {
        let transaction = self.begin().await?;
        let rows = Entity::insert(row(fingerprint))
            .on_conflict(OnConflict::column(Column::Id).do_nothing().to_owned())
            .exec_without_returning(&transaction)
            .await
            .map_err(failed)?;
        let claimed = if rows == 1 {
            Claimed::First
        } else {
            let kept = Entity::find_by_id(THE_ROW).one(&transaction).await.map_err(failed)?;
            let kept = kept.ok_or_else(|| unreadable("a key ring that is taken and not there"))?;
            if kept.fingerprint == fingerprint {
                Claimed::Same
            } else {
                Claimed::Different
            }
        };
        commit(transaction).await?;
        Ok(claimed)
    }

    /// Gives the database to the keys of that fingerprint, whoever had it: for keys that were rotated on purpose.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot answer.
    pub async fn replace_fingerprint(&self, fingerprint: &str) -> Result<(), StoreError> {
        self.retry(|| self.replace_fingerprint_once(fingerprint)).await
    }

    async fn replace_fingerprint_once(&self, fingerprint: &str) -> Result<(), Failure> {
        let transaction = self.begin().await?;
        Entity::insert(row(fingerprint))
            .on_conflict(
                OnConflict::column(Column::Id)
                    .update_column(Column::Fingerprint)
                    .to_owned(),
            )
            .exec_without_returning(&transaction)
            .await
            .map_err(failed)?;
        commit(transaction).await
    }
}

fn row(fingerprint: &str) -> ActiveModel {
    ActiveModel {
        id: Set(THE_ROW),
        fingerprint: Set(fingerprint.to_owned()),
    }
}
