//! What a request costs: adapters around the adapters, which write down each call.
//!
//! The ports are the one place through which everything has to pass that is remembered or looked up. So counting there
//! counts all of it, and the service does not know that somebody counts. Rejected: counters in the adapters themselves,
//! which would count all requests together and have to be put into each adapter anew; and spans of the log, which would
//! have to be collected again, and in which a changed word breaks a figure.
//!
//! Nothing in here knows of HTTP.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use rescind_session::{
    Cause, Credentials, LogId, NewUser, PasswordHash, Ports, Revocation, Session, SessionState, User, Username,
    ports::{
        Blacklist, Claim, Closed, Closing, Copied, Epoch, Filling, Inserted, Instants, NewRevocation, Opened,
        PasswordSet, Pruned, Rotated, Rotation, SessionStore, Standing, StoreError, Tail, UserStore,
    },
    token::{Generation, SessionId, TokenId, UserId},
};
use tokio::time::Instant;

/// Which store was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Store {
    /// Revocations, to be asked on every request.
    Blacklist,
    /// Sessions and the revocation log, in the database.
    Sessions,
    /// Accounts, in the database.
    Users,
}

impl Store {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Blacklist, Self::Sessions, Self::Users];

    /// Its name, for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Blacklist => "blacklist",
            Self::Sessions => "sessions",
            Self::Users => "users",
        }
    }
}

/// Whether a call changes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It only asks.
    Read,
    /// It changes something.
    Write,
}

/// One call of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// Of which store.
    pub store: Store,
    /// What was asked.
    pub operation: Operation,
    /// What the store answered.
    pub answer: Answer,
    /// How long the answer took; for one that never came, nothing.
    pub took: Duration,
    /// The session whose row it read or wrote.
    pub session: Option<SessionId>,
    /// The generation that this row is of now.
    pub generation: Option<Generation>,
}

impl Call {
    /// Whether it changes anything.
    #[must_use]
    pub fn access(&self) -> Access {
        self.operation.access()
    }
}

/// What was asked of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// `UserStore::find`.
    FindUser,
    /// `UserStore::credentials`.
    Credentials,
    /// `UserStore::insert`.
    InsertUser,
    /// `UserStore::set_password`.
    SetPassword,
    /// `SessionStore::epoch`.
    Epoch,
    /// `SessionStore::open`.
    Open,
    /// `SessionStore::find`.
    FindSession,
    /// `SessionStore::rotate`.
    Rotate,
    /// `SessionStore::list_open`.
    ListOpen,
    /// `SessionStore::close`.
    Close,
    /// A close for which a refresh token gave cause that should not have been there.
    CloseForReuse,
    /// `SessionStore::close_all`.
    CloseAll,
    /// `SessionStore::revoke`.
    RevokeToken,
    /// `SessionStore::log`.
    Log,
    /// `SessionStore::revocations_after`.
    Tail,
    /// `prune`, of either store.
    Prune,
    /// `SessionStore::instants`.
    Instants,
    /// `Blacklist::insert`.
    Insert,
    /// `Blacklist::check`.
    Check,
    /// `Blacklist::claim`.
    Claim,
    /// `Blacklist::fill`.
    Fill,
    /// `Blacklist::complete`.
    Complete,
}

