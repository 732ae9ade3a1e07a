//! The meaning of the database's errors, and after which of them a transaction may be retried.

use rescind_session::ports::StoreError;
use sea_orm::{DbErr, RuntimeErr, SqlxError};

/// SQLite's code for "another connection is writing", without the extension in its upper bits.
const SQLITE_BUSY: i32 = 5;
/// The file is damaged.
const SQLITE_CORRUPT: i32 = 11;
/// The file is not a database.
const SQLITE_NOTADB: i32 = 26;

/// Postgres could not serialize the transactions, or two waited for each other, or a lock was not granted in time. It
/// rolled back.
const IN_EACH_OTHERS_WAY: [&str; 3] = ["40001", "40P01", "55P03"];
/// Postgres ends the session: on an administrator's command, because another process of the server crashed, because it
/// is just starting, or because the session was idle in a transaction for too long.
const ENDING: [&str; 4] = ["57P01", "57P02", "57P03", "25P03"];
/// A page, or an index, is damaged.
const PG_CORRUPT: [&str; 2] = ["XX001", "XX002"];

/// Why one attempt failed.
#[derive(Debug)]
pub(super) struct Failure {
    error: StoreError,
    /// The attempt changed nothing in the database, and the next one may succeed.
    try_again: bool,
}

impl Failure {
    /// Whether it is **certain** that nothing was written, and a retry may help.
    pub(super) fn is_worth_another_try(&self) -> bool {
        self.try_again
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self {
            error,
            try_again: false,
        }
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

/// The meaning of a failed statement for the caller. COMMIT was not sent for its transaction, and never will be: the error
/// of a COMMIT itself goes through [`commit_failed`], and so does that of a statement which commits by itself.
impl From<DbErr> for Failure {
    fn from(error: DbErr) -> Self {
        let try_again = is_passing(&error) || is_cut_off(&error);
        Self {
            error: store_error(error),
            try_again,
        }
    }
}

/// The meaning of a failed COMMIT. If the database itself reports that it rolled back, nothing was written. For all
/// other errors, above all a lost connection, that is unknown: for a compare-and-swap that won and whose reply was
/// lost, a second try would report that it lost.
pub(super) fn commit_failed(error: DbErr) -> Failure {
    let try_again = is_passing(&error);
    Failure {
        error: store_error(error),
        try_again,
    }
}

/// A row or a value that this program does not write.
pub(super) fn unreadable(what: &'static str) -> StoreError {
    StoreError::corrupt(what)
}

/// Whether another writer kept the lock for longer than the wait.
pub(super) fn is_busy(error: &DbErr) -> bool {
    sqlite_code(error) == Some(SQLITE_BUSY)
}

/// The part of a Postgres error that is kept. Its details quote whole rows ("Failing row contains …", "Key
/// (username)=(…) already exists"), and a source may be logged.
#[derive(Debug, thiserror::Error)]
#[error("{message} (SQLSTATE {code})")]
struct Refusal {
    code: String,
    message: String,
}

fn store_error(error: DbErr) -> StoreError {
    let unreadable = is_unreadable(&error);
    let source: Box<dyn std::error::Error + Send + Sync> = match postgres_refusal(&error) {
        Some(refusal) => Box::new(refusal),
        // SQLite's messages never contain bound values.
        None => Box::new(error),
    };
    if unreadable {
        StoreError::Corrupt(source)
    } else {
        StoreError::Unavailable(source)
    }
}

fn is_unreadable(error: &DbErr) -> bool {
    match error {
        // The statement ran, but its result is not of the column's type, or does not match the schema's history.
        DbErr::Type(_) | DbErr::TryIntoErr { .. } | DbErr::Custom(_) => true,
        _ => match sqlx_error(error) {
            Some(SqlxError::ColumnDecode { .. } | SqlxError::Decode(_)) => true,
            _ => {
                matches!(sqlite_code(error), Some(SQLITE_CORRUPT | SQLITE_NOTADB))
                    || postgres_code(error).is_some_and(|code| PG_CORRUPT.contains(&code.as_str()))
            }
        },
    }
}

/// Others were in the way, and only for a short time.
fn is_passing(error: &DbErr) -> bool {
    is_busy(error) || postgres_code(error).is_some_and(|code| IN_EACH_OTHERS_WAY.contains(&code.as_str()))
}

/// The connection is gone. Postgres rolls back a transaction without COMMIT.
fn is_cut_off(error: &DbErr) -> bool {
    matches!(sqlx_error(error), Some(SqlxError::Io(_)))
        || postgres_code(error).is_some_and(|code| ends_a_session(&code))
}

/// The whole class 08 is about connections.
fn ends_a_session(code: &str) -> bool {
    ENDING.contains(&code) || code.starts_with("08")
}

fn sqlx_error(error: &DbErr) -> Option<&SqlxError> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => Some(error),
        _ => None,
    }
}

fn sqlite_code(error: &DbErr) -> Option<i32> {
    let SqlxError::Database(error) = sqlx_error(error)? else {
        return None;
    };
    if is_postgres(error.as_ref()) {
        // Some of its codes look like numbers.
        return None;
    }
    let extended: i32 = error.code()?.parse().ok()?;
    Some(extended & 0xff)
}

fn postgres_code(error: &DbErr) -> Option<String> {
    postgres_refusal(error).map(|refusal| refusal.code)
}

fn postgres_refusal(error: &DbErr) -> Option<Refusal> {
    match sqlx_error(error)? {
        SqlxError::Database(error) if is_postgres(error.as_ref()) => Some(Refusal {
            code: error.code().unwrap_or_default().into_owned(),
            message: error.message().to_owned(),
        }),
        _ => None,
    }
}

#[cfg(feature = "postgres")]
fn is_postgres(error: &dyn sea_orm::sqlx::error::DatabaseError) -> bool {
    error
        .try_downcast_ref::<sea_orm::sqlx::postgres::PgDatabaseError>()
        .is_some()
}

#[cfg(not(feature = "postgres"))]
fn is_postgres(_: &dyn sea_orm::sqlx::error::DatabaseError) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use sea_orm::{ConnectionTrait, Database};

    use super::*;

    #[test]
    fn a_broken_connection_is_retried_unless_commit_was_sent() {
        let broken = || {
            DbErr::Conn(RuntimeErr::SqlxError(
                SqlxError::from(std::io::Error::other("reset")).into(),
            ))
        };
        assert!(Failure::from(broken()).is_worth_another_try());
        assert!(!commit_failed(broken()).is_worth_another_try());
        for (code, ends) in [("57P01", true), ("08006", true), ("40001", false), ("23505", false)] {
            assert_eq!(ends_a_session(code), ends, "{code}");
        }
    }

    #[tokio::test]
    async fn an_sqlite_error_is_not_taken_for_a_postgres_error() {
        let database = Database::connect("sqlite::memory:").await.unwrap();
        let error = database.execute_unprepared("no statement").await.unwrap_err();
        assert!(postgres_refusal(&error).is_none());
        assert_eq!(sqlite_code(&error), Some(1));
    }
}
