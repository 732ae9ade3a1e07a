//! Meters: decorated adapters that record each store call of a request.
//!
//! Every read and write passes through the ports. So counting there is complete, and the service is not aware of it.
//! Rejected: counters in the adapters, which would count all requests together and be needed in each adapter; and log
//! spans, which would have to be collected, and in which a changed word breaks a figure.
//!
//! This module does not depend on HTTP.

use std::{
    ops::Deref,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rescind_session::{
    EndReason, Ports, SessionService, SessionState,
    decorate::{self, Around, Reply},
    ports::{Closed, Inserted, Opened, PasswordSet, RevocationStatus, Rotated, StoreError},
    token::{Generation, SessionId},
};
use strum::VariantArray;
use tokio::time::Instant;

/// Which store was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "lowercase")]
pub enum Store {
    /// Revocations, checked on every request.
    Blacklist,
    /// Sessions and the revocation log, in the database.
    Sessions,
    /// Accounts, in the database.
    Users,
}

impl Store {
    pub const ALL: &[Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Its name, for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// Whether a call reads or writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Read,
    Write,
}

/// One call of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    pub store: Store,
    pub operation: Operation,
    pub answer: StoreReply,
    /// How long the answer took; zero if it never came.
    pub took: Duration,
    /// The session whose row it read or wrote.
    pub session: Option<SessionId>,
    /// The row's generation after the call.
    pub generation: Option<Generation>,
}

impl Call {
    /// Whether it changes anything.
    #[must_use]
    pub fn access(&self) -> Access {
        self.operation.access()
    }
}

/// An operation of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, VariantArray)]
pub enum Operation {
    FindUser,
    Credentials,
    InsertUser,
    SetPassword,
    Epoch,
    Open,
    /// `SessionStore::find`.
    FindSession,
    Rotate,
    ListOpen,
    /// `SessionStore::close`.
    Close,
    /// A close because of a reused refresh token.
    CloseForReuse,
    CloseAll,
    RevokeToken,
    Log,
    Tail,
    /// `prune`, of either store.
    Prune,
    StoreClock,
    /// `Blacklist::insert`; those that follow are of the blacklist too.
    Insert,
    Check,
    Claim,
    Fill,
    Complete,
}

impl Operation {
    pub const ALL: &'static [Self] = Self::VARIANTS;

    fn access(self) -> Access {
        match self {
            Self::FindUser
            | Self::Credentials
            | Self::Epoch
            | Self::FindSession
            | Self::ListOpen
            | Self::Log
            | Self::Tail
            | Self::StoreClock
            | Self::Check => Access::Read,
            Self::InsertUser
            | Self::SetPassword
            | Self::Open
            | Self::Rotate
            | Self::Close
            | Self::CloseForReuse
            | Self::CloseAll
            | Self::RevokeToken
            | Self::Prune
            | Self::Insert
            | Self::Claim
            | Self::Fill
            | Self::Complete => Access::Write,
        }
    }
}

/// What a store answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, VariantArray)]
pub enum StoreReply {
    Found,
    NothingFound,
    Open,
    Closed,
    /// It was written.
    Done,
    /// Another caller was faster; nothing was written.
    TooLate,
    /// It had been closed before.
    WasClosed,
    /// There is an entry.
    OnTheList,
    /// There is none.
    NotOnTheList,
    /// There is no entry, but the copy is incomplete.
    Incomplete,
    Failed,
    /// The caller timed out.
    None,
}

impl StoreReply {
    pub const ALL: &'static [Self] = Self::VARIANTS;
}

/// The calls of one request. Clones share the list.
#[derive(Clone, Default)]
pub struct Meter(Arc<Mutex<Vec<Call>>>);

impl Meter {
    /// Every call so far, in the order in which they began.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for a call. It is in the list from its beginning: a call that timed out stays there without an answer.
    async fn watch<T: decorate::Answer>(
        &self,
        call: Begun,
        waiting: impl Future<Output = Result<T, StoreError>>,
        told: impl FnOnce(Reply<'_>) -> Recorded,
    ) -> Result<T, StoreError> {
        // Only a stopwatch: no decision depends on it.
        let started = Instant::now();
        let place = self.begin(call);
        let mut outcome = waiting.await;
        let told = match &mut outcome {
            Ok(answer) => told(answer.reply()),
            Err(_) => Recorded {
                answer: StoreReply::Failed,
                generation: None,
            },
        };
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(call) = calls.get_mut(place) {
            call.took = started.elapsed();
            call.answer = told.answer;
            call.generation = told.generation;
        }
        outcome
    }

    /// A call of a store that is not a port, and answers at once.
    pub(crate) fn plain<T>(&self, store: Store, operation: Operation, ask: impl FnOnce() -> (T, StoreReply)) -> T {
        let started = Instant::now();
        let place = self.begin(Begun(store, operation, None));
        let (told, answer) = ask();
        if let Some(call) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get_mut(place) {
            call.took = started.elapsed();
            call.answer = answer;
        }
        told
    }

    fn begin(&self, Begun(store, operation, session): Begun) -> usize {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        calls.push(Call {
            store,
            operation,
            answer: StoreReply::None,
            took: Duration::ZERO,
            session,
            generation: None,
        });
        calls.len() - 1
    }
}

/// What is known of a call before it is answered.
struct Begun(Store, Operation, Option<SessionId>);

/// What an answer tells.
struct Recorded {
    answer: StoreReply,
    generation: Option<Generation>,
}

/// The same ports, with every call recorded.
#[must_use]
pub fn metered(ports: &Ports, meter: &Meter) -> Ports {
    Ports {
        users: Arc::new(Metered(Arc::clone(&ports.users), meter.clone())),
        sessions: Arc::new(Metered(Arc::clone(&ports.sessions), meter.clone())),
        blacklist: Arc::new(Metered(Arc::clone(&ports.blacklist), meter.clone())),
        clock: Arc::clone(&ports.clock),
    }
}

/// The service with every call of its stores recorded.
pub(crate) fn metered_service(service: &SessionService, meter: &Meter) -> SessionService {
    let metered = service.with_ports(metered(service.ports(), meter));
    // It accepted these ports before, and a meter changes no answer.
    metered.unwrap_or_else(|_| service.clone())
}

/// A decorator that records each call.
struct Metered<P: ?Sized>(Arc<P>, Meter);

impl<P: ?Sized + Send + Sync> Around<P> for Metered<P> {
    fn inner(&self) -> impl Deref<Target = P> + Send + Sync {
        &*self.0
    }

    async fn around<T: decorate::Answer>(
        &self,
        call: decorate::Call<'_>,
        next: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        match begun(call) {
            Some(begun) => self.1.watch(begun, next, |reply| told(call, &reply)).await,
            None => next.await,
        }
    }
}

/// What is known of a call before its answer; `None` for calls that no request makes.
fn begun(call: decorate::Call<'_>) -> Option<Begun> {
    use decorate::Call;
    let (store, operation, session) = match call {
        Call::FindUser(_) => (Store::Users, Operation::FindUser, None),
        Call::Credentials(_) | Call::LoginCredentials(_) => (Store::Users, Operation::Credentials, None),
        Call::InsertUser(_) => (Store::Users, Operation::InsertUser, None),
        Call::SetPassword(_) => (Store::Users, Operation::SetPassword, None),
        Call::Epoch(_) => (Store::Sessions, Operation::Epoch, None),
        Call::Open(session, _) => (Store::Sessions, Operation::Open, Some(session.id)),
        Call::FindSession(id) => (Store::Sessions, Operation::FindSession, Some(id)),
        Call::Rotate(rotation) => (Store::Sessions, Operation::Rotate, Some(rotation.session)),
        Call::ListOpen(_) => (Store::Sessions, Operation::ListOpen, None),
        Call::Close(id, closing) => match closing.cause {
            EndReason::Reuse | EndReason::LostCommit => (Store::Sessions, Operation::CloseForReuse, Some(id)),
            _ => (Store::Sessions, Operation::Close, Some(id)),
        },
        Call::CloseAll(..) => (Store::Sessions, Operation::CloseAll, None),
        Call::Revoke(_) => (Store::Sessions, Operation::RevokeToken, None),
        Call::Log | Call::Snapshot(_) => (Store::Sessions, Operation::Log, None),
        Call::RevocationsAfter(_) => (Store::Sessions, Operation::Tail, None),
        Call::PruneSessions => (Store::Sessions, Operation::Prune, None),
        Call::StoreClock => (Store::Sessions, Operation::StoreClock, None),
        Call::Insert(_) | Call::Advance(..) => (Store::Blacklist, Operation::Insert, None),
        Call::Check(_, session) => (Store::Blacklist, Operation::Check, Some(session)),
        Call::PruneBlacklist => (Store::Blacklist, Operation::Prune, None),
        Call::Claim(_) => (Store::Blacklist, Operation::Claim, None),
        Call::Fill(..) => (Store::Blacklist, Operation::Fill, None),
        Call::Complete(_) | Call::CompleteTo(_) => (Store::Blacklist, Operation::Complete, None),
        Call::ReplaceHash(_)
        | Call::ListUsers
        | Call::SetDisabled(_)
        | Call::DeleteUser(_)
        | Call::Reauthenticate(_)
        | Call::BeginAgainAfterLoss(_)
        | Call::RaiseIssueFloor(_)
        | Call::StatusIndexes(_)
        | Call::ClosedStatusIndexes
        | Call::TryWrite
        | Call::Renew => return None,
    };
    Some(Begun(store, operation, session))
}

fn told(call: decorate::Call<'_>, reply: &Reply<'_>) -> Recorded {
    let answer = match reply {
        Reply::User(None)
        | Reply::Credentials(None)
        | Reply::Session(None)
        | Reply::PasswordSet(PasswordSet::NoSuchUser)
        | Reply::Closed(Closed::NoSuchSession) => StoreReply::NothingFound,
        Reply::Session(Some(session)) => match session.state {
            SessionState::Open => StoreReply::Open,
            SessionState::Closed { .. } => StoreReply::Closed,
        },
        Reply::Inserted(Inserted::NameTaken) | Reply::Opened(Opened::Superseded) | Reply::Rotated(Rotated::Lost) => {
            StoreReply::TooLate
        }
        Reply::Closed(Closed::Already(_)) => StoreReply::WasClosed,
        Reply::RevocationStatus(RevocationStatus::NotRevoked) => StoreReply::NotOnTheList,
        Reply::RevocationStatus(RevocationStatus::Revoked(_)) => StoreReply::OnTheList,
        Reply::RevocationStatus(RevocationStatus::Incomplete) => StoreReply::Incomplete,
        Reply::User(_)
        | Reply::Credentials(_)
        | Reply::Epoch(_)
        | Reply::Sessions(_)
        | Reply::LogId(_)
        | Reply::LogSnapshot(_)
        | Reply::Tail(_)
        | Reply::StoreClock(_)
        | Reply::ClaimOutcome(_) => StoreReply::Found,
        _ => StoreReply::Done,
    };
    let generation = match (call, reply) {
        (decorate::Call::Open(session, _), _) if answer == StoreReply::Done => Some(session.generation()),
        (decorate::Call::Rotate(rotation), _) if answer == StoreReply::Done => Some(rotation.to),
        (_, Reply::Session(Some(session))) => Some(session.generation()),
        _ => None,
    };
    Recorded { answer, generation }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use rescind_session::{
        ManualClock, Revocation, Scope,
        memory::{MemoryBlacklist, MemorySessions, MemoryUsers},
        token::{TokenId, UserId},
    };

    use super::*;

    fn ports() -> Ports {
        Ports {
            users: Arc::new(MemoryUsers::new()),
            sessions: Arc::new(MemorySessions::new()),
            blacklist: Arc::new(MemoryBlacklist::new()),
            clock: Arc::new(ManualClock::at(Timestamp::UNIX_EPOCH)),
        }
    }

    #[tokio::test]
    async fn each_call_is_written_down_with_its_answer_and_reaches_the_store() {
        let (own, meter) = (ports(), Meter::default());
        let metered = metered(&own, &meter);
        let (token, session) = (
            TokenId::from_uuid(Default::default()),
            SessionId::from_uuid(Default::default()),
        );
        let revocation = Revocation {
            position: rescind_session::Position::new(1),
            scope: Scope::Session(session),
            user: UserId::from(0),
            at: Timestamp::UNIX_EPOCH,
            until: Timestamp::MAX,
            cause: EndReason::Logout,
        };

        let fresh = metered.blacklist.check(token, session).await.unwrap();
        assert_eq!(fresh, RevocationStatus::Incomplete, "a new one is incomplete");
        metered.blacklist.insert(&[revocation]).await.unwrap();
        for blacklist in [&metered.blacklist, &own.blacklist] {
            let found = blacklist.check(token, session).await.unwrap();
            assert!(matches!(found, RevocationStatus::Revoked(_)), "{found:?}");
        }

        let seen: Vec<_> = meter
            .calls()
            .iter()
            .map(|call| (call.access(), call.operation, call.answer))
            .collect();
        let expected = [
            (Access::Read, Operation::Check, StoreReply::Incomplete),
            (Access::Write, Operation::Insert, StoreReply::Done),
            (Access::Read, Operation::Check, StoreReply::OnTheList),
        ];
        assert_eq!(seen, expected);
    }

    #[tokio::test]
    async fn a_call_that_is_given_up_stays_without_an_answer() {
        let meter = Meter::default();
        let call = Begun(Store::Users, Operation::FindUser, None);
        let waiting = meter.watch(call, std::future::pending::<Result<(), _>>(), |_| unreachable!());
        drop(tokio::time::timeout(Duration::ZERO, waiting).await);
        assert_eq!(meter.calls().first().map(|call| call.answer), Some(StoreReply::None));
    }
}
