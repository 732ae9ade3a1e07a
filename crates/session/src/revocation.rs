//! Revocations: the facts that a token or a session no longer counts.
//!
//! They are appended to a log beside the sessions, in the same transaction that closes them. The blacklist is a copy of
//! that log, and can always be made again from it. Entries are ordered by [`Position`], which follows the order of
//! commits, so that a reader of the log's tail misses none.
//!
//! The scopes are two, one token and one session. A third, "all that was issued before an instant", was left out on
//! purpose: it compares clocks, in seconds, and either keeps the stolen token of that second or refuses the fresh login.

use std::time::Duration;

use jiff::Timestamp;
use rescind_token::{SessionId, TokenId, UserId};
use uuid::Uuid;

/// A revocation as the log keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// Where it stands in the log.
    pub position: Position,
    /// What no longer counts.
    pub scope: Scope,
    /// Whose it was.
    pub user: UserId,
    /// When it was revoked.
    pub at: Timestamp,
    /// From when on the entry may be removed. It only permits removal: an entry that is present refuses, whatever its `until`.
    pub until: Timestamp,
    /// Why.
    pub cause: EndReason,
}

/// What a revocation covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// One access token, by its `jti`.
    Token(TokenId),
    /// Every access token of a session, by their `sid`.
    Session(SessionId),
}

/// Why a session or a token was revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndReason {
    /// Its owner logged out.
    Logout,
    /// Its owner ended it from the list of devices.
    LogoutElsewhere,
    /// Its owner logged out everywhere.
    LogoutEverywhere,
    /// A login in the same browser took its place.
    Replaced,
    /// Its owner logged in on more devices than one user may; this session was the oldest.
    TooMany,
    /// Its owner's password was changed.
    PasswordChange,
    /// A refresh token that had been exchanged already was presented: somebody has a copy.
    Reuse,
    /// A refresh token newer than the row was presented: the database has lost a commit.
    LostCommit,
    /// Somebody in charge ended it.
    Administrator,
    /// This one token was revoked, and the session was not.
    TokenRevoked,
}

impl EndReason {
    /// All of them: for adapters that keep causes by name.
    pub const ALL: [EndReason; 10] = [
        Self::Logout,
        Self::LogoutElsewhere,
        Self::LogoutEverywhere,
        Self::Replaced,
        Self::TooMany,
        Self::PasswordChange,
        Self::Reuse,
        Self::LostCommit,
        Self::Administrator,
        Self::TokenRevoked,
    ];

    /// A stable name, for stores and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::LogoutElsewhere => "logout_elsewhere",
            Self::LogoutEverywhere => "logout_everywhere",
            Self::Replaced => "replaced",
            Self::TooMany => "too_many",
            Self::PasswordChange => "password_change",
            Self::Reuse => "reuse",
            Self::LostCommit => "lost_commit",
            Self::Administrator => "administrator",
            Self::TokenRevoked => "token_revoked",
        }
    }

    /// The cause of that [`name`](Self::name).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.name() == name)
    }
}

/// A place in the revocation log. Positions follow the order of commits, and none is given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(u64);

impl Position {
    /// Before the first entry.
    pub const START: Position = Position(0);

    /// A position as a store keeps it.
    #[must_use]
    pub fn new(position: u64) -> Self {
        Self(position)
    }

    /// The number to keep.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }

    /// The one after.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// Which revocation log. A copy made of one says nothing about another, even one with the same positions: of an emptied
/// database, or of one that was restored from a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LogId(Uuid);

impl LogId {
    /// The identity as a store keeps it.
    #[must_use]
    pub fn from_uuid(id: Uuid) -> Self {
        Self(id)
    }

    /// The number to keep.
    #[must_use]
    pub fn as_uuid(self) -> Uuid {
        self.0
    }
}

/// How much longer than the latest token it covers an entry is kept, beyond the leeway. It absorbs the difference of
/// clocks between nodes, and a leeway that was raised: no leeway may be longer than this.
pub const MARGIN: Duration = Duration::from_secs(5 * 60);
