//! The revocation log in SQL: positions, appending, reading, pruning.

use std::time::Duration;

use jiff::Timestamp;
use rescind_session::{
    EndReason, LogId, Revocation, Scope,
    ports::StoreError,
    token::{SessionId, UserId},
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DeleteMany, EntityTrait, IntoActiveModel, Order, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait, Select, UpdateMany,
    sea_query::{CaseStatement, Expr, ExprTrait, IntoColumnRef, Query},
};
use uuid::Uuid;

use super::{
    SqlStore,
    entities::{event_receiver, log_head, revocation},
    error::{Failure, unreadable},
    rows::{SESSION, TOKEN, millis, millis_later, only},
};

/// The head of the log is one row, and this is its id.
const THE_HEAD: i64 = 1;

/// The number of rows per INSERT: with seven values a row it stays far below the limit of a statement.
const ROWS_AT_ONCE: usize = 500;

/// How this release revokes: it waits for the holders of a copy. Older releases cannot append entries, since they do not
/// give this value.
const PROTOCOL: i64 = 1;

/// A new entry; the log adds the position.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) scope: Scope,
    pub(super) user: String,
    pub(super) at: Timestamp,
    /// In milliseconds.
    pub(super) until: i64,
    pub(super) cause: EndReason,
}

impl Entry {
    fn at_position(&self, position: i64) -> revocation::Model {
        let (scope_kind, scope_id) = kept_scope(self.scope);
        revocation::Model {
            position,
            scope_kind: scope_kind.to_owned(),
            scope_id,
            user_id: self.user.clone(),
            at: millis(self.at),
            until: self.until,
            cause: self.cause.name().to_owned(),
            protocol: PROTOCOL,
        }
    }
}

fn kept_scope(scope: Scope) -> (&'static str, Uuid) {
    match scope {
        Scope::Token(token) => (TOKEN, token.as_uuid()),
        Scope::Session(session) => (SESSION, session.as_uuid()),
    }
}

/// Writes to the head's row and appends no entry. A transaction that writes nothing does not wait for a standby, so the
/// earlier commit that its reply relies on could still be lost.
pub(super) async fn touch(transaction: &DatabaseTransaction, at: Timestamp) -> Result<(), Failure> {
    move_head(Some(millis(at))).exec(transaction).await?;
    Ok(())
}

/// Appends entries in the given order. From here to its commit the transaction holds the head's row: the next
/// transaction gets its positions after this one is visible. If there are no entries, the head is not locked. Call
/// [`SqlStore::record`] after the commit.
pub(super) async fn append(
    transaction: &DatabaseTransaction,
    entries: &[Entry],
) -> Result<Vec<revocation::Model>, Failure> {
    let Some(at) = entries.iter().map(|entry| entry.at).max() else {
        return Ok(Vec::new());
    };
    let count = i64::try_from(entries.len()).map_err(StoreError::unavailable)?;
    let head = move_head(Some(millis(at))).col_expr(
        log_head::Column::LastPosition,
        Expr::col(log_head::Column::LastPosition).add(count),
    );
    let last = the_head(head.exec_with_returning(transaction).await?)?.last_position;
    let rows: Vec<_> = (last - count + 1..)
        .zip(entries)
        .map(|(position, entry)| entry.at_position(position))
        .collect();
    for some in rows.chunks(ROWS_AT_ONCE) {
        let some = some.iter().cloned().map(IntoActiveModel::into_active_model);
        revocation::Entity::insert_many(some)
            .exec_without_returning(transaction)
            .await?;
    }
    Ok(rows)
}

pub(super) async fn find(transaction: &DatabaseTransaction, scope: Scope) -> Result<Option<Revocation>, Failure> {
    let (kind, id) = kept_scope(scope);
    let known = revocation::Entity::find()
        .filter(revocation::Column::ScopeKind.eq(kind))
        .filter(revocation::Column::ScopeId.eq(id));
    let row = only(known, transaction).await?;
    Ok(row.map(Revocation::try_from).transpose()?)
}

/// The stored revocations of a user's sessions, except one session's.
pub(super) fn of_users_sessions(user: &UserId, except: Option<SessionId>) -> Select<revocation::Entity> {
    revocation::Entity::find()
        .filter(revocation::Column::UserId.eq(user.as_str()))
        .filter(revocation::Column::ScopeKind.eq(SESSION))
        .apply_if(except, |select, except| {
            select.filter(revocation::Column::ScopeId.ne(except.as_uuid()))
        })
        .order_by_asc(revocation::Column::Position)
}

/// What the receivers of events need.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    /// Later entries are not removed.
    pub(super) up_to: i64,
    /// Whether entries are kept for the receivers alone. By `until` they would come first, and each round would read all of
    /// them. So then the log is read by position, where they come last.
    pub(super) is_backlog: bool,
}

