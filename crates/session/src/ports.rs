//! What a session needs from the outside: four ports.
//!
//! They are object-safe, since the adapter is chosen when the program starts. Expected outcomes are enums, not errors;
//! the one error says that a store could not answer. One method is one transaction, and no transaction shows in a
//! signature: an adapter is free to use whatever its store calls one, and the service cannot hold one open by mistake.
//!
//! All times are handed in. Stores keep them to the millisecond.

use std::error::Error;

use async_trait::async_trait;
use jiff::Timestamp;
use rescind_token::{Generation, SessionId, TokenId, UserId};
use uuid::Uuid;

use crate::{
    life::{LogPosition, LogSnapshot, Register},
    revocation::{EndReason, LogId, Position, Revocation, Scope},
    session::{Device, Session},
    user::{Credentials, NewUser, PasswordHash, User, Username},
};

/// A store could not answer. Its source is for the log; a client learns nothing of it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store did not answer, or not in time. Whether a write happened is unknown.
    #[error("the store is unavailable")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// The store answered with something that this program never wrote.
    #[error("the store holds something that cannot be read")]
    Corrupt(#[source] Box<dyn Error + Send + Sync>),
}

impl StoreError {
    /// The store did not answer.
    pub fn unavailable(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unavailable(source.into())
    }

    /// The store holds what it should not.
    pub fn corrupt(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Corrupt(source.into())
    }
}

/// The source of a [`StoreError::Unavailable`]: the node may no longer be the one, or among those, that may use the database.
/// What it remembers of revocations may be old.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the lock on the database may be lost")]
pub struct LockLost;

/// Who can log in. May be a stranger's table: it shares no transaction with anything.
#[async_trait]
pub trait UserStore: Send + Sync {
    /// The user of that id.
    async fn find(&self, id: UserId) -> Result<Option<User>, StoreError>;

    /// What a login under that name is checked against.
    async fn credentials(&self, username: &Username) -> Result<Option<Credentials>, StoreError>;

    /// Writes a new user down, unless the name is taken: of two at once exactly one is created.
    async fn insert(&self, new: NewUser) -> Result<Inserted, StoreError>;

    /// Replaces a password hash.
    async fn set_password(&self, id: UserId, password_hash: PasswordHash) -> Result<PasswordSet, StoreError>;
}

/// The outcome of [`UserStore::insert`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Inserted {
    /// The user can log in now.
    Created,
    /// Somebody has that name; nothing was written.
    NameTaken,
}

/// The outcome of [`UserStore::set_password`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum PasswordSet {
    /// The new password counts from now on.
    Set,
    /// There is no such user.
    NoSuchUser,
}

