//! The receivers of security events: how far each has acknowledged the log, and which node delivers to it.
//!
//! **One node delivers**, by a claim that expires by the database's clock. A node that was paused past its claim may still
//! send an event twice, but it moves no position: the acknowledgement compares the claim and the old position in its WHERE.
//!
//! **Pruning waits.** Entries after the lowest acknowledged position are kept, but no longer than
//! [`SqlSettings::event_retention`](super::SqlSettings). A receiver that no node has claimed for that long is forgotten.

use std::time::Duration;

use rescind_session::{LogId, Position, ports::StoreError};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, QueryFilter, Set,
    sea_query::{Expr, OnConflict},
};
use uuid::Uuid;

use super::{
    SqlStore, commit,
    entities::event_receiver::{ActiveModel, Column, Entity, Model},
    revocation_log as log,
    rows::{self, kept_position, millis_later},
    sessions::clock,
};

/// How far a receiver of events has acknowledged a revocation log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventPosition {
    /// The log.
    pub log: LogId,
    /// Everything up to this position was delivered, or refused by the receiver.
    pub position: Position,
}

impl SqlStore {
    /// Claims a receiver for this node, or renews its claim, for that long. Returns the acknowledged position, or `None`
    /// if another node holds it. A new receiver begins at the end of the log. With `alone` another node's claim does not
    /// count: for a node that has locked the database for itself.
    pub async fn claim_event_receiver(
        &self,
        url: &str,
        node: Uuid,
        hold: Duration,
        alone: bool,
    ) -> Result<Option<EventPosition>, StoreError> {
        self.retry(|| async {
            let transaction = self.begin().await?;
            let now = clock(&transaction).await?;
            let head = log::head(&transaction).await?;
            let new = ActiveModel {
                url: Set(url.to_owned()),
                log_id: Set(log::identity(&head)?.as_uuid()),
                position: Set(head.last_position),
                claimed_by: Set(None),
                claimed_until: Set(0),
                seen_at: Set(now),
            };
            Entity::insert(new)
                .on_conflict(OnConflict::column(Column::Url).do_nothing().to_owned())
                .exec_without_returning(&transaction)
                .await?;
            let mut free = Condition::any()
                .add(Column::ClaimedBy.eq(node))
                .add(Column::ClaimedUntil.lte(now));
            if alone {
                free = free.add(Column::ClaimedBy.is_not_null());
            }
            let claimed = Entity::update_many()
                .col_expr(Column::ClaimedBy, Expr::val(node))
                .col_expr(Column::ClaimedUntil, Expr::val(millis_later(now, hold)))
                .col_expr(Column::SeenAt, Expr::val(now))
                .filter(Column::Url.eq(url))
                .filter(free)
                .exec_with_returning(&transaction)
                .await?;
            commit(transaction).await?;
            let position = |row: Model| -> Result<_, StoreError> {
                Ok(EventPosition {
                    log: LogId::from_uuid(row.log_id),
                    position: rows::position(row.position)?,
                })
            };
            Ok(claimed.into_iter().next().map(position).transpose()?)
        })
        .await
    }

    /// Moves the acknowledged position of a receiver, if this node still holds it and nobody else has moved it. Returns
    /// whether it did.
    ///
    /// # Errors
    /// [`StoreError`]; then the events may be delivered once more.
    pub async fn acknowledge_events(
        &self,
        url: &str,
        node: Uuid,
        from: EventPosition,
        to: EventPosition,
    ) -> Result<bool, StoreError> {
        self.retry(|| async {
            let transaction = self.begin().await?;
            let moved = Entity::update_many()
                .col_expr(Column::LogId, Expr::val(to.log.as_uuid()))
                .col_expr(Column::Position, Expr::val(kept_position(to.position)))
                .filter(Column::Url.eq(url))
                .filter(Column::ClaimedBy.eq(node))
                .filter(Column::LogId.eq(from.log.as_uuid()))
                .filter(Column::Position.eq(kept_position(from.position)))
                .exec(&transaction)
                .await?;
            commit(transaction).await?;
            Ok(moved.rows_affected == 1)
        })
        .await
    }

    /// Gives up all claims of this node, so that another one continues at once.
    ///
    /// # Errors
    /// [`StoreError`]; then the claims expire.
    pub async fn release_event_receivers(&self, node: Uuid) -> Result<(), StoreError> {
        self.retry(|| async {
            let transaction = self.begin().await?;
            Entity::update_many()
                .col_expr(Column::ClaimedUntil, Expr::val(0))
                .filter(Column::ClaimedBy.eq(node))
                .exec(&transaction)
                .await?;
            commit(transaction).await
        })
        .await
    }
}
