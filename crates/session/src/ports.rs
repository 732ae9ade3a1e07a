//! The ports that sessions need.
//!
//! They are object-safe, since the adapter is chosen when the program starts. Expected outcomes are enums, not errors;
//! the one error means that a store could not answer. One method is one transaction. No signature shows a transaction:
//! an adapter uses its store's own kind, and the service cannot hold one open by mistake.
//!
//! All times are parameters. Stores keep them to the millisecond.

use std::{error::Error, ops::Range};

use async_trait::async_trait;
use jiff::Timestamp;
use rescind_token::{ClientId, ExtraClaims, Generation, SessionId, TokenId, UserId};
use uuid::Uuid;

use crate::{
    life::{LogPosition, LogSnapshot, Register},
    revocation::{EndReason, LogId, Position, Revocation, Scope},
    session::{Device, Session},
    status_index::{StatusIndex, TakenIndexes},
    user::{Credentials, ListedUser, NewUser, PasswordHash, User, Username},
};

/// A store could not answer. The source is for the log and never reaches a client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store did not answer in time. Whether a write happened is unknown.
    #[error("the store is unavailable")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// The store returned data that this program never wrote.
    #[error("the store holds something that cannot be read")]
    Corrupt(#[source] Box<dyn Error + Send + Sync>),
    /// The store does not implement this method, which the call needs.
    #[error("the store does not implement {0}")]
    Unsupported(&'static str),
}

impl StoreError {
    /// The store did not answer.
    pub fn unavailable(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unavailable(source.into())
    }

    /// The store holds invalid data.
    pub fn corrupt(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Corrupt(source.into())
    }
}

/// The source of a [`StoreError::Unavailable`]: this node may have lost its right to use the database. The revocations
/// it remembers may be out of date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the lock on the database may be lost")]
pub struct LockLost;

/// Who can log in. May be another application's table: it shares no transaction with the other ports.
///
/// Only [`find`](Self::find) has to be written. Each other method is for one part of this crate, and a store without it
/// does not offer that part: by default they return [`StoreError::Unsupported`].
#[async_trait]
pub trait UserStore: Send + Sync {
    /// The user with that id; `None` if there is none, or if they may no longer log in. Every login by password and
    /// every refresh calls it; the refresh after `None` ends the user's sessions.
    ///
    /// It is also called with ids that are not the application's: by [`ready`](crate::SessionService::ready), and for a
    /// login under an unknown name. Return `None` for an id that cannot be read. An error would make the node unready,
    /// and would show which names exist.
    async fn find(&self, id: &UserId) -> Result<Option<User>, StoreError>;

    /// The user with that name, and the hash to check a password against: for
    /// [`log_in`](crate::SessionService::log_in). `None` also for a user without a password, whatever the column holds then
    /// (an empty text, or Django's `!`): a hash that cannot be read is an error, which would show that the name exists.
    async fn credentials(&self, _username: &Username) -> Result<Option<Credentials>, StoreError> {
        Err(StoreError::Unsupported("UserStore::credentials"))
    }

    /// The same if they may log in; `None` otherwise. [`log_in`](crate::SessionService::log_in) calls it after it has read
    /// the epoch. By default it calls [`credentials`](Self::credentials) and [`find`](Self::find), also for an unknown
    /// name, so that the time does not show which names exist.
    async fn login_credentials(&self, username: &Username) -> Result<Option<Credentials>, StoreError> {
        let found = self.credentials(username).await?;
        let no_user = UserId::from(uuid::Uuid::nil());
        let user = self
            .find(found.as_ref().map_or(&no_user, |found| &found.user.id))
            .await?;
        Ok(found.zip(user).map(|(found, user)| Credentials { user, ..found }))
    }

    /// Stores a new user, unless the name is taken: for [`sign_up`](crate::SessionService::sign_up). Of two concurrent
    /// calls exactly one creates the user.
    async fn insert(&self, _new: &NewUser) -> Result<Inserted, StoreError> {
        Err(StoreError::Unsupported("UserStore::insert"))
    }

    /// Replaces a password hash: for [`change_password`](crate::SessionService::change_password).
    async fn set_password(&self, _id: &UserId, _password_hash: PasswordHash) -> Result<PasswordSet, StoreError> {
        Err(StoreError::Unsupported("UserStore::set_password"))
    }

    /// Replaces the hash of another program by argon2id, after a login: if the stored hash is still `old`, compared in
    /// the same statement, so that a password that was changed meanwhile stays. By default the old hash stays.
    async fn replace_hash(&self, _id: &UserId, _old: &PasswordHash, _new: PasswordHash) -> Result<(), StoreError> {
        Err(StoreError::Unsupported("UserStore::replace_hash"))
    }

    /// At most `limit` users in the order of their names, from the first name after `after`: for
    /// [`users`](crate::SessionService::users).
    async fn list(&self, _after: Option<&Username>, _limit: u32) -> Result<Vec<ListedUser>, StoreError> {
        Err(StoreError::Unsupported("UserStore::list"))
    }

    /// Disables a person's account, or enables it again: for [`disable_user`](crate::SessionService::disable_user).
    /// [`find`](Self::find) returns `None` for a disabled user; name and password stay.
    async fn set_disabled(&self, _id: &UserId, _disabled: bool) -> Result<UserChanged, StoreError> {
        Err(StoreError::Unsupported("UserStore::set_disabled"))
    }

    /// Removes a user, if there is one; the name becomes free: for [`delete_user`](crate::SessionService::delete_user).
    async fn delete(&self, _id: &UserId) -> Result<(), StoreError> {
        Err(StoreError::Unsupported("UserStore::delete"))
    }
}

/// Adds the application's own claims to the access tokens.
#[async_trait]
pub trait ClaimsSource: Send + Sync {
    /// The claims of the user's next token. Every login and every refresh calls it, before it writes anything: a
    /// changed role is in the next token, and an error changes nothing and is answered as unavailable. It shares
    /// [`Config::store_timeout`](crate::Config::store_timeout) with the stores.
    async fn claims(&self, user: &UserId, client: &ClientId) -> Result<ExtraClaims, StoreError>;
}

/// The outcome of [`UserStore::insert`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Inserted {
    /// The user can log in now.
    Created,
    /// The name is taken; nothing was written.
    NameTaken,
}

