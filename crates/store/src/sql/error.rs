//! Which of the database's errors means what.

use rescind_session::ports::StoreError;
use sea_orm::{DbErr, RuntimeErr, SqlxError};

/// SQLite's code for "somebody else is writing", without the extension in its upper bits.
const SQLITE_BUSY: i32 = 5;
/// The file is damaged.
const SQLITE_CORRUPT: i32 = 11;
/// The file is something else.
const SQLITE_NOTADB: i32 = 26;

/// What a failed statement means to the caller. The database's own words never contain bound values, so the source may
/// be logged.
pub(super) fn failed(error: DbErr) -> StoreError {
    if is_unreadable(&error) {
        StoreError::corrupt(error)
    } else {
        StoreError::unavailable(error)
    }
}

/// A row or a value that this program does not write.
pub(super) fn unreadable(what: &'static str) -> StoreError {
    StoreError::corrupt(what)
}

/// Whether somebody else was writing for longer than this was willing to wait.
pub(super) fn is_busy(error: &DbErr) -> bool {
    sqlite_code(error) == Some(SQLITE_BUSY)
}

fn is_unreadable(error: &DbErr) -> bool {
    match error {
        // The statement ran, and what came back is not of the column's type, or not what the schema's history says.
        DbErr::Type(_) | DbErr::TryIntoErr { .. } | DbErr::Custom(_) => true,
        _ => match sqlx_error(error) {
            Some(SqlxError::ColumnDecode { .. } | SqlxError::Decode(_)) => true,
            _ => matches!(sqlite_code(error), Some(SQLITE_CORRUPT | SQLITE_NOTADB)),
        },
    }
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
    let extended: i32 = error.code()?.parse().ok()?;
    Some(extended & 0xff)
}