/// Which entries the receivers still need; `None` if there are no receivers. Forgets receivers that no node claims.
pub(super) async fn held(
    transaction: &DatabaseTransaction,
    now: Timestamp,
    keep: Duration,
    retention: Duration,
    limit: u32,
) -> Result<Option<Held>, Failure> {
    let before = |age: Duration| millis(now).saturating_sub(millis_later(0, age));
    event_receiver::Entity::delete_many()
        .filter(event_receiver::Column::SeenAt.lte(before(retention)))
        .exec(transaction)
        .await?;
    let receivers = event_receiver::Entity::find().all(transaction).await?;
    let log = head(transaction).await?;
    // A position in another log says nothing about this one.
    let position = |row: &event_receiver::Model| {
        if Some(row.log_id) == log.log_id {
            row.position
        } else {
            0
        }
    };
    let Some(acknowledged) = receivers.iter().map(position).min() else {
        return Ok(None);
    };
    let waiting = after(acknowledged, limit).all(transaction).await?;
    let kept = waiting.iter().position(|entry| entry.at > before(retention));
    let given_up = &waiting[..kept.unwrap_or(waiting.len())];
    Ok(Some(Held {
        up_to: given_up.last().map_or(acknowledged, |entry| entry.position),
        is_backlog: kept.is_some_and(|first| waiting[first].at <= before(keep)),
    }))
}

/// Removes at most `limit` entries whose `until` has passed, that are older than `keep`, and that no receiver needs.
pub(super) fn delete_passed(
    now: Timestamp,
    keep: Duration,
    held: Option<Held>,
    limit: u32,
) -> DeleteMany<revocation::Entity> {
    let order = if held.is_some_and(|held| held.is_backlog) {
        revocation::Column::Position
    } else {
        revocation::Column::Until
    };
    let passed = Query::select()
        .column(revocation::Column::Position)
        .from(revocation::Entity)
        .and_where(revocation::Column::Until.lte(millis(now)))
        .and_where(revocation::Column::At.lte(millis(now).saturating_sub(millis_later(0, keep))))
        .and_where_option(held.map(|held| revocation::Column::Position.lte(held.up_to)))
        .order_by(order, Order::Asc)
        .limit(limit.into())
        .to_owned();
    revocation::Entity::delete_many().filter(revocation::Column::Position.in_subquery(passed))
}

/// Records how far the log was pruned: to just below the first entry that is kept, or to the end of an empty log.
/// `seen` is the newest instant among the rows to be removed, or the time by which they are removed if that is later.
///
/// Rejected: the highest position that was removed. Entries are removed by their `until`, so some below it may be kept
/// for long, and a reader that starts over would have to start over again at the first of them, for ever.
pub(super) async fn record_floor(transaction: &DatabaseTransaction, seen: Option<i64>) -> Result<(), Failure> {
    // Locks the head before it reads: a revocation that commits in between must not count as pruned.
    let head = the_head(move_head(seen).exec_with_returning(transaction).await?)?;
    let first = revocation::Entity::find()
        .order_by_asc(revocation::Column::Position)
        .one(transaction)
        .await?;
    let floor = first.map_or(head.last_position, |first| first.position - 1);
    log_head::Entity::update_many()
        .col_expr(log_head::Column::FloorPosition, Expr::val(floor))
        .filter(log_head::Column::Id.eq(THE_HEAD))
        .exec(transaction)
        .await?;
    Ok(())
}

/// An UPDATE of the head that records an instant if it is the newest. It is never moved back, and it is kept when its
/// rows are pruned: a restart must not begin before it.
pub(super) fn move_head(at: Option<i64>) -> UpdateMany<log_head::Entity> {
    let keep = match at {
        Some(at) => later_of(log_head::Column::NewestAt, at),
        None => Expr::col(log_head::Column::NewestAt),
    };
    log_head::Entity::update_many()
        .col_expr(log_head::Column::NewestAt, keep)
        .filter(log_head::Column::Id.eq(THE_HEAD))
}

/// A column's value, or `at` if that is later.
pub(super) fn later_of(column: impl IntoColumnRef + Copy, at: i64) -> Expr {
    CaseStatement::new()
        .case(Expr::col(column).gt(at), Expr::col(column))
        .finally(at)
        .into()
}

/// Raises the issue floor to that instant, in milliseconds; a later floor stays.
pub(super) async fn raise_issue_floor(transaction: &DatabaseTransaction, floor: i64) -> Result<(), Failure> {
    log_head::Entity::update_many()
        .col_expr(
            log_head::Column::IssueFloor,
            later_of(log_head::Column::IssueFloor, floor),
        )
        .filter(log_head::Column::Id.eq(THE_HEAD))
        .exec(transaction)
        .await?;
    Ok(())
}

fn the_head<Row>(rows: impl IntoIterator<Item = Row>) -> Result<Row, Failure> {
    let head = rows.into_iter().next();
    Ok(head.ok_or_else(|| unreadable("a revocation log without its head"))?)
}

pub(super) fn identity(head: &log_head::Model) -> Result<LogId, StoreError> {
    head.log_id
        .map(LogId::from_uuid)
        .ok_or_else(|| unreadable("a revocation log without an identity"))
}

impl SqlStore {
    pub(super) async fn log_head(&self) -> Result<log_head::Model, Failure> {
        head(&self.readers).await
    }
}

pub(super) async fn head(database: &impl ConnectionTrait) -> Result<log_head::Model, Failure> {
    the_head(only(log_head::Entity::find_by_id(THE_HEAD), database).await?)
}

pub(super) fn after(position: i64, limit: u32) -> Select<revocation::Entity> {
    revocation::Entity::find()
        .filter(revocation::Column::Position.gt(position))
        .order_by_asc(revocation::Column::Position)
        .limit(u64::from(limit))
}
