//! The keys that a database belongs to.
//!
//! Two nodes on one database that sign with different keys refuse each other's tokens, and a node that lost its keys
//! would silently log everybody out. So the database stores a fingerprint of the keys, and refuses a node that starts
//! with others.
//!
//! **A database that no node has claimed yet knows no revocations.** Keys that are older than it may have signed tokens
//! that were revoked in another database, or in this one before it was lost. So a claim by such keys records an issue
//! floor.

use jiff::Timestamp;
use rescind_session::ports::{ISSUE_FLOOR_MARGIN, StoreError};
use sea_orm::{EntityTrait, Set, sea_query::OnConflict};

use super::{
    SqlStore, commit,
    entities::key_ring::{ActiveModel, Column, Entity},
    error::{Failure, failed, unreadable},
    revocation_log as log,
    rows::{millis, millis_later},
    sessions::clock,
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
    /// Claims the database for the keys of that fingerprint, unless it already belongs to other keys. If two nodes
    /// start at once with different keys, one of them gets [`Claimed::Different`].
    ///
    /// `newest` is `None` for keys that were made in this very start and have signed nothing. For older keys it is the
    /// latest known time outside of the database: now, or a later instant that was recorded there. The first claim then
    /// records, in the same transaction, an issue floor [`ISSUE_FLOOR_MARGIN`] after it and after the database's own
    /// clock.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot answer.
    pub async fn claim_fingerprint(&self, fingerprint: &str, newest: Option<Timestamp>) -> Result<Claimed, StoreError> {
        self.retry(|| self.claim_fingerprint_once(fingerprint, newest)).await
    }

    async fn claim_fingerprint_once(&self, fingerprint: &str, newest: Option<Timestamp>) -> Result<Claimed, Failure> {
        let transaction = self.begin().await?;
        let rows = Entity::insert(row(fingerprint))
            .on_conflict(OnConflict::column(Column::Id).do_nothing().to_owned())
            .exec_without_returning(&transaction)
            .await
            .map_err(failed)?;
        let claimed = if rows == 1 {
            if let Some(newest) = newest {
                let newest = Ord::max(millis(newest), clock(&transaction).await?);
                log::raise_issue_floor(&transaction, millis_later(newest, ISSUE_FLOOR_MARGIN)).await?;
            }
            Claimed::First
        } else {
            let kept = Entity::find_by_id(THE_ROW).one(&transaction).await.map_err(failed)?;
            let kept = kept.ok_or_else(|| unreadable("a claimed key ring without a row"))?;
            if kept.fingerprint == fingerprint {
                Claimed::Same
            } else {
                Claimed::Different
            }
        };
        commit(transaction).await?;
        Ok(claimed)
    }

    /// The fingerprint of the keys that the database belongs to, if it belongs to some already.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot answer.
    pub async fn fingerprint(&self) -> Result<Option<String>, StoreError> {
        let row = self.retry(|| async { Entity::find_by_id(THE_ROW).one(&self.readers).await.map_err(failed) });
        Ok(row.await?.map(|row| row.fingerprint))
    }

    /// Gives the database to the keys of that fingerprint, even if others had it: for keys that were rotated on
    /// purpose.
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
