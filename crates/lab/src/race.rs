//! Two tabs refresh with the same token, and what becomes of them.
//!
//! A run is a short story. You log in; five minutes later your access token has expired, and two people present the same
//! refresh token: two tabs of yours, or you and a thief with a copy. When the access tokens that they got have expired in
//! turn, both use what they got once more. Only then does it show what the first exchange was worth.
//!
//! The server is one of two. With [`Swap::CompareAndSwap`] it is the real [`SessionService`] on the stores in memory; with
//! [`Swap::ReadThenWrite`] it is the counterexample in `naive.rs`. "At once" is no matter of luck: both callers are held
//! between reading and writing until both have read, and then write one after the other.
//!
//! Each tab keeps its own tokens, as the tabs of a single-page application do. Where tabs share cookies, the reply that
//! comes last is what both have; that hides a dead token where it happens to come first, and no more.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use jiff::Timestamp;
use rand::{SeedableRng, rngs::StdRng};
use rescind_session::{
    Device, Grant, Keys, LogId, ManualClock, Password, Policy, Ports, Position, Refresh, RefreshError, Revocation,
    Session, SessionService, SessionState,
    memory::{MemoryBlacklist, MemorySessions, MemoryUsers},
    ports::{
        Closed, Closing, Epoch, Instants, NewRevocation, Opened, Pruned, Rotated, Rotation, SessionStore, StoreError,
        Tail,
    },
    token::{Algorithm, ClientId, KeyError, KeyRing, RefreshKey, RefreshKeys, SessionId, SigningKey, UserId},
};
use tokio::sync::{Barrier, Semaphore};
use tracing::{instrument::WithSubscriber, subscriber::NoSubscriber};

use crate::{
    meter::{self, Meter, Operation, metered},
    naive::Naive,
    sandbox::{PASSWORD, USERNAME},
    server,
};

/// How long an access token lives in every run: both refresh when it has passed.
pub const ACCESS_TTL: Duration = Duration::from_secs(5 * 60);
/// How long the first one waits for a reply that does not come, before it asks again with the token that it still has.
pub const PATIENCE: Duration = Duration::from_secs(3);

/// Nothing in here waits for anything but the other of the two.
const STORE_TIMEOUT: Duration = Duration::from_secs(10);
const BATCH: u32 = 100;
/// When every run begins. Time is part of the story, and moves only in it.
const BEGINNING: Timestamp = Timestamp::constant(1_767_268_800, 0);

/// How the server writes the next generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Swap {
    /// By one statement that writes only if nobody else has: Rescind.
    CompareAndSwap,
    /// Read first, write then: the counterexample.
    ReadThenWrite,
}

/// Who comes second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Second {
    /// Another tab of yours.
    Tab,
    /// Somebody who copied your refresh token.
    Thief,
}

/// What becomes of the first one's reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstReply {
    /// It arrives.
    Arrives,
    /// The server has rotated, and the reply never arrives. [`PATIENCE`] later the first one asks again.
    Lost,
}

/// The switches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RaceSetup {
    /// How the server writes.
    pub swap: Swap,
    /// How long the previous refresh token is forgiven.
    pub grace: Duration,
    /// How much later the second one comes. Nothing: at once.
    pub apart: Duration,
    /// What becomes of the first one's reply.
    pub reply: FirstReply,
    /// Who comes second.
    pub second: Second,
}

/// One of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Party {
    /// You, or one tab of yours.
    First,
    /// Your other tab, or the thief.
    Second,
}

/// A refresh token that was issued, in the order of issuing; the first is the login's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Which one it was bought with; none for the login's.
    pub parent: Option<usize>,
    /// How many exchanges it is from the login.
    pub generation: u32,
}

/// One try to refresh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// Time since the login.
    pub at: Duration,
    /// Who.
    pub who: Party,
    /// Which of [`Race::chain`] was presented.
    pub presented: usize,
    /// What came of it.
    pub verdict: Verdict,
}

/// What came of a try to refresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// This successor.
    Given {
        /// Which of [`Race::chain`].
        token: usize,
        /// Whether somebody had been given the same before.
        again: bool,
        /// Whether the reply arrived.
        arrived: bool,
    },
    /// It had been exchanged before: the session was closed.
    Reused,
    /// The session had been closed.
    Closed,
}

