//! Decorators of the ports: code around every store call, to count, delay or fail it.
//!
//! A decorator implements [`Around`], and so the port itself. The calls of all three stores pass through one function,
//! so that none is forgotten. All methods are forwarded, those with a default included: a decorated adapter answers
//! like the adapter itself.

use std::{
    any::Any,
    future::Future,
    ops::{Deref, Range},
};

use async_trait::async_trait;
use jiff::Timestamp;
use rescind_token::{SessionId, TokenId, UserId};

use crate::{
    life::{LogPosition, LogSnapshot},
    ports::{
        Blacklist, ClaimOutcome, Closed, Closing, Epoch, Inserted, NewRevocation, Opened, PasswordSet, Pruned,
        Reauthenticated, Reauthentication, RebuildClaim, RebuildStep, RevocationStatus, Rotated, Rotation,
        SessionStore, StoreClock, StoreError, Tail, UserChanged, UserStore,
    },
    revocation::{LogId, Position, Revocation},
    session::Session,
    status_index::{StatusIndex, TakenIndexes},
    user::{Credentials, ListedUser, NewUser, PasswordHash, User, Username},
};

/// A decorator of the port `P`: `dyn UserStore`, `dyn SessionStore` or `dyn Blacklist`.
pub trait Around<P: ?Sized>: Send + Sync {
    /// The decorated adapter.
    fn inner(&self) -> impl Deref<Target = P> + Send + Sync;

