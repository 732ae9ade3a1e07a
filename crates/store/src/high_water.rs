//! How far a database is, for a comparison after it may have lost data.

use jiff::Timestamp;
use rescind_session::{LogId, Position};

/// What a database knows of revocations and of the time. It only grows, unless the database has lost data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HighWater {
    /// The log.
    pub log: LogId,
    /// The last position that was given.
    pub position: Position,
    /// The latest login, rotation or revocation.
    pub newest: Option<Timestamp>,
}
