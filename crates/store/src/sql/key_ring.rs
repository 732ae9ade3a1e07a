//! The keys that a database belongs to.
//!
//! Two nodes on one database that sign with different keys refuse each other's tokens, and a node that lost its keys
//! would silently log everybody out. So the database stores a fingerprint of the keys, and refuses a node that starts
//! with others.
//!
//! **A database that no node has claimed yet knows no revocations.** Keys that are older than it may have signed tokens
//! that were revoked in another database, or in this one before it was lost. So a claim by such keys records an issue
//! floor.
//!
//! **When each key issues tokens** is recorded here too, by the keys' public names: every node of the database must begin
//! with a new key at the same instant, and a key that was ended must not come back with an old file.

use std::time::Duration;

use jiff::Timestamp;
use rescind_session::ports::{ISSUE_FLOOR_MARGIN, StoreError};
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, Set,
    sea_query::{Expr, OnConflict},
};

use super::{
    SqlStore, commit,
    entities::{
        key,
        key_ring::{ActiveModel, Column, Entity},
    },
    error::{Failure, unreadable},
    revocation_log as log,
    rows::{millis, millis_later, moment},
    sessions::clock,
};

/// The table has one row at most, and this is its id.
const THE_ROW: i64 = 1;

/// The outcome of [`SqlStore::claim_fingerprint`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum Claimed {
    /// The database belonged to no keys yet; now it belongs to these.
    First,
    /// The database belongs to these keys.
    Same,
    /// The database belongs to other keys; nothing was written.
    Different,
}

/// A key as the database records it, without any part of the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// The `kid` of a key that signs access tokens, or the public name of a refresh key.
    pub id: String,
    /// Its algorithm, or `refresh`.
    pub algorithm: String,
    /// From when on it issues tokens, until the next key does.
    pub issues_from: Timestamp,
    /// How long the longest token that it issues can be accepted: the largest value of any node.
    pub longest_token: Duration,
    /// When it was ended: then it is not used, even if its file is still there.
    pub ended_at: Option<Timestamp>,
}

/// The keys of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordedRing {
    /// The fingerprint of those that were not ended; `None` if no keys have claimed the database.
    pub fingerprint: Option<String>,
    /// All of them, in the order in which they issue tokens.
    pub keys: Vec<KeyRecord>,
}

impl SqlStore {
    /// The keys that are recorded.
    pub async fn recorded_ring(&self) -> Result<RecordedRing, StoreError> {
        let rows = self.retry(|| async {
            let rows = key::Entity::find()
                .order_by_asc(key::Column::IssuesFrom)
                .order_by_asc(key::Column::Id);
            rows.all(&self.readers).await.map_err(Failure::from)
        });
        let keys = rows.await?.into_iter().map(|row| {
            Ok(KeyRecord {
                id: row.id,
                algorithm: row.algorithm,
                issues_from: moment(row.issues_from)?,
                longest_token: Duration::from_millis(row.longest_token.try_into().map_err(StoreError::corrupt)?),
                ended_at: row.ended_at.map(moment).transpose()?,
            })
        });
        Ok(RecordedRing {
            keys: keys.collect::<Result<_, StoreError>>()?,
            fingerprint: self.fingerprint().await?,
        })
    }