/// The outcome of [`UserStore::set_password`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum PasswordSet {
    /// The new password counts from now on.
    Set,
    /// The user does not exist.
    NoSuchUser,
}

/// The outcome of [`UserStore::set_disabled`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum UserChanged {
    /// The account is now disabled or enabled, as asked.
    Changed,
    /// There is no such person's account.
    NoSuchUser,
}

/// The sessions *and* the revocation log: one trait, because one transaction spans both.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// The user's epoch, [`Epoch::FIRST`] for an unknown user. Read *before* the credentials.
    async fn epoch(&self, user: &UserId) -> Result<Epoch, StoreError>;

    /// Stores a new session, unless the user's epoch has changed since it was read. So a login that began before
    /// [`close_all`](Self::close_all) cannot survive it by committing later.
    async fn open(&self, session: &Session, epoch: Epoch) -> Result<Opened, StoreError>;

    /// The session with that id, open or closed.
    async fn find(&self, id: SessionId) -> Result<Option<Session>, StoreError>;

    /// Exchanges a generation for the next by one compare-and-swap: only if the session is open and still has
    /// generation `from`. Of N callers exactly one wins.
    async fn rotate(&self, rotation: &Rotation) -> Result<Rotated, StoreError>;

    /// Records that the user proved again who they are: sets `auth_time`, and keeps the later `access_until`. Only if
    /// the session is open and its user's epoch has not changed since it was read, *before* the credentials.
    async fn reauthenticate(&self, renewal: &Reauthentication) -> Result<Reauthenticated, StoreError>;

    /// The user's sessions that were not closed, oldest first. Some may have expired.
    async fn list_open(&self, user: &UserId) -> Result<Vec<Session>, StoreError>;

    /// Closes a session and appends its revocation, in one transaction. The revocation's `until` is the row's
    /// `access_until` plus [`Closing::margin`]: never the revoker's clock. Closing a closed session changes neither its
    /// cause nor its revocation; with [`EndReason::Reuse`] it records when reuse was first noticed.
    async fn close(&self, id: SessionId, closing: &Closing) -> Result<Closed, StoreError>;

    /// Closes every open session of the user but `except`, and raises the epoch, in one transaction. Returns the
    /// revocations of all the user's sessions but `except` that the log still holds, also of sessions closed earlier: a
    /// repeat then inserts again what the first try may have failed to insert.
    async fn close_all(
        &self,
        user: &UserId,
        except: Option<SessionId>,
        closing: &Closing,
    ) -> Result<Vec<Revocation>, StoreError>;

    /// Appends the revocation of one token, or of a session without a row; closes no row. A repeat returns the existing
    /// entry.
    async fn revoke(&self, revocation: &NewRevocation) -> Result<Revocation, StoreError>;

    /// The identity of this log. A copy of another log is not a copy of this one.
    async fn log(&self) -> Result<LogId, StoreError>;

    /// At most `limit` entries of the log after `position`, in the order of their positions. An empty list means the
    /// end of the log. From [`Position::START`] every entry that is still kept is returned.
    async fn revocations_after(&self, position: Position, limit: u32) -> Result<Tail, StoreError>;

    /// The log and its entry at that position, read in one statement: shows whether the log still continues what was
    /// seen last. Keep this default if the store can neither lose a commit nor follow another database.
    async fn snapshot(&self, _position: Position) -> Result<LogSnapshot, StoreError> {
        Ok(LogSnapshot {
            log: self.log().await?,
            timeline: 0,
            is_standby: false,
            head: Position::new(u64::MAX),
            found: None,
        })
    }

    /// Recovers from lost commits: closes every open session, raises the issue floor beyond `closing.at`, and draws a
    /// new identity for the log, unless another node has done so already. A repeat is harmless.
    async fn begin_again_after_loss(&self, _lost: LogId, _closing: &Closing) -> Result<(), StoreError> {
        Err(StoreError::unavailable(
            "commits were lost, and this store cannot recover from it",
        ))
    }

    /// Removes at most `limit` revocations whose `until` has passed, and at most `limit` sessions whose absolute end
    /// lies before `sessions_before`. The cost is proportional to what it removes. Records how far the log was pruned:
    /// to just below the first kept entry, so that a reader who starts over reaches the end.
    ///
    /// A call that removes anything records `now` in the store ([`StoreClock::newest`]) in the same transaction.
    /// Otherwise a later start with an earlier clock would accept tokens whose revocations were pruned. A call that
    /// removes nothing records nothing.
    async fn prune(&self, now: Timestamp, sessions_before: Timestamp, limit: u32) -> Result<Pruned, StoreError>;

    /// The times that the store knows.
    async fn store_clock(&self) -> Result<StoreClock, StoreError>;

    /// Records that tokens with an `iat` at or before `floor` are refused: the store does not know what was revoked
    /// before it. The floor is never lowered.
    async fn raise_issue_floor(&self, floor: Timestamp) -> Result<(), StoreError>;

    /// Which of these status indexes sessions have, open or closed, and the highest one of the range. Only for a service
    /// with status lists.
    async fn status_indexes(
        &self,
        _range: Range<StatusIndex>,
        _candidates: &[StatusIndex],
    ) -> Result<TakenIndexes, StoreError> {
        Err(StoreError::Unsupported("SessionStore::status_indexes"))
    }

    /// The status indexes of the range whose session is closed. Only for a service with status lists.
    async fn closed_status_indexes(&self, _range: Range<StatusIndex>) -> Result<Vec<StatusIndex>, StoreError> {
        Err(StoreError::Unsupported("SessionStore::closed_status_indexes"))
    }

    /// Commits a write that changes nothing, to learn whether the store accepts writes: a full or read-only store still
    /// answers reads. All earlier commits are afterwards as durable as this write. An answer about an earlier commit
    /// waits for it, since that commit may not have reached a standby. An adapter that cannot be in either state keeps
    /// this default.
    async fn try_write(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Whether another process may write to this store. Then the blacklist must
    /// [cover all nodes](Blacklist::covers_all_nodes). False only for a store in the memory of this process.
    fn is_shared(&self) -> bool {
        true
    }
}