/// What the server took the two for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// The server suspected nobody.
    Nobody,
    /// It took one of your own tabs for a thief, at this time.
    FalseAlarm(Duration),
    /// It noticed that somebody has a copy, at this time, and somebody had.
    Thief(Duration),
}

/// Why a run did not come to its end. None of it is the visitor's fault.
#[derive(Debug, thiserror::Error)]
pub enum RaceError {
    /// A key could not be made.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The settings contradict each other.
    #[error(transparent)]
    Config(#[from] rescind_session::ConfigError),
    /// The one account could not be made.
    #[error(transparent)]
    SignUp(#[from] rescind_session::SignUpError),
    /// Nobody could log in.
    #[error(transparent)]
    Login(#[from] rescind_session::LoginError),
    /// A store in memory failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A refresh was neither answered nor refused for a cause that the story knows.
    #[error(transparent)]
    Refresh(#[from] RefreshError),
    /// The policy gave no refresh token.
    #[error("there is no refresh token to race with")]
    NoRefreshToken,
}

/// A run, from the login to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Race {
    /// What was asked for.
    pub setup: RaceSetup,
    /// Every refresh token that was issued.
    pub chain: Vec<Link>,
    /// Every try to refresh, in order.
    pub uses: Vec<Use>,
    /// How many exchanges the store wrote down.
    pub rotations: usize,
    /// How many it turned down, since somebody had been faster.
    pub turned_down: usize,
    /// Whether the session is open at the end.
    pub open: bool,
    /// Whether a call of the first one, and one of the second, is accepted at the end.
    pub inside: [bool; 2],
    /// When it ended.
    pub ended: Duration,
}

impl Race {
    /// Runs it. The signing key apart, `rng` is the only randomness. Nothing of it reaches the program's log: whoever reads
    /// that does not want to hear of robberies that were played.
    ///
    /// # Errors
    /// [`RaceError`]
    pub async fn run(setup: RaceSetup, rng: StdRng) -> Result<Self, RaceError> {
        Box::pin(Self::play(setup, rng))
            .with_subscriber(NoSubscriber::default())
            .await
    }

    async fn play(setup: RaceSetup, mut rng: StdRng) -> Result<Self, RaceError> {
        let (server, tokens) = match setup.swap {
            Swap::CompareAndSwap => {
                let (real, tokens) = Real::log_in(setup.grace, &mut rng).await?;
                (Server::Real(Box::new(real)), tokens)
            }
            Swap::ReadThenWrite => {
                let (naive, tokens) = Naive::log_in(setup.grace, ACCESS_TTL, rng);
                (Server::Naive(Box::new(naive)), tokens)
            }
        };
        let mut story = Story {
            setup,
            server,
            issued: vec![tokens.refresh.clone()],
            chain: vec![Link {
                parent: None,
                generation: 0,
            }],
            uses: Vec::new(),
            holds: [Some(tokens.clone()), Some(tokens)],
        };
        story.play().await?;
        story.ended().await
    }

    /// When the session was closed, which logs everybody out: with the first try that was judged to be a reuse.
    #[must_use]
    pub fn closed_at(&self) -> Option<Duration> {
        let reused = self.uses.iter().find(|tried| tried.verdict == Verdict::Reused);
        reused.map(|tried| tried.at)
    }

    /// What the server took the two for, and what they were.
    #[must_use]
    pub fn judged(&self) -> Judged {
        let Some(reused) = self.uses.iter().position(|tried| tried.verdict == Verdict::Reused) else {
            return Judged::Nobody;
        };
        let (before, after) = self.uses.split_at(reused);
        let (at, by) = match after.first() {
            Some(tried) => (tried.at, tried.who),
            None => return Judged::Nobody,
        };
        // Whoever gives cause may be you: with a token that the thief has used, or with one whose reply was lost.
        let had_come = by == Party::Second || before.iter().any(|tried| tried.who == Party::Second);
        match self.setup.second {
            Second::Thief if had_come => Judged::Thief(at),
            _ => Judged::FalseAlarm(at),
        }
    }

    /// How long the second one's stolen or own copy was worth access: from its first exchange until the session was closed,
    /// or the run ended.
    #[must_use]
    pub fn second_inside(&self) -> Duration {
        let first = self
            .uses
            .iter()
            .find(|tried| tried.who == Party::Second && matches!(tried.verdict, Verdict::Given { .. }));
        let until = self.closed_at().unwrap_or(self.ended);
        first.map_or(Duration::ZERO, |tried| until.saturating_sub(tried.at))
    }

    /// How many successors a token was exchanged for.
    #[must_use]
    pub fn children_of(&self, token: usize) -> usize {
        self.chain.iter().filter(|link| link.parent == Some(token)).count()
    }
}

/// A run that goes on.
struct Story {
    setup: RaceSetup,
    server: Server,
    /// The tokens of `chain`. They never leave the run.
    issued: Vec<String>,
    chain: Vec<Link>,
    uses: Vec<Use>,
    /// What each of the two has; nothing once it was refused.
    holds: [Option<Tokens>; 2],
}

impl Story {
    async fn play(&mut self) -> Result<(), RaceError> {
        let RaceSetup { apart, reply, .. } = self.setup;
        let lost = reply == FirstReply::Lost;
        // Both refresh when the first access token has expired.
        if apart.is_zero() {
            self.both_at_once(lost).await?;
        } else {
            self.refresh(Party::First, ACCESS_TTL, !lost).await?;
        }
        let mut then = Vec::new();
        if lost {
            then.push((ACCESS_TTL + PATIENCE, Party::First));
        }
        if !apart.is_zero() {
            then.push((ACCESS_TTL + apart, Party::Second));
        }
        then.sort_by_key(|(at, _)| *at);
        for (at, who) in then {
            self.refresh(who, at, true).await?;
        }
        // And once more with what they got, as far apart as before. What the first one got expires first, or with it.
        let again = ACCESS_TTL + ACCESS_TTL + if lost { PATIENCE } else { Duration::ZERO };
        self.refresh(Party::First, again, true).await?;
        self.refresh(Party::Second, again + apart, true).await
    }

    /// Two requests, of which each has read before either writes.
    async fn both_at_once(&mut self, lost: bool) -> Result<(), RaceError> {
        let [Some(first), Some(second)] = &self.holds else {
            return Ok(());
        };
        let held = Held::two();
        let (first, second) = tokio::join!(
            self.server.refresh(&first.refresh, ACCESS_TTL, Some(&held[0])),
            self.server.refresh(&second.refresh, ACCESS_TTL, Some(&held[1])),
        );
        self.note(Party::First, ACCESS_TTL, !lost, first?);
        self.note(Party::Second, ACCESS_TTL, true, second?);
        Ok(())
    }

    async fn refresh(&mut self, who: Party, at: Duration, arrives: bool) -> Result<(), RaceError> {
        if let Some(tokens) = &self.holds[who.place()] {
            let answer = self.server.refresh(&tokens.refresh, at, None).await?;
            self.note(who, at, arrives, answer);
        }
        Ok(())
    }

    fn note(&mut self, who: Party, at: Duration, arrived: bool, answer: Answer) {
        let holds = &mut self.holds[who.place()];
        let Some(presented) = holds
            .as_ref()
            .and_then(|tokens| self.issued.iter().position(|issued| *issued == tokens.refresh))
        else {
            return;
        };
        let verdict = match answer {
            Answer::Given(tokens) => {
                let known = self.issued.iter().position(|issued| *issued == tokens.refresh);
                let token = known.unwrap_or_else(|| {
                    self.issued.push(tokens.refresh.clone());
                    self.chain.push(Link {
                        parent: Some(presented),
                        generation: self.chain.get(presented).map_or(0, |link| link.generation) + 1,
                    });
                    self.issued.len() - 1
                });
                if arrived {
                    *holds = Some(tokens);
                }
                Verdict::Given {
                    token,
                    again: known.is_some(),
                    arrived,
                }
            }
            // Told "401", one asks for the password; the story does not go on there.
            Answer::Reused => {
                *holds = None;
                Verdict::Reused
            }
            Answer::Closed => {
                *holds = None;
                Verdict::Closed
            }
        };
        self.uses.push(Use {
            at,
            who,
            presented,
            verdict,
        });
    }

    async fn ended(self) -> Result<Race, RaceError> {
        let ended = self.uses.last().map_or(Duration::ZERO, |last| last.at);
        let mut inside = [false; 2];
        for (inside, tokens) in inside.iter_mut().zip(&self.holds) {
            if let Some(tokens) = tokens {
                *inside = self.server.accepts(&tokens.access, ended).await;
            }
        }
        Ok(Race {
            rotations: match &self.server {
                Server::Real(real) => real.swaps(meter::Answer::Done),
                // It writes whatever it has made up.
                Server::Naive(_) => self.chain.len() - 1,
            },
            turned_down: match &self.server {
                Server::Real(real) => real.swaps(meter::Answer::TooLate),
                Server::Naive(_) => 0,
            },
            open: match &self.server {
                Server::Real(real) => real.is_open().await?,
                Server::Naive(naive) => naive.is_open(),
            },
            setup: self.setup,
            chain: self.chain,
            uses: self.uses,
            inside,
            ended,
        })
    }
}

impl Party {
    fn place(self) -> usize {
        match self {
            Self::First => 0,
            Self::Second => 1,
        }
    }
}

/// What a refresh or a login gives.
#[derive(Clone)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

/// What a server says to a refresh.
pub(crate) enum Answer {
    Given(Tokens),
    Reused,
    Closed,
}

enum Server {
    Real(Box<Real>),
    Naive(Box<Naive>),
}

impl Server {
    async fn refresh(&self, token: &str, at: Duration, held: Option<&Held>) -> Result<Answer, RaceError> {
        match self {
            Self::Real(real) => real.refresh(token, at, held).await,
            Self::Naive(naive) => Ok(naive.refresh(token, at, held).await),
        }
    }

    async fn accepts(&self, access: &str, at: Duration) -> bool {
        match self {
            Self::Real(real) => real.service.authenticate(access).await.is_ok(),
            Self::Naive(naive) => naive.accepts(access, at),
        }
    }
}

/// The real service, on stores in memory.
struct Real {
    service: SessionService,
    clock: ManualClock,
    session: SessionId,
    meter: Meter,
}

impl Real {
    async fn log_in(grace: Duration, rng: &mut StdRng) -> Result<(Self, Tokens), RaceError> {
        let clock = ManualClock::at(BEGINNING);
        let usual = Policy::blacklist();
        let policy = Policy {
            access_ttl: ACCESS_TTL,
            refresh: usual.refresh.map(|refresh| Refresh { grace, ..refresh }),
            ..usual
        };
        let config = server::config(policy, STORE_TIMEOUT);
        let keys = Keys {
            ring: KeyRing::new(SigningKey::generate(Algorithm::EdDsa)?),
            refresh: RefreshKeys::new(RefreshKey::generate(rng), Vec::new())?,
        };
        let meter = Meter::default();
        let ports = Ports {
            users: Arc::new(MemoryUsers::new()),
            sessions: Arc::new(MemorySessions::new()),
            blacklist: Arc::new(MemoryBlacklist::default()),
            clock: Arc::new(clock.clone()),
        };
        let service = SessionService::new(config, keys, metered(&ports, &meter), rng.fork())?;
        // The blacklist counts as whole once it has seen the log.
        service.carry_over(BATCH).await?;
        let password = Password::new(PASSWORD);
        service.sign_up(USERNAME, &password).await?;
        let grant = service
            .log_in(USERNAME, &password, ClientId::first_party(), Device::default())
            .await?;
        let real = Self {
            session: grant.claims.session_id,
            service,
            clock,
            meter,
        };
        Ok((real, tokens(&grant)?))
    }

    async fn refresh(&self, token: &str, at: Duration, held: Option<&Held>) -> Result<Answer, RaceError> {
        self.clock.set(BEGINNING.checked_add(at).unwrap_or(Timestamp::MAX));
        let service = match held {
            None => self.service.clone(),
            Some(held) => {
                let ports = self.service.ports();
                self.service.with_ports(Ports {
                    sessions: Arc::new(HeldSessions {
                        inner: Arc::clone(&ports.sessions),
                        held: held.clone(),
                        was_held: AtomicBool::new(false),
                    }),
                    ..ports.clone()
                })
            }
        };
        match service.refresh(token, Device::default()).await {
            Ok(grant) => Ok(Answer::Given(tokens(&grant)?)),
            Err(RefreshError::Reused) => Ok(Answer::Reused),
            Err(RefreshError::Closed) => Ok(Answer::Closed),
            Err(error) => Err(error.into()),
        }
    }

    /// How many swaps the store answered like this.
    fn swaps(&self, answer: meter::Answer) -> usize {
        let calls = self.meter.calls();
        calls
            .iter()
            .filter(|call| call.operation == Operation::Rotate && call.answer == answer)
            .count()
    }

    async fn is_open(&self) -> Result<bool, StoreError> {
        let row = self.service.ports().sessions.find(self.session).await?;
        Ok(row.is_some_and(|row| row.state == SessionState::Open))
    }
}

fn tokens(grant: &Grant) -> Result<Tokens, RaceError> {
    let refresh = grant.refresh.as_ref().ok_or(RaceError::NoRefreshToken)?;
    Ok(Tokens {
        access: grant.access_token.expose_secret().to_owned(),
        refresh: refresh.token.expose_secret().to_owned(),
    })
}

/// One of two callers, held between reading and writing until both have read. Then the first one writes first.
#[derive(Clone)]
pub(crate) struct Held {
    who: Party,
    both_have_read: Arc<Barrier>,
    first_has_written: Arc<Semaphore>,
}

impl Held {
    fn two() -> [Self; 2] {
        let first = Self {
            who: Party::First,
            both_have_read: Arc::new(Barrier::new(2)),
            first_has_written: Arc::new(Semaphore::new(0)),
        };
        let second = Self {
            who: Party::Second,
            ..first.clone()
        };
        [first, second]
    }

    pub(crate) async fn has_read(&self) {
        self.both_have_read.wait().await;
    }

    pub(crate) async fn may_write(&self) {
        if self.who == Party::Second {
            // It is never closed.
            let _ = self.first_has_written.acquire().await;
        }
    }

    pub(crate) fn has_written(&self) {
        if self.who == Party::First {
            self.first_has_written.add_permits(1);
        }
    }
}

/// The sessions as a caller sees them who is held after the first look. Everything else goes straight through.
struct HeldSessions {
    inner: Arc<dyn SessionStore>,
    held: Held,
    was_held: AtomicBool,
}

#[async_trait]
impl SessionStore for HeldSessions {
    async fn find(&self, id: SessionId) -> Result<Option<Session>, StoreError> {
        let found = self.inner.find(id).await;
        if !self.was_held.swap(true, Ordering::Relaxed) {
            self.held.has_read().await;
        }
        found
    }

    async fn rotate(&self, rotation: &Rotation) -> Result<Rotated, StoreError> {
        self.held.may_write().await;
        let rotated = self.inner.rotate(rotation).await;
        self.held.has_written();
        rotated
    }

    async fn epoch(&self, user: UserId) -> Result<Epoch, StoreError> {
        self.inner.epoch(user).await
    }

    async fn open(&self, session: &Session, epoch: Epoch) -> Result<Opened, StoreError> {
        self.inner.open(session, epoch).await
    }

    async fn list_open(&self, user: UserId) -> Result<Vec<Session>, StoreError> {
        self.inner.list_open(user).await
    }

    async fn close(&self, id: SessionId, closing: &Closing) -> Result<Closed, StoreError> {
        self.inner.close(id, closing).await
    }

    async fn close_all(
        &self,
        user: UserId,
        except: Option<SessionId>,
        closing: &Closing,
    ) -> Result<Vec<Revocation>, StoreError> {
        self.inner.close_all(user, except, closing).await
    }

    async fn revoke(&self, token: &NewRevocation) -> Result<Revocation, StoreError> {
        self.inner.revoke(token).await
    }

    async fn log(&self) -> Result<LogId, StoreError> {
        self.inner.log().await
    }

    async fn revocations_after(&self, position: Position, limit: u32) -> Result<Tail, StoreError> {
        self.inner.revocations_after(position, limit).await
    }

    async fn prune(&self, now: Timestamp, sessions_before: Timestamp, limit: u32) -> Result<Pruned, StoreError> {
        self.inner.prune(now, sessions_before, limit).await
    }

    async fn instants(&self) -> Result<Instants, StoreError> {
        self.inner.instants().await
    }

    async fn raise_issue_floor(&self, floor: Timestamp) -> Result<(), StoreError> {
        self.inner.raise_issue_floor(floor).await
    }
}
