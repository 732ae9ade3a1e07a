//! The issuer's public keys, read over HTTP and kept for as long as its `Cache-Control` allows.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use rescind_session::{
    Clock, ClockNotReady, ErrorChain, LogId, MachineClock, SystemClock,
    ports::StoreError,
    token::{KeyError, VerifyingKeys},
};
use serde::Deserialize;
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::http_client::{HttpClient, HttpError, HttpReply};

/// The longest document that is read, in bytes.
const LONGEST: usize = 256 * 1024;
/// How long a document without `Cache-Control` is fresh.
const USUALLY_FRESH: SignedDuration = SignedDuration::from_mins(5);
/// The longest that a document is fresh, whatever its issuer says.
const LONGEST_FRESH: SignedDuration = SignedDuration::from_hours(24);
/// How long to wait between two tries while there are no keys at all.
const BETWEEN_FIRST_TRIES: SignedDuration = SignedDuration::from_secs(1);

/// What the issuer publishes.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) keys: VerifyingKeys,
    /// The identity of its revocation log.
    pub(super) log: Option<LogId>,
    /// Tokens that were issued before this are refused.
    pub(super) issued_from: Option<Timestamp>,
    fetched_at: Timestamp,
    fresh_for: SignedDuration,
}

/// Why the document was not read. For the log.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("the issuer answered {0}")]
    Status(u16),
    #[error(transparent)]
    Document(#[from] KeyError),
}

/// There are no keys that may still be used.
#[derive(Debug, thiserror::Error)]
#[error("the issuer's keys are not known")]
struct NoKeys;

pub(super) struct IssuerKeys {
    client: HttpClient,
    pub(super) url: String,
    /// The shortest time between two fetches.
    between: SignedDuration,
    /// How long a document is used after its time while it cannot be read again.
    stale_if_error: SignedDuration,
    pub(super) clock: Arc<dyn Clock>,
    held: RwLock<Option<Arc<Document>>>,
    /// When the last fetch began. Locked during a fetch.
    fetching: Mutex<Option<Timestamp>>,
}

impl IssuerKeys {
    pub(super) fn new(
        client: HttpClient,
        url: String,
        between: Duration,
        stale: Duration,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let signed = |duration| SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
        Self {
            client,
            url,
            between: signed(between),
            stale_if_error: signed(stale),
            clock,
            held: RwLock::default(),
            fetching: Mutex::default(),
        }
    }

    /// The document to use now. One that is no longer fresh is read again first; if that fails, it is used for a while.
    pub(super) async fn current(self: &Arc<Self>) -> Result<Arc<Document>, StoreError> {
        let now = self.clock.now().map_err(StoreError::unavailable)?;
        let usable = match self.held() {
            Some(held) if held.age(now) < held.fresh_for => return Ok(held),
            held => held.filter(|held| held.age(now) <= held.fresh_for.saturating_add(self.stale_if_error)),
        };
        // While one request reads the document, the others use the one that is held.
        if usable.is_none() || self.fetching.try_lock().is_ok() {
            self.fetch().await;
        }
        let fetched = self.held().filter(|held| held.age(now) < held.fresh_for);
        fetched.or(usable).ok_or_else(|| StoreError::unavailable(NoKeys))
    }

    /// A document that was read after this one, if it may be read again already.
    pub(super) async fn newer_than(self: &Arc<Self>, known: &Arc<Document>) -> Option<Arc<Document>> {
        let newer = |keys: &Self| keys.held().filter(|held| !Arc::ptr_eq(held, known));
        if newer(self).is_none() {
            self.fetch().await;
        }
        newer(self)
    }

