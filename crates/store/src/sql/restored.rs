//! The command after a restore from a backup.
//!
//! A restored database has lost changes: sessions that were closed since the backup are open again, generations that
//! were rotated away are current again, and positions of the log will be given a second time. The data itself does not
//! show that. So everybody has to log in again, and the log gets a new identity, which makes its copies invalid.

use rescind_session::ports::{Closing, StoreError};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, Select,
    sea_query::{Expr, ExprTrait, OnConflict, Query},
};

use super::{
    SqlStore, commit,
    entities::{
        log_head,
        session::{self, Column},
        user, user_epoch,
    },
    error::Failure,
    revocation_log as log,
    rows::{millis, millis_later},
    sessions::{close_open, entries_of},
};

/// How many rows one transaction touches.
const BATCH: u64 = 500;

impl SqlStore {
    /// Closes everything, for a database that was restored from a backup: draws a new identity for the log, so that no
    /// copy of it counts as complete; raises the epoch of every user it knows, so that no login that began before can
    /// open a session; and closes every open session with its revocation. Returns how many were open.
    ///
    /// The time restarts at [`Closing::at`]: later instants that the database has recorded are dropped, and an issue
    /// floor is removed. That is safe only if no access token that was issued before verifies any more, so replace the
    /// signing keys first.
    ///
    /// Stop the program meanwhile. It runs in batches, each a transaction: after a failure a repeat continues where it
    /// stopped.
    ///
    /// **The margin** must be longer than for other closings, by the longest lifetime of an access token. The rows do
    /// not know the tokens that were issued since the backup, so a revocation is kept for at least the margin from
    /// [`Closing::at`] on. Sessions that *began* since the backup have no row to close: until the lifetime of an access
    /// token has passed, only new signing keys refuse their tokens.
    ///
    /// # Errors
    /// [`StoreError`]; the sessions closed so far stay closed.
    pub async fn close_everything(&self, closing: &Closing) -> Result<u64, StoreError> {
        self.retry(|| self.begin_again_once(millis(closing.at))).await?;
        self.close_every_session(closing, i64::MAX).await
    }

    /// Raises every epoch, closes every open session that was opened until then, and returns how many there were.
    pub(super) async fn close_every_session(&self, closing: &Closing, opened_until: i64) -> Result<u64, StoreError> {
        self.raise_every_epoch().await?;
        let mut closed = 0;
        loop {
            match self.retry(|| self.close_some_once(closing, opened_until)).await? {
                0 => return Ok(closed),
                some => closed += some,
            }
        }
    }

    /// Draws a new identity for the log, and restarts the time.
    async fn begin_again_once(&self, at: i64) -> Result<(), Failure> {
        let transaction = self.begin().await?;
        let draw = new_identity(transaction.get_database_backend());
        log_head::Entity::update_many()
            .col_expr(log_head::Column::LogId, Expr::cust(draw))
            .col_expr(log_head::Column::NewestAt, Expr::val(at))
            .col_expr(log_head::Column::IssueFloor, Expr::val(None::<i64>))
            .exec(&transaction)
            .await?;
        session::Entity::update_many()
            .col_expr(Column::LastSeenAt, Expr::val(at))
            .filter(Column::LastSeenAt.gt(at))
            .exec(&transaction)
            .await?;
        commit(transaction).await
    }

    async fn raise_every_epoch(&self) -> Result<(), StoreError> {
        // A user who has logged in has a row. The others can be found only if the users are kept here.
        let mut after: Option<String> = None;
        while let Some(last) = self.retry(|| self.give_epochs_once(after.as_deref())).await? {
            after = Some(last);
        }
        let mut after: Option<String> = None;
        while let Some(last) = self.retry(|| self.raise_epochs_once(after.as_deref())).await? {
            after = Some(last);
        }
        Ok(())
    }

    /// Writes a row for the next users without one, and returns the last user that was checked.
    async fn give_epochs_once(&self, after: Option<&str>) -> Result<Option<String>, Failure> {
        let transaction = self.begin().await?;
        let users = next_users(user::Entity::find(), user::Column::Id, after, &transaction).await?;
        if let Some(last) = users.last().cloned() {
            let rows = users.into_iter().map(|user_id| user_epoch::ActiveModel {
                user_id: sea_orm::Set(user_id),
                epoch: sea_orm::Set(0),
            });
            user_epoch::Entity::insert_many(rows)
                .on_conflict(OnConflict::column(user_epoch::Column::UserId).do_nothing().to_owned())
                .exec_without_returning(&transaction)
                .await?;
            commit(transaction).await?;
            return Ok(Some(last));
        }
        transaction.rollback().await?;
        Ok(None)
    }

    /// Raises the next epochs, and returns the user of the last one.
    async fn raise_epochs_once(&self, after: Option<&str>) -> Result<Option<String>, Failure> {
        let transaction = self.begin().await?;
        let rows = user_epoch::Entity::find();
        let users = next_users(rows, user_epoch::Column::UserId, after, &transaction).await?;
        let last = users.last().cloned();
        if last.is_some() {
            user_epoch::Entity::update_many()
                .col_expr(user_epoch::Column::Epoch, Expr::col(user_epoch::Column::Epoch).add(1))
                .filter(user_epoch::Column::UserId.is_in(users))
                .exec(&transaction)
                .await?;
        }
        commit(transaction).await?;
        Ok(last)
    }

    /// Closes some of the open sessions, and returns how many.
    async fn close_some_once(&self, closing: &Closing, opened_until: i64) -> Result<u64, Failure> {
        let transaction = self.begin().await?;
        let some = Query::select()
            .column(Column::Id)
            .from(session::Entity)
            .and_where(Column::ClosedAt.is_null())
            .and_where(Column::CreatedAt.lte(opened_until))
            // In the order of the index of open sessions.
            .order_by(Column::UserId, sea_orm::Order::Asc)
            .order_by(Column::CreatedAt, sea_orm::Order::Asc)
            .order_by(Column::Id, sea_orm::Order::Asc)
            .limit(BATCH)
            .to_owned();
        let closed = close_open(Column::Id.in_subquery(some), closing)
            .exec_with_returning(&transaction)
            .await?;
        let mut entries = entries_of(&closed, closing);
        let at_least = millis_later(millis(closing.at), closing.margin);
        for entry in &mut entries {
            entry.until = Ord::max(entry.until, at_least);
        }
        log::append(&transaction, &entries).await?;
        commit(transaction).await?;
        Ok(u64::try_from(closed.len()).unwrap_or(u64::MAX))
    }
}

/// The next users of a table, in the order of its column with their ids.
async fn next_users<E: EntityTrait>(
    mut rows: Select<E>,
    id: impl ColumnTrait,
    after: Option<&str>,
    transaction: &DatabaseTransaction,
) -> Result<Vec<String>, DbErr> {
    if let Some(after) = after {
        rows = rows.filter(id.gt(after));
    }
    let ids = rows.select_only().column(id).order_by_asc(id).limit(BATCH);
    ids.into_tuple().all(transaction).await
}

/// The SQL expression for a new log identity.
pub(super) fn new_identity(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Postgres => "gen_random_uuid()",
        _ => "randomblob(16)",
    }
}