/// How many times all of a user's sessions have been closed at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(u64);

impl Epoch {
    /// The epoch of a user whose sessions have never been closed all at once.
    pub const FIRST: Epoch = Epoch(0);

    /// An epoch as a store keeps it.
    pub fn new(epoch: u64) -> Self {
        Self(epoch)
    }

    /// The number to keep.
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
    /// Another session has the status index; nothing was written.
    StatusIndexTaken,
}

/// What a rotation writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// Which session to rotate.
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
    /// The device that sent the request.
    pub device: Device,
}

/// The outcome of [`SessionStore::rotate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Rotated {
    /// This call rotated.
    Won,
    /// The session is closed, has another generation, or does not exist; nothing was written. Read it again.
    Lost,
}

/// What [`SessionStore::reauthenticate`] writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reauthentication {
    /// Which session to update.
    pub session: SessionId,
    /// Its user.
    pub user: UserId,
    /// The user's epoch, as it was read before the credentials.
    pub epoch: Epoch,
    /// When the user proved it; becomes `auth_time`.
    pub at: Timestamp,
    /// The `exp` of the access token that goes with it. The row keeps the later of this and its own.
    pub access_until: Timestamp,
}

/// The outcome of [`SessionStore::reauthenticate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Reauthenticated {
    /// It is recorded.
    Recorded,
    /// The user has no such open session, or all sessions of the user were closed meanwhile; nothing was written.
    Refused,
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
    /// It was closed earlier. The revocation is absent once it has been pruned from the log.
    Already(Option<Revocation>),
    /// The session does not exist.
    NoSuchSession,
}

