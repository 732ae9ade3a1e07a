//! The service: what all steps of a session's life share.
//!
//! Each step has a module of its own: [`login`](crate::login), `refresh`, `authenticate`, `logout`, and `maintenance`
//! for the background work. This one has the configuration, the time, the randomness, and the two ways to wait for a
//! store.

use std::{
    future::Future,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use rand_core::CryptoRng;
use rescind_token::{
    AccessClaims, AccessToken, ClientId, ExtraClaims, MAX_TOKEN_BYTES, SessionId, SignError, TokenId, UserId, Verifier,
};
use tokio::{
    sync::{oneshot, watch},
    task::JoinHandle,
    time::{Instant, timeout_at},
};

use tracing::{Instrument, instrument::WithSubscriber};

#[cfg(feature = "argon2")]
use crate::password::Passwords;
use crate::{
    clock::{ClockNotReady, later},
    config::{Config, ConfigError, Keys, Ports},
    counts::{Counters, Counts},
    error_chain::ErrorChain,
    key_schedule::KeySchedule,
    lock::Lock,
    password::Caller,
    password_verifier::PasswordVerifier,
    policy::{Check, Policy},
    ports::{ClaimsSource, Closing, StoreError},
    revocation::{EndReason, MARGIN, Revocation},
    session::network_of,
    status_index::StatusIndex,
    sync::{BlacklistSync, Writing},
    unavailable::{CloseError, Unavailable},
    user::{InvalidUsername, Username},
    verified_tokens::{TokenCacheStats, VerifiedTokens},
};

/// Logs in, refreshes, authenticates and logs out, under one [`Policy`]. Cheap to clone: clones share everything.
#[derive(Clone)]
pub struct SessionService {
    pub(crate) parts: Arc<Parts>,
    pub(crate) ports: Arc<Ports>,
    /// How long the bound request has waited for stores.
    waited: Option<Arc<Mutex<Duration>>>,
    /// The network of the client, for the order in which passwords are hashed.
    network: Option<IpAddr>,
    claims: Option<Arc<dyn ClaimsSource>>,
    pub(crate) verifier_of_hashes: Option<Arc<dyn PasswordVerifier>>,
}

/// The issue floor in milliseconds, while it has not been read.
pub(crate) const ISSUE_FLOOR_UNKNOWN: i64 = i64::MIN;

pub(crate) struct Parts {
    pub(crate) config: Config,
    pub(crate) verifier: Verifier,
    pub(crate) verified: VerifiedTokens,
    pub(crate) keys: Lock<Arc<KeySchedule>>,
    /// Until when the keys may issue tokens, in milliseconds.
    pub(crate) keys_confirmed: AtomicI64,
    #[cfg(feature = "argon2")]
    pub(crate) passwords: Passwords,
    /// Whether the user store has no [`replace_hash`](crate::ports::UserStore::replace_hash): then none is computed for it.
    #[cfg(feature = "argon2")]
    pub(crate) old_hashes_stay: AtomicBool,
    pub(crate) sync: BlacklistSync,
    pub(crate) issue_floor: AtomicI64,
    /// The newest instant that the store has recorded, in milliseconds, as of the last sync.
    pub(crate) newest: AtomicI64,
    pub(crate) writing: Writing,
    pub(crate) counters: Counters,
    /// Whether revocations go into the blacklist: because this policy checks it, or another node's policy may.
    pub(crate) fills_blacklist: bool,
    /// How many closings of this node are in the log.
    revoked: watch::Sender<u64>,
    rng: Mutex<Box<dyn CryptoRng + Send>>,
}

#[derive(Debug, thiserror::Error)]
#[error("no answer within the store timeout")]
struct TimedOut;

/// When a request stops waiting for its stores, if it only waits for them from now on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Instant);

impl SessionService {
    /// Creates a service. `rng` must be cryptographically secure, and is the only source of randomness.
    ///
    /// Under [`Policy::blacklist`] it accepts no access token until [`sync_blacklist`](Self::sync_blacklist) has run
    /// once. Logins, refreshes and logouts do not depend on that: they need the log, not the copy.
    ///
    /// # Errors
    /// [`ConfigError`] if the settings contradict themselves, or the blacklist may lack logouts of other nodes.
    pub fn new(
        config: Config,
        keys: impl Into<KeySchedule>,
        ports: Ports,
        mut rng: impl CryptoRng + Send + 'static,
    ) -> Result<Self, ConfigError> {
        config.validate()?;
        let keys = keys.into();
        if config.status_list.is_some() && keys.has_shared_secret() {
            return Err(ConfigError::StatusListWithSharedSecret);
        }
        ports.validate()?;
        let mut salt = [0; 16];
        rng.fill_bytes(&mut salt);
        let verifier = Verifier::new(config.issuer.clone(), config.audience.clone())
            .leeway(config.leeway)
            .max_lifetime(config.policy.access_ttl);
        #[cfg(feature = "argon2")]
        let passwords = Passwords::new(config.hashing, &salt)?;
        let fills_blacklist = config.policy.check == Check::Blacklist || ports.blacklist.is_shared();
        let parts = Parts {
            verified: VerifiedTokens::new(config.token_cache),
            config,
            verifier,
            keys: Lock::new(Arc::new(keys)),
            keys_confirmed: i64::MAX.into(),
            #[cfg(feature = "argon2")]
            passwords,
            #[cfg(feature = "argon2")]
            old_hashes_stay: AtomicBool::new(false),
            sync: BlacklistSync::default(),
            issue_floor: ISSUE_FLOOR_UNKNOWN.into(),
            newest: i64::MIN.into(),
            writing: Writing::default(),
            counters: Counters::default(),
            fills_blacklist,
            revoked: watch::Sender::default(),
            rng: Mutex::new(Box::new(rng)),
        };
        Ok(Self {
            parts: Arc::new(parts),
            ports: Arc::new(ports),
            waited: None,
            network: None,
            claims: None,
            verifier_of_hashes: None,
        })
    }

    /// The longest access token that is issued, in bytes: browsers drop a cookie of more than 4,096 bytes, its name and
    /// attributes included.
    pub const MAX_TOKEN_BYTES: usize = 3_800;

    /// The same service, with the application's own claims in its access tokens.
    #[must_use]
    pub fn with_claims(mut self, claims: Arc<dyn ClaimsSource>) -> Self {
        self.claims = Some(claims);
        self
    }

    /// The same service, for users with password hashes in another form.
    #[must_use]
    pub fn with_password_verifier(mut self, verifier: Arc<dyn PasswordVerifier>) -> Self {
        self.verifier_of_hashes = Some(verifier);
        self
    }

    /// Normalises a name as a user typed it, as [`Config::username`](crate::Config::username) says.
    #[cfg(feature = "argon2")]
    pub fn parse_username(&self, typed: &str) -> Result<Username, InvalidUsername> {
        (self.parts.config.username)(typed)
    }

    /// The adapters in use.
    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    /// The same service with these ports: decorated adapters that count or watch the cost of one request. Keys,
    /// password hashing and the sync state stay shared.
    ///
    /// # Errors
    /// [`ConfigError::Blacklist`].
    pub fn with_ports(&self, ports: Ports) -> Result<Self, ConfigError> {
        ports.validate()?;
        Ok(Self {
            ports: Arc::new(ports),
            ..self.clone()
        })
    }

    /// The same service for a client at this address: passwords are hashed in a fair order of the clients' networks.
    #[must_use]
    pub fn for_client(&self, address: Option<IpAddr>) -> Self {
        Self {
            network: address.map(network_of),
            ..self.clone()
        }
    }

    /// The same service, bound to one request: all calls to it and to its clones together wait for stores no longer
    /// than [`Config::store_timeout`](crate::Config::store_timeout). Other work, such as hashing a password, is not
    /// counted. A bound service stays bound to the same request.
    ///
    /// Without a bound request, each call has that time.
    #[must_use]
    pub fn for_request(&self) -> Self {
        let mut bound = self.clone();
        bound.waited.get_or_insert_default();
        bound
    }

    /// The same service, bound to no request: for work that continues after the reply.
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

    /// The `iss` of every token.
    pub fn issuer(&self) -> &str {
        &self.parts.config.issuer
    }

    /// What this node has done since it began.
    pub fn counts(&self) -> Counts {
        #[cfg(feature = "argon2")]
        let hashing = self.parts.passwords.under_way();
        #[cfg(not(feature = "argon2"))]
        let hashing = 0;
        self.parts.counters.read(hashing)
    }

    /// How the cache of verified access tokens was used, for metrics.
    pub fn token_cache(&self) -> TokenCacheStats {
        self.parts.verified.stats()
    }

    /// The policy in force.
    pub fn policy(&self) -> &Policy {
        &self.parts.config.policy
    }

    /// The time used to check tokens.
    ///
    /// # Errors
    /// [`Unavailable::Clock`] if it is not known.
    pub fn now(&self) -> Result<Timestamp, Unavailable> {
        let now = self.ports.clock.now()?;
        let newest = self.parts.newest.load(Ordering::Acquire);
        // Another node may have pruned revocations by that time. Within the margin they belong to expired tokens.
        let margin = i64::try_from(MARGIN.as_millis()).unwrap_or(0);
        if newest > now.as_millisecond().saturating_add(margin) {
            let newest = Timestamp::from_millisecond(newest).unwrap_or(Timestamp::MAX);
            return Err(ClockNotReady::Behind(newest).into());
        }
        // Stores keep milliseconds; a time that is compared with a stored one must not be finer.
        Ok(Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now))
    }

    /// Seals a short text for a browser to send back. It uses the refresh keys, so every node can check it.
    #[must_use]
    pub fn seal(&self, text: &str) -> String {
        self.keys().refresh.seal(text)
    }

    /// The text, if a node of this service [sealed](Self::seal) it.
    #[must_use]
    pub fn unseal<'a>(&self, sealed: &'a str) -> Option<&'a str> {
        self.keys().refresh.unseal(sealed)
    }

    pub(crate) fn with_rng<T>(&self, draw: impl FnOnce(&mut dyn CryptoRng) -> T) -> T {
        draw(&mut **locked(&self.parts.rng))
    }

    /// The application's claims for the next token of this user.
    pub(crate) async fn extra_claims(
        &self,
        deadline: Deadline,
        user: &UserId,
        client: &ClientId,
    ) -> Result<ExtraClaims, Unavailable> {
        match &self.claims {
            Some(source) => self.read(deadline, source.claims(user, client)).await,
            None => Ok(ExtraClaims::new()),
        }
    }

    // ANCHOR: mint
    /// Signs an access token with the policy's lifetime, but at most until `not_after`. Never one that the issue floor
    /// refuses.
    pub(crate) fn mint(
        &self,
        owner: TokenOwner,
        now: Timestamp,
        not_after: Timestamp,
    ) -> Result<(AccessToken, AccessClaims), Unavailable> {
        // `iat` and `exp` are whole seconds on the wire. Rounding down errs towards an earlier expiry.
        let whole = |time: Timestamp| Timestamp::from_second(time.as_second()).unwrap_or(time);
        let issued_at = whole(now);
        if let Some(from) = self.issues_from().filter(|from| issued_at < *from) {
            return Err(ClockNotReady::IssueFloor(from).into());
        }
        let keys = self.issuing_keys(now)?;
        let claims = AccessClaims {
            issuer: self.parts.config.issuer.clone(),
            audience: self.parts.config.audience.clone(),
            subject: owner.user,
            client_id: owner.client_id,
            issued_at,
            expires_at: later(issued_at, self.policy().access_ttl).min(whole(not_after)),
            token_id: self.with_rng(TokenId::random),
            session_id: owner.session,
            auth_time: Some(owner.auth_time),
            extra: self.with_status(owner.extra, owner.status_index),
        };
        Ok((sign(&keys, &claims)?, claims))
    }
    // ANCHOR_END: mint

    /// Changes whenever this node has written a revocation into the log: for a task that passes revocations on. Those of
    /// other nodes do not change it.
    pub fn watch_revocations(&self) -> watch::Receiver<u64> {
        self.parts.revoked.subscribe()
    }

    /// How long a revocation is kept beyond the latest token that it covers.
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
        // Not the clock that checks tokens: the runtime's timer, which tests can pause.
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

    /// Runs a write in its own task and waits for it. A client that hangs up or a passed deadline ends the wait, not
    /// the write: a write dropped half-way has an unknown outcome.
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

    /// Both steps of every closing: the log, then the blacklist. They run in their own task, so that a client that
    /// hangs up between them cancels neither.
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
            if !revocations.is_empty() {
                service.parts.counters.add_revocations(&revocations);
                service
                    .parts
                    .revoked
                    .send_modify(|count| *count = count.wrapping_add(1));
            }
            // The receiver may be gone; the second step still runs.
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
        // From here on this node refuses them, whether or not the blacklist has them.
        self.parts.sync.pending.add(revocations);
        self.ports.blacklist.insert(revocations).await.inspect_err(|error| {
            tracing::error!(
                error = %ErrorChain(error),
                "a revocation is in the log, and the blacklist did not confirm it; the next sync inserts it if it is missing"
            );
        })?;
        self.parts.sync.pending.remove(revocations);
        Ok(())
    }
}

/// Runs a task in the request's span and with the caller's subscriber, so that its log lines have the request's id.
pub(crate) fn spawn<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(task.in_current_span().with_current_subscriber())
}

/// Signs claims, unless a browser would drop the cookie with the token.
fn sign(keys: &Keys, claims: &AccessClaims) -> Result<AccessToken, Unavailable> {
    let token = keys.ring.sign(claims).map_err(|error| match error {
        SignError::TooLong => Unavailable::ClaimsTooLarge { bytes: MAX_TOKEN_BYTES },
        other => StoreError::unavailable(other).into(),
    })?;
    match token.expose_secret().len() {
        bytes if bytes > SessionService::MAX_TOKEN_BYTES => Err(Unavailable::ClaimsTooLarge { bytes }),
        _ => Ok(token),
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The owner of an access token.
#[derive(Debug, Clone)]
pub(crate) struct TokenOwner {
    pub(crate) user: UserId,
    pub(crate) session: SessionId,
    pub(crate) client_id: ClientId,
    pub(crate) auth_time: Timestamp,
    pub(crate) status_index: Option<StatusIndex>,
    pub(crate) extra: ExtraClaims,
}