    fn held(&self) -> Option<Arc<Document>> {
        self.held.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the document, unless that was tried too recently. In a task, so that a client that hangs up does not
    /// stop it for the others.
    async fn fetch(self: &Arc<Self>) {
        let keys = Arc::clone(self);
        // It does not panic, and is never aborted.
        let _ = tokio::spawn(async move { keys.try_fetch().await }).await;
    }

    async fn try_fetch(&self) {
        let mut last = self.fetching.lock().await;
        let Ok(now) = self.clock.now() else { return };
        let between = if self.held().is_some() {
            self.between
        } else {
            self.between.min(BETWEEN_FIRST_TRIES)
        };
        if last.is_some_and(|last| now >= last && now.duration_since(last) < between) {
            return;
        }
        *last = Some(now);
        match self.read(now).await {
            Ok(document) => {
                let kids: Vec<_> = document.keys.iter().map(|key| key.kid()).collect();
                tracing::debug!(?kids, "read the issuer's keys");
                *self.held.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(document));
            }
            Err(error) => {
                tracing::error!(url = %self.url, error = %ErrorChain(&error), "the issuer's keys cannot be read");
            }
        }
    }

    async fn read(&self, now: Timestamp) -> Result<Document, FetchError> {
        #[derive(Deserialize)]
        struct Members {
            #[serde(default)]
            rescind_log: Option<Uuid>,
            #[serde(default)]
            rescind_issued_from: Option<i64>,
        }
        let reply = self.client.send(self.client.get(&self.url), LONGEST).await?;
        if reply.status != 200 {
            return Err(FetchError::Status(reply.status));
        }
        let text = str::from_utf8(&reply.body).map_err(|_| KeyError::Jwks)?;
        let members: Members = serde_json::from_str(text).map_err(|_| KeyError::Jwks)?;
        Ok(Document {
            keys: VerifyingKeys::from_jwks(text)?,
            log: members.rescind_log.map(LogId::from_uuid),
            issued_from: members
                .rescind_issued_from
                .map(|second| Timestamp::from_second(second).unwrap_or(Timestamp::MAX)),
            fetched_at: now,
            fresh_for: fresh_for(&reply),
        })
    }
}

impl Document {
    fn age(&self, now: Timestamp) -> SignedDuration {
        // Another request may have read it just after `now`. And if the clock was set back, the document is old.
        now.duration_since(self.fetched_at).abs()
    }
}

/// How long the reply may be kept (RFC 9111 section 4.2): `max-age` less the `Age` that it has already.
fn fresh_for(reply: &HttpReply) -> SignedDuration {
    let values = |name: &str| {
        let values = reply.headers.get_all(name).into_iter();
        values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(str::trim)
    };
    let seconds = |text: &str| text.trim_matches('"').parse().ok().map(SignedDuration::from_secs);
    let mut fresh = USUALLY_FRESH;
    for directive in values("cache-control") {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        if ["no-store", "no-cache"].iter().any(|no| name.eq_ignore_ascii_case(no)) {
            return SignedDuration::ZERO;
        }
        if name.eq_ignore_ascii_case("max-age") {
            fresh = seconds(value).unwrap_or(SignedDuration::ZERO);
        }
    }
    let age = values("age").next().and_then(seconds).unwrap_or(SignedDuration::ZERO);
    fresh.saturating_sub(age).clamp(SignedDuration::ZERO, LONGEST_FRESH)
}

/// The machine's wall clock, which never runs slower than the time since the start: set back, it revives no token.
pub(super) struct WallClock {
    machine: SystemClock,
    started: Timestamp,
    started_since_boot: Duration,
}

impl WallClock {
    pub(super) fn start() -> Self {
        let machine = SystemClock::new();
        Self {
            started: machine.wall(),
            started_since_boot: machine.since_boot(),
            machine,
        }
    }
}

impl Clock for WallClock {
    fn now(&self) -> Result<Timestamp, ClockNotReady> {
        let counted = self.machine.since_boot().saturating_sub(self.started_since_boot);
        let counted = self.started.checked_add(counted).unwrap_or(Timestamp::MAX);
        Ok(counted.max(self.machine.wall()))
    }
}