/// The sessions *and* the revocation log: one trait, because one transaction spans both.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// The user's epoch, [`Epoch::FIRST`] for one never seen. Read *before* credentials are looked at.
    async fn epoch(&self, user: UserId) -> Result<Epoch, StoreError>;

    /// Writes a new session down, unless the user's epoch is no longer the one that was read. So a login that began
    /// before [`close_all`](Self::close_all) cannot survive it by committing after.
    async fn open(&self, session: &Session, epoch: Epoch) -> Result<Opened, StoreError>;

    /// The session of that id, open or closed.
    async fn find(&self, id: SessionId) -> Result<Option<Session>, StoreError>;

    /// Exchanges a generation for the next by one compare-and-swap: only if the session is open and still of
    /// generation `from`. Of N callers exactly one wins.
    async fn rotate(&self, rotation: &Rotation) -> Result<Rotated, StoreError>;

    /// The user's sessions that nobody has closed, oldest first. Some may have run out.
    async fn list_open(&self, user: UserId) -> Result<Vec<Session>, StoreError>;

    /// Closes a session and appends its revocation, in one transaction. The revocation's `until` is the row's
    /// `access_until` plus [`Closing::margin`]: never the revoker's clock. Closing a closed session changes neither its
    /// cause nor its revocation; with [`EndReason::Reuse`] it notes when reuse was first noticed.
    async fn close(&self, id: SessionId, closing: &Closing) -> Result<Closed, StoreError>;

    /// Closes every open session of the user but `except`, and raises the epoch, in one transaction. Returns the
    /// revocation of each session of the user's, `except` apart, that the log still holds: of those closed before, too,
    /// so that a repeat carries again what the first try may have failed to.
    async fn close_all(
        &self,
        user: UserId,
        except: Option<SessionId>,
        closing: &Closing,
    ) -> Result<Vec<Revocation>, StoreError>;

    /// Appends a revocation and closes no row: of one token, or of a session that has no row. Doing it again returns the
    /// entry that is there.
    async fn revoke(&self, revocation: &NewRevocation) -> Result<Revocation, StoreError>;

    /// Which log this is. A copy that was made of another one says nothing about it.
    async fn log(&self) -> Result<LogId, StoreError>;

    /// At most `limit` entries of the log after `position`, in the order of their positions. An empty list means that
    /// the reader has seen everything. From [`Position::START`] every entry that is still kept is returned.
    async fn revocations_after(&self, position: Position, limit: u32) -> Result<Tail, StoreError>;

    /// What one statement sees of the log, and of its entry at that position: whether it goes on from where it was seen last.
    /// An adapter whose store cannot lose a commit, nor follow another one, keeps this default.
    async fn snapshot(&self, _position: Position) -> Result<LogSnapshot, StoreError> {
        Ok(LogSnapshot {
            log: self.log().await?,
            timeline: 0,
            is_standby: false,
            head: Position::new(u64::MAX),
            found: None,
        })
    }

    /// The answer to lost commits: closes every open session, raises the issue floor beyond `closing.at`, and draws another
    /// identity for the log, unless another node has done so meanwhile. Doing it again is harmless.
    async fn begin_again_after_loss(&self, _lost: LogId, _closing: &Closing) -> Result<(), StoreError> {
        Err(StoreError::unavailable(
            "commits were lost, and this store knows no way on",
        ))
    }

    /// Removes at most `limit` revocations whose `until` has passed, and at most `limit` sessions whose absolute end
    /// lies before `sessions_before`. Costs in proportion to what it removes. Records how far the log was pruned: to just
    /// below the first entry that is kept, so that a reader who starts over comes to the end.
    ///
    /// If it removes anything it records `now` as an instant of the store ([`StoreClock::newest`]) in the same transaction.
    /// Otherwise a later start with an earlier clock would accept tokens whose revocations are gone. If it removes nothing
    /// it records nothing.
    async fn prune(&self, now: Timestamp, sessions_before: Timestamp, limit: u32) -> Result<Pruned, StoreError>;

    /// What the store knows of the time.
    async fn store_clock(&self) -> Result<StoreClock, StoreError>;

    /// Records that no token counts whose `iat` is at or before `floor`: the store does not know what was revoked until
    /// then. The floor is never lowered.
    async fn raise_issue_floor(&self, floor: Timestamp) -> Result<(), StoreError>;

    /// Commits a write that changes nothing, to learn whether the store takes writes: it may answer questions and be full,
    /// or read-only. What was committed before is as durable afterwards as this write: an answer about an earlier commit waits
    /// for it, since that commit may not have reached a standby. An adapter that cannot be in either state keeps this default.
    async fn try_write(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// How many times all of a user's sessions have been closed at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(u64);

impl Epoch {
    /// Of a user whose sessions have never been closed all at once.
    pub const FIRST: Epoch = Epoch(0);

    /// An epoch as a store keeps it.
    #[must_use]
    pub fn new(epoch: u64) -> Self {
        Self(epoch)
    }

    /// The number to keep.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }
}

/// The outcome of [`SessionStore::open`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Opened {
    /// The session is open.
    Opened,
    /// All of the user's sessions were closed since the epoch was read; nothing was written.
    Superseded,
}

/// What a rotation writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// The session.
    pub session: SessionId,
    /// The generation that is presented, *n*.
    pub from: Generation,
    /// The generation that takes its place, *n+1*.
    pub to: Generation,
    /// The time; becomes `last_seen_at`.
    pub at: Timestamp,
    /// The `exp` of the access token that goes with it. The row keeps the later of this and its own.
    pub access_until: Timestamp,
    /// When the session now ends if it is left idle.
    pub idle_until: Timestamp,
    /// Until when `from` still answers with `to`.
    pub grace_until: Timestamp,
    /// The device that asked.
    pub device: Device,
}

/// The outcome of [`SessionStore::rotate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Rotated {
    /// This caller rotated.
    Won,
    /// The session is closed, of another generation, or not there; nothing was written. Look at it again.
    Lost,
}

/// How a session is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closing {
    /// Why.
    pub cause: EndReason,
    /// When.
    pub at: Timestamp,
    /// How much longer than the latest access token the revocation is kept: leeway plus [`MARGIN`](crate::MARGIN).
    pub margin: std::time::Duration,
}

/// The outcome of [`SessionStore::close`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Closed {
    /// This call closed it.
    Now(Revocation),
    /// It was closed before. The revocation is absent once the log has been pruned of it.
    Already(Option<Revocation>),
    /// There is no such session.
    NoSuchSession,
}

/// A revocation to be appended to the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewRevocation {
    /// What no longer counts.
    pub scope: Scope,
    /// The `sub` of the tokens.
    pub user: UserId,
    /// When.
    pub at: Timestamp,
    /// From when on the entry may be removed.
    pub until: Timestamp,
    /// Why.
    pub cause: EndReason,
}

/// The outcome of [`SessionStore::revocations_after`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Tail {
    /// The next entries.
    Entries(Vec<Revocation>),
    /// The log was pruned beyond the reader's position, or ends before it: start over from [`Position::START`].
    StartOver,
}

/// What [`SessionStore::prune`] removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pruned {
    /// Sessions.
    pub sessions: u64,
    /// Revocations.
    pub revocations: u64,
}

/// What a store knows of the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoreClock {
    /// The store's own clock, where it has one.
    pub clock: Option<Timestamp>,
    /// The latest moment that it recorded: a login, a rotation, a revocation, or the time of a pruning.
    pub newest: Option<Timestamp>,
    /// The issue floor, where one was recorded: a token whose `iat` is not later is refused.
    pub issue_floor: Option<Timestamp>,
}

