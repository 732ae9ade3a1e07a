//! The life in force, stored in the row of the log's head; and whether the log lacks entries that it had.

use async_trait::async_trait;
use rescind_session::{
    LogId, Position,
    life::{Life, LogSnapshot, Register},
    ports::{Closing, ISSUE_FLOOR_MARGIN, LifeRegister, SessionStore, StoreError},
};
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use uuid::Uuid;

use super::{
    SqlStore, commit,
    error::{Failure, unreadable},
    restored::new_identity,
    rows::{kept_position, millis, millis_later, moment},
};

/// One statement reads all of it: between two statements another server could answer.
const SIGHT: &str = "SELECT log_id, last_position, life, life_generation,
    (SELECT entry_id FROM rescind_revocations WHERE position = $1) AS found";
/// The history of the database is the first part of the name of a WAL file. (The control file has it later.)
const HISTORY: &str = "pg_is_in_recovery() AS is_standby, CASE WHEN pg_is_in_recovery() THEN 0 ELSE
    ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END AS timeline";
const NO_HISTORY: &str = "FALSE AS is_standby, 0 AS timeline";

#[async_trait]
impl LifeRegister for SqlStore {
    async fn life_in_force(&self) -> Result<(LogSnapshot, Register), StoreError> {
        self.retry(|| self.snapshot_once(Position::START)).await
    }

    async fn set_life(&self, over: u64, next: &Register) -> Result<bool, StoreError> {
        self.retry(|| async {
            let transaction = self.begin().await?;
            let kept = |generation: u64| i64::try_from(generation).map_err(StoreError::unavailable);
            let life = next.life.as_ref().map(|life| life.as_str().to_owned());
            let set = Statement::from_sql_and_values(
                transaction.get_database_backend(),
                "UPDATE rescind_log_head SET life = $1, life_generation = $2 WHERE id = 1 AND life_generation = $3",
                [life.into(), kept(next.generation)?.into(), kept(over)?.into()],
            );
            let set = transaction.execute_raw(set).await?;
            commit(transaction).await?;
            Ok(set.rows_affected() == 1)
        })
        .await
    }
}

impl SqlStore {
    pub(super) async fn snapshot_once(&self, position: Position) -> Result<(LogSnapshot, Register), Failure> {
        let backend = self.readers.get_database_backend();
        let history = if backend == DbBackend::Postgres {
            HISTORY
        } else {
            NO_HISTORY
        };
        let question = format!("{SIGHT}, {history} FROM rescind_log_head WHERE id = 1");
        let question = Statement::from_sql_and_values(backend, question, [kept_position(position).into()]);
        let row = self.readers.query_one_raw(question).await?;
        let row = row.ok_or_else(|| unreadable("a revocation log without its head"))?;
        let number = |name| row.try_get::<i64>("", name);
        let log: Option<Uuid> = row.try_get("", "log_id")?;
        let life: Option<String> = row.try_get("", "life")?;
        let unsigned = |number: i64| u64::try_from(number).map_err(StoreError::corrupt);
        let sight = LogSnapshot {
            log: LogId::from_uuid(log.ok_or_else(|| unreadable("a revocation log without an identity"))?),
            timeline: row.try_get::<i32>("", "timeline")?.cast_unsigned(),
            is_standby: row.try_get("", "is_standby")?,
            head: Position::new(unsigned(number("last_position")?)?),
            found: row.try_get("", "found")?,
        };
        let register = Register {
            life: life.map(|life| Life::new(&life)),
            generation: unsigned(number("life_generation")?)?,
        };
        Ok((sight, register))
    }

    /// Closes everything, then draws another identity for the log, if it still has that one. In this order, so that if
    /// a node fails in between, the next node notices the loss.
    pub(super) async fn begin_again(&self, lost: LogId, closing: &Closing) -> Result<(), StoreError> {
        let floor = millis_later(millis(closing.at), ISSUE_FLOOR_MARGIN);
        self.raise_issue_floor(moment(floor)?).await?;
        // Sessions that were opened after that have lost nothing, and another node may have handled the loss already.
        self.close_every_session(closing, floor).await?;
        self.retry(|| async {
            let transaction = self.begin().await?;
            let backend = transaction.get_database_backend();
            let draw = new_identity(backend);
            let draw = Statement::from_sql_and_values(
                backend,
                format!("UPDATE rescind_log_head SET log_id = {draw} WHERE id = 1 AND log_id = $1"),
                [lost.as_uuid().into()],
            );
            transaction.execute_raw(draw).await?;
            commit(transaction).await
        })
        .await
    }
}
