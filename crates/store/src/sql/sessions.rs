//! [`SessionStore`] in SQL.

use std::ops::Range;

use async_trait::async_trait;
use jiff::Timestamp;
use rescind_session::{
    EndReason, LogId, Position, Revocation, Scope, Session, StatusIndex, TakenIndexes,
    life::LogSnapshot,
    ports::{
        Closed, Closing, Epoch, NewRevocation, Opened, Pruned, Reauthenticated, Reauthentication, Rotated, Rotation,
        SessionStore, StoreClock, StoreError, Tail,
    },
    token::{SessionId, UserId},
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, DbBackend, DeleteMany, EntityTrait, Order,
    QueryFilter, QueryOrder, QuerySelect, Select, Set, SqlErr, Statement, UpdateMany,
    sea_query::{Expr, ExprTrait, Func, IntoCondition, OnConflict, Query},
};

use super::{
    HighWater, SqlStore, commit,
    entities::{
        log_head,
        session::{self, Column},
        user_epoch,
    },
    error::{Failure, commit_failed, unreadable},
    revocation_log::{self as log, Entry},
    rows::{self, kept_address, kept_position, millis, millis_later, moment, new_session_row, read_all},
    status_list::{select_closed, select_highest, select_taken},
};

#[async_trait]
impl SessionStore for SqlStore {
    async fn epoch(&self, user: &UserId) -> Result<Epoch, StoreError> {
        self.retry(|| async {
            let row = rows::only(user_epoch::Entity::find_by_id(user.as_str()), &self.readers).await?;
            Ok(row.map_or(Ok(Epoch::FIRST), |row| rows::epoch(row.epoch))?)
        })
        .await
    }