    /// Records these keys in place of all others, if the database still belongs to the keys `before`, or in any case if
    /// that is `None`. False if it does not; then nothing was written.
    ///
    /// A key that is recorded already keeps its `longest_token`, which nodes may have raised meanwhile.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot answer. A repeat is harmless.
    pub async fn record_ring(
        &self,
        before: Option<&str>,
        fingerprint: &str,
        keys: &[KeyRecord],
    ) -> Result<bool, StoreError> {
        self.retry(|| async {
            let transaction = self.begin().await?;
            if let Some(before) = before {
                // The new one too: an attempt before this one may have been committed.
                let replaced = Entity::update_many()
                    .col_expr(Column::Fingerprint, Expr::val(fingerprint))
                    .filter(Column::Fingerprint.is_in([before, fingerprint]))
                    .exec(&transaction);
                if replaced.await?.rows_affected == 0 {
                    return Ok(false);
                }
            } else {
                let replace = OnConflict::column(Column::Id)
                    .update_column(Column::Fingerprint)
                    .to_owned();
                let put = Entity::insert(row(fingerprint)).on_conflict(replace);
                put.exec_without_returning(&transaction).await?;
            }
            let ids = keys.iter().map(|key| key.id.as_str());
            key::Entity::delete_many()
                .filter(key::Column::Id.is_not_in(ids))
                .exec(&transaction)
                .await?;
            for record in keys {
                let row = key::ActiveModel {
                    id: Set(record.id.clone()),
                    algorithm: Set(record.algorithm.clone()),
                    issues_from: Set(millis(record.issues_from)),
                    longest_token: Set(millis_later(0, record.longest_token)),
                    ended_at: Set(record.ended_at.map(millis)),
                };
                let known = OnConflict::column(key::Column::Id)
                    .update_columns([key::Column::IssuesFrom, key::Column::EndedAt])
                    .to_owned();
                let put = key::Entity::insert(row).on_conflict(known);
                put.exec_without_returning(&transaction).await?;
            }
            commit(transaction).await?;
            Ok(true)
        })
        .await
    }

    /// Records that these keys issue tokens that can be accepted for so long. A larger value stays.
    pub async fn raise_longest_token(&self, ids: &[String], longest: Duration) -> Result<(), StoreError> {
        let raise = || async {
            let longest = millis_later(0, longest);
            let transaction = self.begin().await?;
            key::Entity::update_many()
                .col_expr(key::Column::LongestToken, Expr::val(longest))
                .filter(key::Column::Id.is_in(ids))
                .filter(key::Column::LongestToken.lt(longest))
                .exec(&transaction)
                .await?;
            commit(transaction).await
        };
        self.retry(raise).await
    }

    /// Claims the database for the keys of that fingerprint, unless it already belongs to other keys. If two nodes
    /// start at once with different keys, one of them gets [`Claimed::Different`].
    ///
    /// `newest` is `None` for keys that were made in this very start and have signed nothing. For older keys it is the
    /// latest known time outside of the database: now, or a later instant that was recorded there. The first claim then
    /// records, in the same transaction, an issue floor [`ISSUE_FLOOR_MARGIN`] after it and after the database's own
    /// clock.
    pub async fn claim_fingerprint(&self, fingerprint: &str, newest: Option<Timestamp>) -> Result<Claimed, StoreError> {
        self.retry(|| async {
            let transaction = self.begin().await?;
            let rows = Entity::insert(row(fingerprint))
                .on_conflict(OnConflict::column(Column::Id).do_nothing().to_owned())
                .exec_without_returning(&transaction)
                .await?;
            let claimed = if rows == 1 {
                if let Some(newest) = newest {
                    let newest = Ord::max(millis(newest), clock(&transaction).await?);
                    log::raise_issue_floor(&transaction, millis_later(newest, ISSUE_FLOOR_MARGIN)).await?;
                }
                Claimed::First
            } else {
                let kept = Entity::find_by_id(THE_ROW).one(&transaction).await?;
                let kept = kept.ok_or_else(|| unreadable("a claimed key ring without a row"))?;
                if kept.fingerprint == fingerprint {
                    Claimed::Same
                } else {
                    Claimed::Different
                }
            };
            commit(transaction).await?;
            Ok(claimed)
        })
        .await
    }

    /// The fingerprint of the keys that the database belongs to, if it belongs to some already.
    pub async fn fingerprint(&self) -> Result<Option<String>, StoreError> {
        let row = self.retry(|| async { Ok(Entity::find_by_id(THE_ROW).one(&self.readers).await?) });
        Ok(row.await?.map(|row| row.fingerprint))
    }
}

fn row(fingerprint: &str) -> ActiveModel {
    ActiveModel {
        id: Set(THE_ROW),
        fingerprint: Set(fingerprint.to_owned()),
    }
}