impl Operation {
    /// For people.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::FindUser => "which account?",
            Self::Credentials => "which password?",
            Self::InsertUser => "write an account",
            Self::SetPassword => "write a password",
            Self::Epoch => "which epoch?",
            Self::Open => "write a session",
            Self::FindSession => "which session?",
            Self::Rotate => "next generation",
            Self::ListOpen => "which sessions?",
            Self::Close => "close, and log it",
            Self::CloseForReuse => "close for reuse, and log it",
            Self::CloseAll => "close all, and log it",
            Self::RevokeToken => "log a revocation",
            Self::Log => "which log?",
            Self::Tail => "what was revoked?",
            Self::Prune => "remove what has passed",
            Self::Instants => "what time?",
            Self::Insert => "add the revocation",
            Self::Check => "token or session on it?",
            Self::Claim => "is it whole?",
            Self::Fill => "fill it from the log",
            Self::Complete => "it is whole",
        }
    }

    fn access(self) -> Access {
        match self {
            Self::FindUser
            | Self::Credentials
            | Self::Epoch
            | Self::FindSession
            | Self::ListOpen
            | Self::Log
            | Self::Tail
            | Self::Instants
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// What was asked for is there.
    Found,
    /// It is not there.
    NothingFound,
    /// The session is there, and open.
    Open,
    /// The session is there, and closed.
    Closed,
    /// It is written.
    Done,
    /// Somebody else was faster; nothing was written.
    TooLate,
    /// It had been closed before.
    WasClosed,
    /// There is an entry.
    OnTheList,
    /// There is none.
    NotOnTheList,
    /// It is not there, but neither may be what was revoked.
    NotWhole,
    /// It said that it cannot answer.
    Failed,
    /// Nobody waited for it any longer.
    None,
}

impl Answer {
    /// For people.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::NothingFound => "nothing there",
            Self::Open => "there, open",
            Self::Closed => "there, closed",
            Self::Done => "done",
            Self::TooLate => "somebody was faster",
            Self::WasClosed => "was closed already",
            Self::OnTheList => "on it",
            Self::NotOnTheList => "not on it",
            Self::NotWhole => "does not know its past",
            Self::Failed => "failed",
            Self::None => "no answer in time",
        }
    }

    fn found<T>(found: &Option<T>) -> Self {
        if found.is_some() {
            Self::Found
        } else {
            Self::NothingFound
        }
    }
}

/// The calls of one request. Clones write into the same list.
#[derive(Clone, Default)]
pub struct Meter(Arc<Mutex<Vec<Call>>>);

impl Meter {
    /// Every call so far, in the order in which they began.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for a call. It stands in the list from its beginning: one that is given up stays there without an answer.
    async fn watch<T>(
        &self,
        call: Begun,
        waiting: impl Future<Output = Result<T, StoreError>>,
        told: impl FnOnce(&T) -> Told,
    ) -> Result<T, StoreError> {
        // A stopwatch: it decides nothing.
        let started = Instant::now();
        let place = self.begin(call);
        let outcome = waiting.await;
        let told = outcome.as_ref().map_or_else(|_| Answer::Failed.into(), told);
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(call) = calls.get_mut(place) {
            call.took = started.elapsed();
            call.answer = told.answer;
            call.generation = told.generation;
        }
        outcome
    }