    async fn open(&self, session: &Session, epoch: Epoch) -> Result<Opened, StoreError> {
        self.retry(|| async {
            let transaction = self.begin().await?;
            if hold_epoch(&transaction, &session.user, 0).await? != epoch {
                transaction.rollback().await?;
                return Ok(Opened::Superseded);
            }
            let inserted = session::Entity::insert(new_session_row(session))
                .exec_without_returning(&transaction)
                .await;
            if let Err(error) = inserted {
                if !matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) {
                    return Err(error.into());
                }
                transaction.rollback().await?;
                return match self.find_session_once(session.id).await? {
                    None => Ok(Opened::StatusIndexTaken),
                    Some(_) => Err(unreadable("a session of that id").into()),
                };
            }
            commit(transaction).await?;
            Ok(Opened::Opened)
        })
        .await
    }

    async fn find(&self, id: SessionId) -> Result<Option<Session>, StoreError> {
        self.retry(|| self.find_session_once(id)).await
    }

    async fn rotate(&self, rotation: &Rotation) -> Result<Rotated, StoreError> {
        self.retry(|| async {
            // One statement is a transaction by itself. It commits with its reply, so its errors are those of a COMMIT.
            let swapped = swap_generation(rotation).exec(&self.writer).await;
            let rows = swapped.map_err(commit_failed)?.rows_affected;
            Ok(if rows == 1 { Rotated::Won } else { Rotated::Lost })
        })
        .await
    }

    async fn reauthenticate(&self, renewal: &Reauthentication) -> Result<Reauthenticated, StoreError> {
        self.retry(|| async {
            let transaction = self.begin().await?;
            if hold_epoch(&transaction, &renewal.user, 0).await? == renewal.epoch {
                let recorded = record_authentication(renewal).exec(&transaction).await?;
                if recorded.rows_affected == 1 {
                    commit(transaction).await?;
                    return Ok(Reauthenticated::Recorded);
                }
            }
            transaction.rollback().await?;
            Ok(Reauthenticated::Refused)
        })
        .await
    }

    async fn list_open(&self, user: &UserId) -> Result<Vec<Session>, StoreError> {
        self.retry(|| async {
            let rows = select_open(user).all(&self.readers).await?;
            Ok(read_all(rows)?)
        })
        .await
    }

    async fn close(&self, id: SessionId, closing: &Closing) -> Result<Closed, StoreError> {
        let closed = self
            .retry(|| async {
                let transaction = self.begin().await?;
                let closed = close_open(Column::Id.eq(id.as_uuid()), closing)
                    .exec_with_returning(&transaction)
                    .await?;
                let outcome = match log::append(&transaction, &entries_of(&closed, closing)).await?.pop() {
                    Some(revocation) => Closed::Now(Revocation::try_from(revocation)?),
                    None => already_closed(&transaction, id, closing).await?,
                };
                if let Closed::Already(_) = &outcome {
                    log::touch(&transaction, closing.at).await?;
                }
                commit(transaction).await?;
                Ok(outcome)
            })
            .await?;
        self.record().await?;
        Ok(closed)
    }

    async fn close_all(
        &self,
        user: &UserId,
        except: Option<SessionId>,
        closing: &Closing,
    ) -> Result<Vec<Revocation>, StoreError> {
        let revocations = self
            .retry(|| async {
                let transaction = self.begin().await?;
                hold_epoch(&transaction, user, 1).await?;
                let which = Condition::all()
                    .add(Column::UserId.eq(user.as_str()))
                    .add_option(except.map(|except| Column::Id.ne(except.as_uuid())));
                let mut closed = close_open(which, closing).exec_with_returning(&transaction).await?;
                closed.sort_by_key(|row| (row.created_at, row.id));
                log::append(&transaction, &entries_of(&closed, closing)).await?;
                let revocations = log::of_users_sessions(user, except).all(&transaction).await?;
                commit(transaction).await?;
                Ok(read_all(revocations)?)
            })
            .await?;
        self.record().await?;
        Ok(revocations)
    }

    async fn revoke(&self, revocation: &NewRevocation) -> Result<Revocation, StoreError> {
        let revoked = self
            .retry(|| async {
                let transaction = self.begin().await?;
                let entry = Entry {
                    scope: revocation.scope,
                    user: revocation.user.as_str().to_owned(),
                    at: revocation.at,
                    until: millis(revocation.until),
                    cause: revocation.cause,
                };
                // Reads only while it holds the head: if two revoke the same token, the second then sees the first.
                log::touch(&transaction, revocation.at).await?;
                if let Some(found) = log::find(&transaction, entry.scope).await? {
                    commit(transaction).await?;
                    return Ok(found);
                }
                let row = log::append(&transaction, &[entry]).await?;
                commit(transaction).await?;
                let row = row
                    .into_iter()
                    .next()
                    .ok_or_else(|| unreadable("an entry that was not inserted"))?;
                Ok(Revocation::try_from(row)?)
            })
            .await?;
        self.record().await?;
        Ok(revoked)
    }

    async fn log(&self) -> Result<LogId, StoreError> {
        self.retry(|| async { Ok(log::identity(&self.log_head().await?)?) })
            .await
    }

    async fn revocations_after(&self, position: Position, limit: u32) -> Result<Tail, StoreError> {
        self.retry(|| async {
            // Entries first, then the head, without a transaction around them: what was pruned before the entries were read
            // shows in the floor, and what is pruned later was read. The other order could miss an entry.
            let entries = log::after(kept_position(position), limit).all(&self.readers).await?;
            let head = self.log_head().await?;
            let place = kept_position(position);
            let lost_its_place =
                place > head.last_position || (position != Position::START && place < head.floor_position);
            if lost_its_place {
                Ok(Tail::StartOver)
            } else {
                Ok(Tail::Entries(read_all(entries)?))
            }
        })
        .await
    }

    async fn prune(&self, now: Timestamp, sessions_before: Timestamp, limit: u32) -> Result<Pruned, StoreError> {
        self.retry(|| async {
            let transaction = self.begin().await?;
            let seen = newest_seen(&transaction).await?;
            let sessions = delete_ended(sessions_before, limit)
                .exec(&transaction)
                .await?
                .rows_affected;
            let held = log::held(&transaction, now, self.keep_entries, self.event_retention, limit).await?;
            let passed = log::delete_passed(now, self.keep_entries, held, limit)
                .exec(&transaction)
                .await?
                .rows_affected;
            if sessions + passed > 0 {
                // With the time by which they were removed: a restart must not begin before it.
                log::record_floor(&transaction, Ord::max(seen, Some(millis(now)))).await?;
            }
            commit(transaction).await?;
            Ok(Pruned {
                sessions,
                revocations: passed,
            })
        })
        .await
    }

    async fn store_clock(&self) -> Result<StoreClock, StoreError> {
        self.retry(|| async {
            let clock = clock(&self.readers).await?;
            let (seen, head) = (newest_seen(&self.readers).await?, self.log_head().await?);
            Ok(StoreClock {
                clock: Some(moment(clock)?),
                newest: Ord::max(seen, head.newest_at).map(moment).transpose()?,
                issue_floor: head.issue_floor.map(moment).transpose()?,
            })
        })
        .await
    }

    async fn snapshot(&self, position: Position) -> Result<LogSnapshot, StoreError> {
        Ok(self.retry(|| self.snapshot_once(position)).await?.0)
    }

    async fn begin_again_after_loss(&self, lost: LogId, closing: &Closing) -> Result<(), StoreError> {
        self.begin_again(lost, closing).await
    }

    async fn raise_issue_floor(&self, floor: Timestamp) -> Result<(), StoreError> {
        self.retry(|| async {
            let transaction = self.begin().await?;
            log::raise_issue_floor(&transaction, millis(floor)).await?;
            commit(transaction).await
        })
        .await
    }

    async fn status_indexes(
        &self,
        range: Range<StatusIndex>,
        candidates: &[StatusIndex],
    ) -> Result<TakenIndexes, StoreError> {
        self.retry(|| async {
            let highest = select_highest(&range).into_tuple().one(&self.readers).await?;
            let taken = match candidates {
                [] => Vec::new(),
                some => select_taken(some).into_tuple().all(&self.readers).await?,
            };
            Ok(TakenIndexes {
                taken: taken.into_iter().map(rows::status_index).collect::<Result<_, _>>()?,
                highest: highest.map(rows::status_index).transpose()?,
            })
        })
        .await
    }

    async fn closed_status_indexes(&self, range: Range<StatusIndex>) -> Result<Vec<StatusIndex>, StoreError> {
        self.retry(|| async {
            let closed: Vec<i64> = select_closed(&range).into_tuple().all(&self.readers).await?;
            Ok(closed.into_iter().map(rows::status_index).collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn try_write(&self) -> Result<(), StoreError> {
        self.retry(|| async {
            let transaction = self.begin().await?;
            // There and back: SQLite writes no page for an UPDATE without a change.
            for step in [1, -1] {
                let moved = Expr::col(log_head::Column::LastPosition).add(step);
                let moved = log::move_head(None).col_expr(log_head::Column::LastPosition, moved);
                moved.exec(&transaction).await?;
            }
            commit(transaction).await
        })
        .await?;
        // Without it no revocation is answered either.
        self.record().await
    }
}

impl SqlStore {
    async fn find_session_once(&self, id: SessionId) -> Result<Option<Session>, Failure> {
        let row = rows::only(session::Entity::find_by_id(id.as_uuid()), &self.readers).await?;
        Ok(row.map(Session::try_from).transpose()?)
    }

    /// The current values of the database.
    pub async fn high_water(&self) -> Result<HighWater, StoreError> {
        self.retry(|| async {
            let (seen, head) = (newest_seen(&self.readers).await?, self.log_head().await?);
            Ok(HighWater {
                log: log::identity(&head)?,
                position: rows::position(head.last_position)?,
                newest: Ord::max(seen, head.newest_at).map(moment).transpose()?,
            })
        })
        .await
    }
}

/// Raises a user's epoch by 0 or 1, holds its row until the commit, and returns its current value. By 0 it is a read
/// that cannot become stale: the row is written even for a user without one, since a missing row cannot be locked.
async fn hold_epoch(transaction: &DatabaseTransaction, user: &UserId, by: i64) -> Result<Epoch, Failure> {
    let raised = Expr::col((user_epoch::Entity, user_epoch::Column::Epoch)).add(by);
    let row = user_epoch::Entity::insert(user_epoch::ActiveModel {
        user_id: Set(user.as_str().to_owned()),
        epoch: Set(by),
    })
    .on_conflict(
        OnConflict::column(user_epoch::Column::UserId)
            .value(user_epoch::Column::Epoch, raised)
            .to_owned(),
    )
    .exec_with_returning(transaction)
    .await?;
    Ok(rows::epoch(row.epoch)?)
}

fn record_authentication(renewal: &Reauthentication) -> UpdateMany<session::Entity> {
    session::Entity::update_many()
        .col_expr(Column::AuthTime, log::later_of(Column::AuthTime, millis(renewal.at)))
        .col_expr(
            Column::AccessUntil,
            log::later_of(Column::AccessUntil, millis(renewal.access_until)),
        )
        .filter(Column::Id.eq(renewal.session.as_uuid()))
        .filter(Column::UserId.eq(renewal.user.as_str()))
        .filter(Column::ClosedAt.is_null())
}

/// The compare-and-swap. The comparison is in its WHERE, so no other statement can run between the two.
fn swap_generation(rotation: &Rotation) -> UpdateMany<session::Entity> {
    session::Entity::update_many()
        .set(session::ActiveModel {
            generation: Set(Some(rotation.to.get().into())),
            idle_until: Set(Some(millis(rotation.idle_until))),
            grace_until: Set(Some(millis(rotation.grace_until))),
            user_agent: Set(rotation.device.user_agent.clone()),
            address: Set(kept_address(&rotation.device)),
            ..session::ActiveModel::default()
        })
        // Neither value goes back, though nodes' clocks differ: the newest instant must be the newest, and a revocation
        // must outlive every access token.
        .col_expr(
            Column::LastSeenAt,
            log::later_of(Column::LastSeenAt, millis(rotation.at)),
        )
        .col_expr(
            Column::AccessUntil,
            log::later_of(Column::AccessUntil, millis(rotation.access_until)),
        )
        .filter(Column::Id.eq(rotation.session.as_uuid()))
        .filter(Column::Generation.eq(i64::from(rotation.from.get())))
        .filter(Column::ClosedAt.is_null())
}

pub(super) fn select_open(user: &UserId) -> Select<session::Entity> {
    session::Entity::find()
        .filter(Column::UserId.eq(user.as_str()))
        .filter(Column::ClosedAt.is_null())
        .order_by_asc(Column::CreatedAt)
        .order_by_asc(Column::Id)
}

/// Closes those of the sessions that are open. Their rows are returned as they are at that moment, so `access_until` is
/// the latest that any rotation wrote, also one that this statement had to wait for.
pub(super) fn close_open(which: impl IntoCondition, closing: &Closing) -> UpdateMany<session::Entity> {
    let close = session::Entity::update_many()
        .set(session::ActiveModel {
            closed_at: Set(Some(millis(closing.at))),
            closed_cause: Set(Some(closing.cause.name().to_owned())),
            ..session::ActiveModel::default()
        })
        .filter(which.into_condition())
        .filter(Column::ClosedAt.is_null());
    match closing.cause {
        EndReason::Reuse => close.col_expr(
            Column::ReuseNoticedAt,
            Func::coalesce([Expr::col(Column::ReuseNoticedAt), Expr::val(millis(closing.at))]).into(),
        ),
        _ => close,
    }
}

pub(super) fn entries_of(closed: &[session::Model], closing: &Closing) -> Vec<Entry> {
    let entry = |row: &session::Model| Entry {
        scope: Scope::Session(SessionId::from_uuid(row.id)),
        user: row.user_id.clone(),
        at: closing.at,
        until: millis_later(row.access_until, closing.margin),
        cause: closing.cause,
    };
    closed.iter().map(entry).collect()
}

/// The outcome for a session that is not open; records reuse if that is the reason to close it.
async fn already_closed(
    transaction: &DatabaseTransaction,
    id: SessionId,
    closing: &Closing,
) -> Result<Closed, Failure> {
    let Some(row) = rows::only(session::Entity::find_by_id(id.as_uuid()), transaction).await? else {
        return Ok(Closed::NoSuchSession);
    };
    if closing.cause == EndReason::Reuse && row.reuse_noticed_at.is_none() {
        session::Entity::update_many()
            .col_expr(Column::ReuseNoticedAt, Expr::val(millis(closing.at)))
            .filter(Column::Id.eq(id.as_uuid()))
            .filter(Column::ReuseNoticedAt.is_null())
            .exec(transaction)
            .await?;
    }
    Ok(Closed::Already(log::find(transaction, Scope::Session(id)).await?))
}

/// Removes at most `limit` sessions whose absolute end lies before that instant.
pub(super) fn delete_ended(before: Timestamp, limit: u32) -> DeleteMany<session::Entity> {
    let ended = Query::select()
        .column(Column::Id)
        .from(session::Entity)
        .and_where(Column::ExpiresAt.lt(millis(before)))
        .order_by(Column::ExpiresAt, Order::Asc)
        .limit(limit.into())
        .to_owned();
    session::Entity::delete_many().filter(Column::Id.in_subquery(ended))
}

/// The latest `last_seen_at` of all sessions, by index.
pub(super) fn select_newest_seen() -> Select<session::Entity> {
    session::Entity::find()
        .select_only()
        .column_as(Column::LastSeenAt.max(), "newest")
}

async fn newest_seen(database: &impl ConnectionTrait) -> Result<Option<i64>, Failure> {
    let newest = select_newest_seen().into_tuple::<Option<i64>>().one(database).await?;
    Ok(newest.flatten())
}

/// The database's own clock, in milliseconds. There is no portable query for it.
pub(super) async fn clock(database: &impl ConnectionTrait) -> Result<i64, Failure> {
    let ask = match database.get_database_backend() {
        DbBackend::Sqlite => "SELECT CAST(ROUND(unixepoch('subsec') * 1000) AS INTEGER)",
        // Not `now()`, which stands still during a transaction.
        DbBackend::Postgres => "SELECT CAST(ROUND(EXTRACT(EPOCH FROM clock_timestamp()) * 1000) AS BIGINT)",
        _ => return Err(StoreError::unavailable("this kind of database was not asked for the time").into()),
    };
    let statement = Statement::from_string(database.get_database_backend(), ask);
    let row = database.query_one_raw(statement).await?;
    let row = row.ok_or_else(|| unreadable("a clock that shows nothing"))?;
    Ok(row.try_get_by_index(0)?)
}