/// A revocation to be appended to the log.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// The number of sessions.
    pub sessions: u64,
    /// The number of revocations.
    pub revocations: u64,
}

/// What a store knows of the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoreClock {
    /// The store's own clock, where it has one.
    pub clock: Option<Timestamp>,
    /// The latest time that it recorded: a login, a rotation, a revocation, or the time of a pruning.
    pub newest: Option<Timestamp>,
    /// The issue floor, where one was recorded: a token whose `iat` is not later is refused.
    pub issue_floor: Option<Timestamp>,
}

/// How far an issue floor lies beyond the newest time known when it is recorded. An `iat` may be that far in the
/// future.
pub const ISSUE_FLOOR_MARGIN: std::time::Duration = std::time::Duration::from_secs(5);

/// The blacklist: the fast copy of the revocation log, in the process or in a store that several nodes share.
///
/// **A copy knows whether it is complete.** An empty blacklist and one that has lost everything look alike: neither
/// refuses a token. So a copy has a mark that names the log of which it is complete, and without the mark
/// [`check`](Self::check) answers [`RevocationStatus::Incomplete`]. Only [`complete`](Self::complete) sets the mark,
/// after a read of the entire log that began *after* [`claim`](Self::claim) had found it missing.
/// [`insert`](Self::insert) never does: it would vouch for entries that it has not seen.
#[async_trait]
pub trait Blacklist: Send + Sync {
    /// Adds revocations. Adding one twice is harmless; the later `until` is kept.
    async fn insert(&self, revocations: &[Revocation]) -> Result<(), StoreError>;

    /// Whether a token or its session is revoked. This verdict is composed here and nowhere else.
    ///
    /// An entry that is present refuses, even in an incomplete copy.
    async fn check(&self, token: TokenId, session: SessionId) -> Result<RevocationStatus, StoreError>;

    /// The answer of [`check`](Self::check), if it is known at once: without waiting for anything but a short lock. Every
    /// request calls this first. By default `None`, and so is it for an adapter that has to ask elsewhere, or fails.
    fn check_now(&self, _token: TokenId, _session: SessionId) -> Option<RevocationStatus> {
        None
    }