    /// A call of a store that is none of the ports, and answers at once.
    pub(crate) fn plain<T>(&self, store: Store, operation: Operation, ask: impl FnOnce() -> (T, Answer)) -> T {
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
            answer: Answer::None,
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
struct Told {
    answer: Answer,
    generation: Option<Generation>,
}

impl From<Answer> for Told {
    fn from(answer: Answer) -> Self {
        Self {
            answer,
            generation: None,
        }
    }
}

/// The same ports, with every call written down.
#[must_use]
pub fn metered(ports: &Ports, meter: &Meter) -> Ports {
    Ports {
        users: Arc::new(Metered(Arc::clone(&ports.users), meter.clone())),
        sessions: Arc::new(Metered(Arc::clone(&ports.sessions), meter.clone())),
        blacklist: Arc::new(Metered(Arc::clone(&ports.blacklist), meter.clone())),
        clock: Arc::clone(&ports.clock),
    }
}

/// An adapter around an adapter.
struct Metered<P: ?Sized>(Arc<P>, Meter);

#[async_trait::async_trait]
impl UserStore for Metered<dyn UserStore> {
    async fn find(&self, id: UserId) -> Result<Option<User>, StoreError> {
        let call = Begun(Store::Users, Operation::FindUser, None);
        self.1
            .watch(call, self.0.find(id), |found| Answer::found(found).into())
            .await
    }

    async fn credentials(&self, username: &Username) -> Result<Option<Credentials>, StoreError> {
        let call = Begun(Store::Users, Operation::Credentials, None);
        let waiting = self.0.credentials(username);
        self.1.watch(call, waiting, |found| Answer::found(found).into()).await
    }

    async fn insert(&self, new: NewUser) -> Result<Inserted, StoreError> {
        let call = Begun(Store::Users, Operation::InsertUser, None);
        let told = |inserted: &Inserted| match inserted {
            Inserted::Created => Answer::Done.into(),
            Inserted::NameTaken => Answer::TooLate.into(),
        };
        self.1.watch(call, self.0.insert(new), told).await
    }

    async fn set_password(&self, id: UserId, password_hash: PasswordHash) -> Result<PasswordSet, StoreError> {
        let call = Begun(Store::Users, Operation::SetPassword, None);
        let told = |set: &PasswordSet| match set {
            PasswordSet::Set => Answer::Done.into(),
            PasswordSet::NoSuchUser => Answer::NothingFound.into(),
        };
        self.1.watch(call, self.0.set_password(id, password_hash), told).await
    }
}

#[async_trait::async_trait]
impl SessionStore for Metered<dyn SessionStore> {
    async fn epoch(&self, user: UserId) -> Result<Epoch, StoreError> {
        let call = Begun(Store::Sessions, Operation::Epoch, None);
        self.1.watch(call, self.0.epoch(user), |_| Answer::Found.into()).await
    }

    async fn open(&self, session: &Session, epoch: Epoch) -> Result<Opened, StoreError> {
        let call = Begun(Store::Sessions, Operation::Open, Some(session.id));
        let told = |opened: &Opened| match opened {
            Opened::Opened => Told {
                answer: Answer::Done,
                generation: Some(session.generation()),
            },
            Opened::Superseded => Answer::TooLate.into(),
        };
        self.1.watch(call, self.0.open(session, epoch), told).await
    }

    async fn find(&self, id: SessionId) -> Result<Option<Session>, StoreError> {
        let call = Begun(Store::Sessions, Operation::FindSession, Some(id));
        let told = |found: &Option<Session>| {
            let answer = match found.as_ref().map(|session| session.state) {
                Some(SessionState::Open) => Answer::Open,
                Some(SessionState::Closed { .. }) => Answer::Closed,
                None => Answer::NothingFound,
            };
            Told {
                answer,
                generation: found.as_ref().map(Session::generation),
            }
        };
        self.1.watch(call, self.0.find(id), told).await
    }

    async fn rotate(&self, rotation: &Rotation) -> Result<Rotated, StoreError> {
        let call = Begun(Store::Sessions, Operation::Rotate, Some(rotation.session));
        let told = |rotated: &Rotated| match rotated {
            Rotated::Won => Told {
                answer: Answer::Done,
                generation: Some(rotation.to),
            },
            Rotated::Lost => Answer::TooLate.into(),
        };
        self.1.watch(call, self.0.rotate(rotation), told).await
    }

    async fn list_open(&self, user: UserId) -> Result<Vec<Session>, StoreError> {
        let call = Begun(Store::Sessions, Operation::ListOpen, None);
        self.1
            .watch(call, self.0.list_open(user), |_| Answer::Found.into())
            .await
    }

    async fn close(&self, id: SessionId, closing: &Closing) -> Result<Closed, StoreError> {
        let operation = match closing.cause {
            Cause::Reuse | Cause::LostCommit => Operation::CloseForReuse,
            _ => Operation::Close,
        };
        let told = |closed: &Closed| match closed {
            Closed::Now(_) => Answer::Done.into(),
            Closed::Already(_) => Answer::WasClosed.into(),
            Closed::NoSuchSession => Answer::NothingFound.into(),
        };
        let call = Begun(Store::Sessions, operation, Some(id));
        self.1.watch(call, self.0.close(id, closing), told).await
    }

    async fn close_all(
        &self,
        user: UserId,
        except: Option<SessionId>,
        closing: &Closing,
    ) -> Result<Vec<Revocation>, StoreError> {
        let call = Begun(Store::Sessions, Operation::CloseAll, None);
        let waiting = self.0.close_all(user, except, closing);
        self.1.watch(call, waiting, |_| Answer::Done.into()).await
    }

    async fn revoke(&self, token: &NewRevocation) -> Result<Revocation, StoreError> {
        let call = Begun(Store::Sessions, Operation::RevokeToken, None);
        self.1.watch(call, self.0.revoke(token), |_| Answer::Done.into()).await
    }

    async fn log(&self) -> Result<LogId, StoreError> {
        let call = Begun(Store::Sessions, Operation::Log, None);
        self.1.watch(call, self.0.log(), |_| Answer::Found.into()).await
    }

    async fn revocations_after(&self, position: rescind_session::Position, limit: u32) -> Result<Tail, StoreError> {
        let call = Begun(Store::Sessions, Operation::Tail, None);
        let waiting = self.0.revocations_after(position, limit);
        self.1.watch(call, waiting, |_| Answer::Found.into()).await
    }

    async fn prune(&self, now: Timestamp, sessions_before: Timestamp, limit: u32) -> Result<Pruned, StoreError> {
        let call = Begun(Store::Sessions, Operation::Prune, None);
        let waiting = self.0.prune(now, sessions_before, limit);
        self.1.watch(call, waiting, |_| Answer::Done.into()).await
    }

    async fn instants(&self) -> Result<Instants, StoreError> {
        let call = Begun(Store::Sessions, Operation::Instants, None);
        self.1.watch(call, self.0.instants(), |_| Answer::Found.into()).await
    }

    async fn raise_issue_floor(&self, floor: Timestamp) -> Result<(), StoreError> {
        // Nothing in the lab does this.
        self.0.raise_issue_floor(floor).await
    }
}

#[async_trait::async_trait]
impl Blacklist for Metered<dyn Blacklist> {
    fn is_shared(&self) -> bool {
        self.0.is_shared()
    }

    async fn insert(&self, revocations: &[Revocation]) -> Result<(), StoreError> {
        let call = Begun(Store::Blacklist, Operation::Insert, None);
        self.1
            .watch(call, self.0.insert(revocations), |()| Answer::Done.into())
            .await
    }

    async fn check(&self, token: TokenId, session: SessionId) -> Result<Standing, StoreError> {
        let told = |standing: &Standing| match standing {
            Standing::Clear => Answer::NotOnTheList.into(),
            Standing::Revoked(_) => Answer::OnTheList.into(),
            Standing::NotWhole => Answer::NotWhole.into(),
        };
        let call = Begun(Store::Blacklist, Operation::Check, Some(session));
        self.1.watch(call, self.0.check(token, session), told).await
    }

    async fn prune(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let call = Begun(Store::Blacklist, Operation::Prune, None);
        self.1
            .watch(call, self.0.prune(now, limit), |_| Answer::Done.into())
            .await
    }

    async fn claim(&self, claim: Claim) -> Result<Copied, StoreError> {
        let call = Begun(Store::Blacklist, Operation::Claim, None);
        self.1.watch(call, self.0.claim(claim), |_| Answer::Found.into()).await
    }

    async fn fill(&self, claim: Claim, revocations: &[Revocation]) -> Result<Filling, StoreError> {
        let call = Begun(Store::Blacklist, Operation::Fill, None);
        let waiting = self.0.fill(claim, revocations);
        self.1.watch(call, waiting, |_| Answer::Done.into()).await
    }

    async fn complete(&self, claim: Claim) -> Result<Filling, StoreError> {
        let call = Begun(Store::Blacklist, Operation::Complete, None);
        self.1
            .watch(call, self.0.complete(claim), |_| Answer::Done.into())
            .await
    }
}

#[cfg(test)]
mod tests {
    use rescind_session::{
        ManualClock, Scope,
        memory::{MemoryBlacklist, MemorySessions, MemoryUsers},
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
            user: UserId::from_uuid(Default::default()),
            at: Timestamp::UNIX_EPOCH,
            until: Timestamp::MAX,
            cause: Cause::Logout,
        };

        let fresh = metered.blacklist.check(token, session).await.unwrap();
        assert_eq!(fresh, Standing::NotWhole, "a new one does not know its past");
        metered.blacklist.insert(&[revocation]).await.unwrap();
        for blacklist in [&metered.blacklist, &own.blacklist] {
            let found = blacklist.check(token, session).await.unwrap();
            assert!(matches!(found, Standing::Revoked(_)), "{found:?}");
        }

        let seen: Vec<_> = meter
            .calls()
            .iter()
            .map(|call| (call.access(), call.operation, call.answer))
            .collect();
        let expected = [
            (Access::Read, Operation::Check, Answer::NotWhole),
            (Access::Write, Operation::Insert, Answer::Done),
            (Access::Read, Operation::Check, Answer::OnTheList),
        ];
        assert_eq!(seen, expected);
    }

    #[tokio::test]
    async fn a_call_that_is_given_up_stays_without_an_answer() {
        let meter = Meter::default();
        let call = Begun(Store::Users, Operation::FindUser, None);
        let waiting = meter.watch(call, std::future::pending::<Result<(), _>>(), |()| Answer::Done.into());
        drop(tokio::time::timeout(Duration::ZERO, waiting).await);
        assert_eq!(meter.calls().first().map(|call| call.answer), Some(Answer::None));
    }
}
