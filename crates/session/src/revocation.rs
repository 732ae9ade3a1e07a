//! Revocations: the facts that a token or a session no longer counts.
//!
//! They are appended to a log beside the sessions, in the transaction that closes them. The blacklist is a copy of that
//! log and can always be rebuilt from it. Entries are ordered by [`Position`], which follows the order of commits, so
//! that a reader of the log's tail misses none.
//!
//! There are two scopes: one token, one session. Rejected: a third, "all that was issued before an instant". It
//! compares clocks in seconds, and either accepts the stolen token of that second or refuses the new login.

use std::time::Duration;

use jiff::Timestamp;
use rescind_token::{RevokedSubject, SecurityEvent, SessionId, SessionRevoked, TokenId, UserId};
use strum::{EnumCount, IntoStaticStr, VariantArray};
use uuid::Uuid;

/// A revocation in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// Its position in the log.
    pub position: Position,
    /// What no longer counts.
    pub scope: Scope,
    /// The user of the token or session.
    pub user: UserId,
    /// When it was revoked.
    pub at: Timestamp,
    /// From when on the entry may be removed. It only permits removal: an entry that is present refuses even after its
    /// `until`.
    pub until: Timestamp,
    /// Why.
    pub cause: EndReason,
}

impl Revocation {
    /// The event for services that learn of it from a message.
    pub fn to_event(&self) -> SecurityEvent {
        SecurityEvent::SessionRevoked(SessionRevoked {
            subject: match self.scope {
                Scope::Session(session) => RevokedSubject::Session(session, self.user.clone()),
                Scope::Token(token) => RevokedSubject::Token(token),
            },
            at: self.at,
            until: self.until,
        })
    }
}

/// What a revocation covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// One access token, by its `jti`.
    Token(TokenId),
    /// Every access token of a session, by its `sid`.
    Session(SessionId),
}

/// Why a session or a token was revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumCount, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum EndReason {
    /// Its owner logged out.
    Logout,
    /// Its owner ended it from the list of devices.
    LogoutElsewhere,
    /// Its owner logged out everywhere.
    LogoutEverywhere,
    /// A login in the same browser replaced it.
    Replaced,
    /// Its owner logged in on more devices than one user may; this session was the oldest.
    TooMany,
    /// Its owner's password was changed.
    PasswordChange,
    /// An already exchanged refresh token was presented, so a copy exists.
    Reuse,
    /// A refresh token newer than the row was presented: the database has lost a commit.
    LostCommit,
    /// An administrator ended it.
    Administrator,
    /// Its user was removed or may no longer log in.
    Disabled,
    /// Only this token was revoked, not the session.
    TokenRevoked,
}

impl EndReason {
    /// All of them, for adapters that store causes by name.
    pub const ALL: [EndReason; Self::COUNT] = *Self::VARIANTS.first_chunk().unwrap();

    /// A stable name, for stores and logs.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The cause with that [`name`](Self::name).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.name() == name)
    }
}

/// A position in the revocation log. Positions follow the order of commits, and none is given twice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(u64);

impl Position {
    /// Before the first entry.
    pub const START: Position = Position(0);

    /// A position from a store.
    pub fn new(position: u64) -> Self {
        Self(position)
    }

    /// The value to store.
    pub fn get(self) -> u64 {
        self.0
    }

    /// The next position.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// The identity of a revocation log. A copy of one log is not valid for another, even with the same positions: that of
/// an emptied database, or of one restored from a backup.
#[derive(Debug, Clone, Copy, derive_more::Display, PartialEq, Eq, Hash)]
pub struct LogId(Uuid);

impl LogId {
    /// An identity from a store.
    pub fn from_uuid(id: Uuid) -> Self {
        Self(id)
    }

    /// The value to store.
    pub fn as_uuid(self) -> Uuid {
        self.0
    }
}

/// How long an entry is kept beyond the latest token that it covers, in addition to the leeway. It absorbs clock
/// differences between nodes and a raised leeway: no leeway may be longer than this.
pub const MARGIN: Duration = Duration::from_secs(5 * 60);
