//! The service: one login from its first token to its last.
//!
//! The life of a session is told in the modules beside this one, a file a step: [`login`](crate::login), `refresh`,
//! `authenticate`, `logout`, and `maintenance` for what happens when nobody asks. Here stands what they share: the parts, the
//! time, the randomness, and the two ways of waiting for a store.

use std::{
    future::Future,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use rand_core::CryptoRng;
use rescind_token::{AccessClaims, AccessToken, ClientId, SessionId, TokenId, UserId, Verifier};
use tokio::{
    sync::oneshot,
    task::JoinHandle,
    time::{Instant, timeout_at},
};

use tracing::{Instrument, instrument::WithSubscriber};

use crate::{
    clock::{ClockNotReady, later},
    config::{Config, ConfigError, Keys, Ports},
    error_chain::ErrorChain,
    password::{Caller, Passwords},
    policy::{Check, Policy},
    ports::{Closing, StoreError},
    revocation::{EndReason, MARGIN, Revocation},
    session::network_of,
    sync::{BlacklistSync, Writing},
    unavailable::{CloseError, Unavailable},
};

/// Logs in, refreshes, authenticates and logs out, under one [`Policy`]. Cheap to clone: clones share everything.
#[derive(Clone)]
pub struct SessionService {
    pub(crate) parts: Arc<Parts>,
    pub(crate) ports: Ports,
    /// How long the request that it is bound to has waited for stores.
    waited: Option<Arc<Mutex<Duration>>>,
    /// The network of the client, for the order in which passwords are hashed.
    network: Option<IpAddr>,
}

/// The issue floor in milliseconds, while it has not been read.
pub(crate) const ISSUE_FLOOR_UNKNOWN: i64 = i64::MIN;

pub(crate) struct Parts {
    pub(crate) config: Config,
    pub(crate) verifier: Verifier,
    pub(crate) keys: Keys,
    pub(crate) passwords: Passwords,
    pub(crate) sync: BlacklistSync,
    pub(crate) issue_floor: AtomicI64,
    /// The newest instant that the store has recorded, in milliseconds, as of the last sync.
    pub(crate) newest: AtomicI64,
    pub(crate) writing: Writing,
    /// Whether what is revoked goes into the blacklist: because this policy asks it, or because another node's may.
    pub(crate) fills_blacklist: bool,
    rng: Mutex<Box<dyn CryptoRng + Send>>,
}

#[derive(Debug, thiserror::Error)]
#[error("no answer within the store timeout")]
struct TimedOut;

/// When a request gives up on its stores, if it does nothing but wait for them from now on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Instant);

impl SessionService {
    /// A service of these parts. `rng` must be cryptographically secure, and is the only source of randomness.
    ///
    /// Under [`Policy::blacklist`] it accepts no access token until [`sync_blacklist`](Self::sync_blacklist) has run once. Logins,
    /// refreshes and logouts do not wait for that: they need the log, not the copy.
    ///
    /// # Errors
    /// [`ConfigError`] if the settings contradict themselves.
    pub fn new(
        config: Config,
        keys: Keys,
        ports: Ports,
        mut rng: impl CryptoRng + Send + 'static,
    ) -> Result<Self, ConfigError> {
        config.validate()?;
        let mut salt = [0; 16];
        rng.fill_bytes(&mut salt);
        let verifier = Verifier::new(config.issuer.clone(), config.audience.clone())
            .leeway(config.leeway)
            .max_lifetime(config.policy.access_ttl);
        let passwords = Passwords::new(config.hashing, &salt)?;
        let fills_blacklist = config.policy.check == Check::Blacklist || ports.blacklist.is_shared();
        let parts = Parts {
            config,
            verifier,
            keys,
            passwords,
            sync: BlacklistSync::default(),
            issue_floor: ISSUE_FLOOR_UNKNOWN.into(),
            newest: i64::MIN.into(),
            writing: Writing::default(),
            fills_blacklist,
            rng: Mutex::new(Box::new(rng)),
        };
        Ok(Self {
            parts: Arc::new(parts),
            ports,
            waited: None,
            network: None,
        })
    }

    /// The adapters that it talks to.
    #[must_use]
    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    /// The same service, talking to its stores through these ports: adapters around its own, that count or watch what one
    /// request costs. Keys, passwords under way and what is carried over stay shared.
    #[must_use]
    pub fn with_ports(&self, ports: Ports) -> Self {
        Self { ports, ..self.clone() }
    }

    /// The same service for a client at this address: passwords are hashed in a fair order of the clients' networks.
    #[must_use]
    pub fn for_client(&self, address: Option<IpAddr>) -> Self {
        Self {
            network: address.map(network_of),
            ..self.clone()
        }
    }

    /// The same service, bound to one request: all calls to it and to its clones together wait for stores no longer than
    /// [`Config::store_timeout`](crate::Config::store_timeout). Other work, such as hashing a password, is not counted. A
    /// service that is bound already stays bound to the same request.
    ///
    /// Calls to a service that is not bound have that time each.
    #[must_use]
    pub fn for_request(&self) -> Self {
        let mut bound = self.clone();
        bound.waited.get_or_insert_default();
        bound
    }

    /// The same service, bound to no request: for work that goes on after the reply.
    #[must_use]
    pub fn detached(&self) -> Self {
        Self {
            waited: None,
            ..self.clone()
        }
    }

    pub(crate) fn caller(&self, signs_up: bool) -> Caller {
        Caller {
            signs_up,
            network: self.network,
        }
    }

    /// The policy in force.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.parts.config.policy
    }

    /// The time by which tokens are judged.
    ///
    /// # Errors
    /// [`Unavailable::Clock`] if it is not known.
    pub fn now(&self) -> Result<Timestamp, Unavailable> {
        let now = self.ports.clock.now()?;
        let newest = Timestamp::from_millisecond(self.parts.newest.load(Ordering::Acquire)).unwrap_or(Timestamp::MIN);
        // Another node may have removed revocations by that time. Up to the margin they are of expired tokens.
        if newest > later(now, MARGIN) {
            return Err(ClockNotReady::Behind(newest).into());
        }
        // Stores keep milliseconds; a time that is compared with a stored one must not be finer.
        Ok(Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now))
    }

    /// A short text for a browser to bring back, sealed with the refresh keys: every node can check it.
    #[must_use]
    pub fn seal(&self, text: &str) -> String {
        self.parts.keys.refresh.seal(text)
    }

    /// The text, if a node of this service [sealed](Self::seal) it.
    #[must_use]
    pub fn unseal<'a>(&self, sealed: &'a str) -> Option<&'a str> {
        self.parts.keys.refresh.unseal(sealed)
    }

    pub(crate) fn with_rng<T>(&self, draw: impl FnOnce(&mut dyn CryptoRng) -> T) -> T {
        draw(&mut **locked(&self.parts.rng))
    }

    // ANCHOR: mint
    /// Signs an access token that lives as long as the policy says, but not past `not_after`. None that the issue floor
    /// would refuse.
    pub(crate) fn mint(
        &self,
        owner: TokenOwner,
        now: Timestamp,
        not_after: Timestamp,
    ) -> Result<(AccessToken, AccessClaims), Unavailable> {
        // `iat` and `exp` are whole seconds on the wire. Rounding down errs towards a shorter life.
        let whole = |time: Timestamp| Timestamp::from_second(time.as_second()).unwrap_or(time);
        let issued_at = whole(now);
        if let Some(from) = self.issues_from().filter(|from| issued_at < *from) {
            return Err(ClockNotReady::IssueFloor(from).into());
        }
        let claims = AccessClaims {
            issuer: self.parts.config.issuer.clone(),
            audience: self.parts.config.audience.clone(),
            subject: owner.user,
            client_id: owner.client_id,
            issued_at,
            expires_at: later(issued_at, self.policy().access_ttl).min(whole(not_after)),
            token_id: self.with_rng(TokenId::random),
            session_id: owner.session,
        };
        let token = self.parts.keys.ring.sign(&claims).map_err(StoreError::unavailable)?;
        Ok((token, claims))
    }
    // ANCHOR_END: mint

    /// How much longer than the latest token it covers a revocation is kept.
    pub(crate) fn margin(&self) -> Duration {
        self.parts.config.leeway.saturating_add(MARGIN)
    }

    pub(crate) fn closing(&self, cause: EndReason) -> Result<Closing, Unavailable> {
        Ok(Closing {
            cause,
            at: self.now()?,
            margin: self.margin(),
        })
    }

    pub(crate) fn deadline(&self) -> Deadline {
        let waited = self.waited.as_ref().map_or(Duration::ZERO, |waited| *locked(waited));
        // Not the time that tokens are judged by: a timer of the runtime, which tests can pause.
        Deadline(Instant::now() + self.parts.config.store_timeout.saturating_sub(waited))
    }

    async fn wait<T>(&self, deadline: Deadline, answer: impl Future<Output = T>) -> Result<T, StoreError> {
        let began = Instant::now();
        let answer = timeout_at(deadline.0, answer).await;
        if let Some(waited) = &self.waited {
            *locked(waited) += began.elapsed();
        }
        answer.map_err(|_| StoreError::unavailable(TimedOut))
    }

    /// Waits for a read; past the deadline it is dropped.
    pub(crate) async fn read<T>(
        &self,
        deadline: Deadline,
        read: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, Unavailable> {
        Ok(self.wait(deadline, read).await??)
    }

    /// Runs a write in a task of its own, and waits for it. A client that hangs up, and a deadline that passes, end the
    /// waiting, not the write: dropped half-way its outcome would be anybody's guess.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        deadline: Deadline,
        write: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, Unavailable> {
        let task = spawn(write);
        self.read(deadline, async { task.await.map_err(StoreError::unavailable)? })
            .await
            .inspect_err(|_| self.parts.writing.suspect())
    }

    /// Both steps of every closing: the log, then the blacklist; in a task of its own, so that a client that hangs up
    /// between the two cancels nothing.
    pub(crate) async fn close_and_carry<T: Send + 'static>(
        &self,
        deadline: Deadline,
        close: impl Future<Output = Result<(T, Vec<Revocation>), StoreError>> + Send + 'static,
    ) -> Result<T, CloseError> {
        let (tell, told) = oneshot::channel();
        let service = self.detached();
        let steps = async move {
            let (outcome, revocations) = match close.await {
                Ok((outcome, revocations)) => (Ok(outcome), revocations),
                Err(error) => (Err(error), Vec::new()),
            };
            // Nobody may be listening any more; the second step is done all the same.
            let _ = tell.send(outcome);
            #[cfg(feature = "failpoints")]
            crate::failpoints::stay_at("between-log-and-blacklist").await;
            service.carry(&revocations).await
        };
        let task = spawn(steps);
        let outcome = self
            .read(deadline, async { told.await.map_err(StoreError::unavailable)? })
            .await
            .inspect_err(|_| self.parts.writing.suspect())
            .map_err(CloseError::Unknown)?;
        let carried = self.wait(deadline, task).await.map_err(CloseError::Pending)?;
        carried
            .unwrap_or_else(|panicked| Err(StoreError::unavailable(panicked)))
            .map_err(CloseError::Pending)?;
        Ok(outcome)
    }

    async fn carry(&self, revocations: &[Revocation]) -> Result<(), StoreError> {
        if !self.parts.fills_blacklist || revocations.is_empty() {
            return Ok(());
        }
        // From here on this node refuses them, whatever the blacklist says.
        self.parts.sync.pending.add(revocations);
        self.ports.blacklist.insert(revocations).await.inspect_err(|error| {
            tracing::error!(
                error = %ErrorChain(error),
                "a revocation is in the log but not in the blacklist; it will be carried over"
            );
        })?;
        self.parts.sync.pending.remove(revocations);
        Ok(())
    }
}

/// Runs a task in the span of the request, so that what it logs can be found under the request's id, and where its caller
/// logs.
pub(crate) fn spawn<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(task.in_current_span().with_current_subscriber())
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whose an access token is.
#[derive(Debug, Clone)]
pub(crate) struct TokenOwner {
    pub(crate) user: UserId,
    pub(crate) session: SessionId,
    pub(crate) client_id: ClientId,
}