/// How far an issue floor lies beyond the newest instant that is known when it is recorded. An `iat` may be that far in the
/// future.
pub const ISSUE_FLOOR_MARGIN: std::time::Duration = std::time::Duration::from_secs(5);

/// The blacklist: the fast copy of the revocation log, in the process or in a store that several nodes share.
///
/// **A copy knows whether it is whole.** An empty blacklist and one that has lost everything look alike: neither refuses
/// anybody. So a copy carries a mark that says of which log it is whole, and [`check`](Self::check) answers
/// [`RevocationStatus::Incomplete`] wherever the mark is missing. Only [`complete`](Self::complete) sets the mark, at the end of a
/// walk through the whole log that began *after* [`claim`](Self::claim) had found it missing. [`insert`](Self::insert) never
/// does: it would vouch for what it has not seen.
#[async_trait]
pub trait Blacklist: Send + Sync {
    /// Adds revocations. Adding one twice is harmless; the later `until` stays.
    async fn insert(&self, revocations: &[Revocation]) -> Result<(), StoreError>;

    /// Whether a token or its session is revoked: one question, one answer, composed here and nowhere else.
    ///
    /// An entry that is there refuses, whole or not.
    async fn check(&self, token: TokenId, session: SessionId) -> Result<RevocationStatus, StoreError>;

    /// Removes at most `limit` entries whose `until` has passed, and tells how many.
    async fn prune(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError>;

    /// Whether the copy is whole, and if not, who fills it: whoever asks, unless somebody else is at it.
    ///
    /// Every node asks this twice a second, so an adapter may renew here what the trust in a whole copy hangs on.
    async fn claim(&self, claim: RebuildClaim) -> Result<ClaimOutcome, StoreError>;

    /// Adds a page of the log to a copy that is being filled, and keeps the claim alive.
    async fn fill(&self, claim: RebuildClaim, revocations: &[Revocation]) -> Result<RebuildStep, StoreError>;

    /// Marks the copy whole, if the claim still stands: if nothing was lost since it was made, and nobody else took it.
    async fn complete(&self, claim: RebuildClaim) -> Result<RebuildStep, StoreError>;

    /// Adds a page of the log to a copy that is [complete up to a place](ClaimOutcome::CompleteTo): the entries after `from`, of
    /// which the last is at `to`. Lost, if the copy is no longer complete up to `from`; then nothing was added.
    async fn advance(
        &self,
        _claim: RebuildClaim,
        _from: Position,
        _to: LogPosition,
        revocations: &[Revocation],
    ) -> Result<RebuildStep, StoreError> {
        self.insert(revocations).await?;
        Ok(RebuildStep::Accepted)
    }

    /// The end of a sync, filling or not: this copy has the log up to that place, which was its end.
    async fn complete_to(&self, claim: RebuildClaim, _to: LogPosition) -> Result<RebuildStep, StoreError> {
        self.complete(claim).await
    }

    /// Renews what this node's trust in a shared copy hangs on. It is called every
    /// [`RENEW_EVERY`](crate::life::RENEW_EVERY), beside everything else.
    async fn renew(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Whether other nodes may ask this copy, perhaps under another policy. Then what is revoked here is inserted before it
    /// is answered, also under a policy that never asks. An adapter that does not know says yes.
    fn is_shared(&self) -> bool {
        true
    }
}

/// What the blacklist says of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum RevocationStatus {
    /// Neither the token nor its session is revoked.
    NotRevoked,
    /// Revoked, by an entry of this scope.
    Revoked(Scope),
    /// There is no entry, but the copy does not know its past: it may be missing. Nobody can be accepted.
    Incomplete,
}

/// The right to fill a copy, as it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RebuildClaim {
    /// Of which log the copy is to be.
    pub log: LogId,
    /// A random number that tells this claim from every other.
    pub nonce: Uuid,
}

/// The outcome of [`Blacklist::claim`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum ClaimOutcome {
    /// The copy knows its past. The claim was not made.
    Complete,
    /// The copy is complete up to that place. Go on from there, and from no place that was remembered elsewhere: by
    /// [`advance`](Blacklist::advance), then [`complete_to`](Blacklist::complete_to).
    CompleteTo(LogPosition),
    /// It does not, and whoever asked fills it now: reads the log from its start, and nothing that was read before.
    Granted,
    /// It does not, and somebody else fills it.
    HeldByOther,
}

/// The outcome of a step of filling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum RebuildStep {
    /// The claim stands.
    Accepted,
    /// It does not: the store has lost it, or somebody else has it. What was filled in stays, and vouches for nothing.
    ClaimLost,
}

/// Where the life in force stands: see [`life`](crate::life). In the database, beside the end of the log.
#[async_trait]
pub trait LifeRegister: Send + Sync {
    /// The log, and the life in force, as one statement sees them.
    async fn life_in_force(&self) -> Result<(LogSnapshot, Register), StoreError>;

    /// Sets the life in force, if the generation is still `over`; tells whether it was.
    async fn set_life(&self, over: u64, next: &Register) -> Result<bool, StoreError>;
}