    /// Removes at most `limit` entries whose `until` has passed, and returns how many.
    async fn prune(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError>;

    /// Whether the copy is complete, and if not, who fills it: the caller, unless another node does already.
    ///
    /// Every node calls this twice a second, so an adapter may renew here what its trust in a complete copy depends on.
    async fn claim(&self, claim: RebuildClaim) -> Result<ClaimOutcome, StoreError>;

    /// Adds a page of the log to a copy that is being filled, and renews the claim.
    async fn fill(&self, claim: RebuildClaim, revocations: &[Revocation]) -> Result<RebuildStep, StoreError>;

    /// Marks the copy complete, if the claim still stands: nothing was lost since it was made, and no other node took
    /// it.
    async fn complete(&self, claim: RebuildClaim) -> Result<RebuildStep, StoreError>;

    /// Adds a page of the log to a copy that is [complete up to a position](ClaimOutcome::CompleteTo): the entries
    /// after `from`, up to `to`. [`RebuildStep::ClaimLost`] if the copy is no longer complete up to `from`; then
    /// nothing was added.
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

    /// Ends a sync, filling or not: this copy has the log up to `to`, which was its end.
    async fn complete_to(&self, claim: RebuildClaim, _to: LogPosition) -> Result<RebuildStep, StoreError> {
        self.complete(claim).await
    }

    /// Renews what this node's trust in a shared copy depends on. Called every
    /// [`RENEW_EVERY`](crate::life::RENEW_EVERY), concurrently with everything else.
    async fn renew(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Whether all nodes use this one copy, perhaps under another policy. Then a revocation is inserted before the reply,
    /// also under a policy that never checks the blacklist. False for a copy in the memory of this process: behind a shared
    /// lock `true` lets several nodes start, and each would learn of the others' logouts late.
    fn is_shared(&self) -> bool;

    /// Whether a revocation that any node has confirmed is in this copy: all nodes of the log write to this copy, or a
    /// lock keeps every other node away from the log. A service that starts beside a
    /// [shared log](SessionStore::is_shared) requires it. An adapter that cannot guarantee it returns false.
    fn covers_all_nodes(&self) -> bool {
        false
    }
}

/// The blacklist's answer about a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum RevocationStatus {
    /// Neither the token nor its session is revoked.
    NotRevoked,
    /// Revoked, by an entry of this scope.
    Revoked(Scope),
    /// There is no entry, but the copy is incomplete: the entry may be missing. No token can be accepted.
    Incomplete,
}

/// A request for the right to fill a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RebuildClaim {
    /// The log to copy.
    pub log: LogId,
    /// A random number that identifies this claim.
    pub nonce: Uuid,
}

/// The outcome of [`Blacklist::claim`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum ClaimOutcome {
    /// The copy is complete. The claim was not made.
    Complete,
    /// The copy is complete up to that position. Continue from there, never from a position remembered elsewhere: call
    /// [`advance`](Blacklist::advance), then [`complete_to`](Blacklist::complete_to).
    CompleteTo(LogPosition),
    /// The shared copy is complete up to `mark`, and this node's own copy up to `copy`, which is earlier. The log must have
    /// both. Continue from `copy`, in the same way.
    CopyBehind {
        /// How far the shared copy is complete.
        mark: LogPosition,
        /// How far the node's own copy is complete.
        copy: LogPosition,
    },
    /// It is incomplete, and the caller fills it now: it reads the log from the start and uses nothing that was read
    /// before.
    Granted,
    /// It is incomplete, and another node fills it.
    HeldByOther,
}

/// The outcome of a step of filling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum RebuildStep {
    /// The claim stands.
    Accepted,
    /// The store has lost the claim, or another node holds it. The entries that were added stay, and prove nothing.
    ClaimLost,
}

/// Stores the life in force: see [`life`](crate::life). In the database, beside the end of the log.
#[async_trait]
pub trait LifeRegister: Send + Sync {
    /// The log and the life in force, read in one statement.
    async fn life_in_force(&self) -> Result<(LogSnapshot, Register), StoreError>;

    /// Sets the life in force if the generation is still `over`; returns whether it was.
    async fn set_life(&self, over: u64, next: &Register) -> Result<bool, StoreError>;
}