    /// Runs around each call. `next` makes the call, when it is awaited.
    fn around<T: Answer>(
        &self,
        call: Call<'_>,
        next: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> impl Future<Output = Result<T, StoreError>> + Send;

    /// The answer to [`Blacklist::check_now`], where `inner` gives that of the adapter. By default `None`, so that each check
    /// passes through [`around`](Self::around).
    fn at_once(&self, _inner: impl FnOnce() -> Option<RevocationStatus>) -> Option<RevocationStatus> {
        None
    }

    /// The answer to [`Blacklist::is_shared`], given the adapter's answer.
    fn shared(&self, inner: bool) -> bool {
        inner
    }

    /// The answer to [`Blacklist::covers_all_nodes`], given the adapter's answer.
    fn covering(&self, inner: bool) -> bool {
        inner
    }
}

/// A call of a port, with the arguments that identify its subject.
#[derive(Debug, Clone, Copy)]
#[expect(
    missing_docs,
    reason = "each is named after its method, and after the port where that is needed"
)]
pub enum Call<'a> {
    FindUser(&'a UserId),
    Credentials(&'a Username),
    LoginCredentials(&'a Username),
    InsertUser(&'a UserId),
    SetPassword(&'a UserId),
    ReplaceHash(&'a UserId),
    ListUsers,
    SetDisabled(&'a UserId),
    DeleteUser(&'a UserId),
    Epoch(&'a UserId),
    Open(&'a Session, Epoch),
    FindSession(SessionId),
    Rotate(&'a Rotation),
    Reauthenticate(&'a Reauthentication),
    ListOpen(&'a UserId),
    Close(SessionId, &'a Closing),
    CloseAll(&'a UserId, &'a Closing),
    Revoke(&'a NewRevocation),
    Log,
    RevocationsAfter(Position),
    Snapshot(Position),
    BeginAgainAfterLoss(LogId),
    PruneSessions,
    StoreClock,
    RaiseIssueFloor(Timestamp),
    StatusIndexes(&'a [StatusIndex]),
    ClosedStatusIndexes,
    TryWrite,
    Insert(&'a [Revocation]),
    Check(TokenId, SessionId),
    PruneBlacklist,
    Claim(RebuildClaim),
    Fill(RebuildClaim, &'a [Revocation]),
    Complete(RebuildClaim),
    Advance(RebuildClaim, &'a [Revocation]),
    CompleteTo(RebuildClaim),
    Renew,
}

/// A type that a port method returns.
pub trait Answer: Any + Send {
    /// The answer, to read or change.
    fn reply(&mut self) -> Reply<'_>;

    /// `other`, if it is of this type: for a decorator that answers instead of the adapter.
    fn from_other<T: Answer>(other: T) -> Option<Self>
    where
        Self: Sized,
    {
        let mut other = Some(other);
        (&mut other as &mut dyn Any).downcast_mut::<Option<Self>>()?.take()
    }
}

macro_rules! replies {
    ($($name:ident($type:ty))*) => {
        /// The answer to a [`Call`].
        #[derive(Debug)]
        #[expect(missing_docs, reason = "each is named after its type")]
        pub enum Reply<'a> {
            $($name(&'a mut $type),)*
        }
        $(impl Answer for $type {
            fn reply(&mut self) -> Reply<'_> {
                Reply::$name(self)
            }
        })*
    };
}

replies! {
    Nothing(())
    Count(u64)
    User(Option<User>)
    Credentials(Option<Credentials>)
    Inserted(Inserted)
    PasswordSet(PasswordSet)
    Users(Vec<ListedUser>)
    UserChanged(UserChanged)
    Epoch(Epoch)
    Opened(Opened)
    Session(Option<Session>)
    Sessions(Vec<Session>)
    Rotated(Rotated)
    Reauthenticated(Reauthenticated)
    Closed(Closed)
    Revocation(Revocation)
    Revocations(Vec<Revocation>)
    LogId(LogId)
    Tail(Tail)
    LogSnapshot(LogSnapshot)
    Pruned(Pruned)
    StoreClock(StoreClock)
    TakenIndexes(TakenIndexes)
    StatusIndexes(Vec<StatusIndex>)
    RevocationStatus(RevocationStatus)
    ClaimOutcome(ClaimOutcome)
    RebuildStep(RebuildStep)
}

macro_rules! decorate {
    ($($port:ident {
        $($method:ident($($arg:ident: $type:ty),*) -> $answer:ty as $call:ident$(($($about:expr),*))?;)*
        $(+ { $($sync:tt)* })?
    })*) => {
        $(#[async_trait]
        impl<D: Around<dyn $port>> $port for D {
            $(async fn $method(&self, $($arg: $type),*) -> Result<$answer, StoreError> {
                let (inner, call) = (self.inner(), Call::$call$(($($about),*))?);
                self.around(call, async { (*inner).$method($($arg),*).await }).await
            })*
            $($($sync)*)?
        })*

        impl Call<'_> {
            /// The name of the method.
            pub fn method(&self) -> &'static str {
                match self {
                    $($(Self::$call { .. } => stringify!($method),)*)*
                }
            }
        }
    };
}

decorate! {
    UserStore {
        find(id: &UserId) -> Option<User> as FindUser(id);
        credentials(username: &Username) -> Option<Credentials> as Credentials(username);
        login_credentials(username: &Username) -> Option<Credentials> as LoginCredentials(username);
        insert(new: &NewUser) -> Inserted as InsertUser(&new.user.id);
        set_password(id: &UserId, password_hash: PasswordHash) -> PasswordSet as SetPassword(id);
        replace_hash(id: &UserId, old: &PasswordHash, new: PasswordHash) -> () as ReplaceHash(id);
        list(after: Option<&Username>, limit: u32) -> Vec<ListedUser> as ListUsers;
        set_disabled(id: &UserId, disabled: bool) -> UserChanged as SetDisabled(id);
        delete(id: &UserId) -> () as DeleteUser(id);
    }
    SessionStore {
        epoch(user: &UserId) -> Epoch as Epoch(user);
        open(session: &Session, epoch: Epoch) -> Opened as Open(session, epoch);
        find(id: SessionId) -> Option<Session> as FindSession(id);
        rotate(rotation: &Rotation) -> Rotated as Rotate(rotation);
        reauthenticate(renewal: &Reauthentication) -> Reauthenticated as Reauthenticate(renewal);
        list_open(user: &UserId) -> Vec<Session> as ListOpen(user);
        close(id: SessionId, closing: &Closing) -> Closed as Close(id, closing);
        close_all(user: &UserId, except: Option<SessionId>, closing: &Closing) -> Vec<Revocation> as CloseAll(user, closing);
        revoke(revocation: &NewRevocation) -> Revocation as Revoke(revocation);
        log() -> LogId as Log;
        revocations_after(position: Position, limit: u32) -> Tail as RevocationsAfter(position);
        snapshot(position: Position) -> LogSnapshot as Snapshot(position);
        begin_again_after_loss(lost: LogId, closing: &Closing) -> () as BeginAgainAfterLoss(lost);
        prune(now: Timestamp, sessions_before: Timestamp, limit: u32) -> Pruned as PruneSessions;
        store_clock() -> StoreClock as StoreClock;
        raise_issue_floor(floor: Timestamp) -> () as RaiseIssueFloor(floor);
        status_indexes(range: Range<StatusIndex>, candidates: &[StatusIndex]) -> TakenIndexes as StatusIndexes(candidates);
        closed_status_indexes(range: Range<StatusIndex>) -> Vec<StatusIndex> as ClosedStatusIndexes;
        try_write() -> () as TryWrite;
        + {
            fn is_shared(&self) -> bool {
                self.inner().is_shared()
            }
        }
    }
    Blacklist {
        insert(revocations: &[Revocation]) -> () as Insert(revocations);
        check(token: TokenId, session: SessionId) -> RevocationStatus as Check(token, session);
        prune(now: Timestamp, limit: u32) -> u64 as PruneBlacklist;
        claim(claim: RebuildClaim) -> ClaimOutcome as Claim(claim);
        fill(claim: RebuildClaim, revocations: &[Revocation]) -> RebuildStep as Fill(claim, revocations);
        complete(claim: RebuildClaim) -> RebuildStep as Complete(claim);
        advance(claim: RebuildClaim, from: Position, to: LogPosition, revocations: &[Revocation]) -> RebuildStep as Advance(claim, revocations);
        complete_to(claim: RebuildClaim, to: LogPosition) -> RebuildStep as CompleteTo(claim);
        renew() -> () as Renew;
        + {
            fn check_now(&self, token: TokenId, session: SessionId) -> Option<RevocationStatus> {
                self.at_once(|| self.inner().check_now(token, session))
            }

            fn is_shared(&self) -> bool {
                self.shared(self.inner().is_shared())
            }

            fn covers_all_nodes(&self) -> bool {
                self.covering(self.inner().covers_all_nodes())
            }
        }
    }
}
