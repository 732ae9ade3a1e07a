//! The issuer's public keys, fetched over HTTP and kept for as long as its `Cache-Control` allows.

use std::{
    error::Error,
    sync::{Arc, PoisonError, RwLock},
};

use jiff::{SignedDuration, Timestamp};
use rescind_session::{
    ErrorChain, LogId,
    ports::StoreError,
    token::{SecurityEventToken, VerifyError, VerifyingKeys},
};
use serde::Deserialize;
use tokio::sync::Mutex;
use url::Url;
use uuid::Uuid;

use super::settings::ResourceServerSettings;
use crate::http_client::{HttpClient, HttpReply};

/// The longest document that is read, in bytes.
const LONGEST: usize = 256 * 1024;
/// How long a document without `Cache-Control` is fresh, in seconds.
const USUALLY_FRESH: i64 = 5 * 60;
/// The longest that a document is fresh, in seconds. An issuer may name a shorter time only.
const LONGEST_FRESH: i64 = 24 * 60 * 60;
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

pub(super) struct IssuerKeys {
    /// None if the document was given.
    client: Option<HttpClient>,
    settings: Arc<ResourceServerSettings>,
    held: RwLock<Option<Arc<Document>>>,
    /// When the last fetch began. Locked during a fetch.
    fetching: Mutex<Option<Timestamp>>,
}

impl IssuerKeys {
    pub(super) fn new(client: HttpClient, settings: Arc<ResourceServerSettings>) -> Self {
        Self {
            client: Some(client),
            settings,
            held: RwLock::default(),
            fetching: Mutex::default(),
        }
    }

    /// The keys of a document that is never fetched again.
    pub(super) fn given(
        text: &str,
        settings: Arc<ResourceServerSettings>,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let document = Document::read(text, Timestamp::MIN, SignedDuration::MAX)?;
        Ok(Self {
            client: None,
            settings,
            held: RwLock::new(Some(Arc::new(document))),
            fetching: Mutex::default(),
        })
    }

    /// The document to use now. One that is no longer fresh is fetched again first; if that fails, it is used for a while.
    pub(super) async fn current(self: &Arc<Self>) -> Result<Arc<Document>, StoreError> {
        let now = self.settings.clock.now().map_err(StoreError::unavailable)?;
        let stale_if_error = SignedDuration::try_from(self.settings.stale_if_error).unwrap_or(SignedDuration::MAX);
        let usable = match self.held() {
            Some(held) if held.age(now) < held.fresh_for => return Ok(held),
            held => held.filter(|held| held.age(now) <= held.fresh_for.saturating_add(stale_if_error)),
        };
        // While one request fetches the document, the others use the one that is held.
        if usable.is_none() || self.fetching.try_lock().is_ok() {
            self.fetch().await;
        }
        let fetched = self.held().filter(|held| held.age(now) < held.fresh_for);
        let usable = fetched.or(usable);
        usable.ok_or_else(|| StoreError::unavailable("the issuer's keys are not known"))
    }

    /// A document that was fetched after this one, if it may be fetched again already.
    pub(super) async fn newer_than(self: &Arc<Self>, known: &Arc<Document>) -> Option<Arc<Document>> {
        let newer = |keys: &Self| keys.held().filter(|held| !Arc::ptr_eq(held, known));
        if newer(self).is_none() {
            self.fetch().await;
        }
        newer(self)
    }

    /// Verifies a security event of the issuer, and returns it with the time, or why it is refused. The outer error means that
    /// this is not known: the key may be a new one.
    pub(super) async fn verify_event(
        self: &Arc<Self>,
        event: &str,
        audience: &str,
    ) -> Result<Result<(SecurityEventToken, Timestamp), VerifyError>, StoreError> {
        let now = self.settings.clock.now().map_err(StoreError::unavailable)?;
        let verify = |document: &Document| {
            let verified = self
                .settings
                .verifier
                .verify_security_event(&document.keys, event, audience);
            verified.map(|event| (event, now))
        };
        let verified = async {
            let document = self.current().await?;
            match verify(&document) {
                Err(VerifyError::UnknownKey) => {
                    let newer = self.newer_than(&document).await;
                    let newer = newer.ok_or_else(|| StoreError::unavailable("the event's key is not known yet"))?;
                    match verify(&newer) {
                        // Another node may have published an older document.
                        Err(VerifyError::UnknownKey) => {
                            Err(StoreError::unavailable("the event's key is not published yet"))
                        }
                        verified => Ok(verified),
                    }
                }
                verified => Ok(verified),
            }
        };
        let verified = tokio::time::timeout(self.settings.timeout, verified).await;
        verified.unwrap_or_else(|late| Err(StoreError::unavailable(late)))
    }

    fn held(&self) -> Option<Arc<Document>> {
        self.held.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Fetches the document, unless that was tried too recently. In a task, so that a client that hangs up does not stop
    /// it for the others.
    async fn fetch(self: &Arc<Self>) {
        let keys = Arc::clone(self);
        // It does not panic, and is never aborted.
        let _ = tokio::spawn(async move { keys.try_fetch().await }).await;
    }

    async fn try_fetch(&self) {
        let Some(client) = &self.client else { return };
        let mut last = self.fetching.lock().await;
        let Ok(now) = self.settings.clock.now() else { return };
        let between = SignedDuration::try_from(self.settings.between_fetches).unwrap_or(SignedDuration::MAX);
        let between = self.held().map_or(between.min(BETWEEN_FIRST_TRIES), |_| between);
        if last.is_some_and(|last| now.duration_since(last).abs() < between) {
            return;
        }
        *last = Some(now);
        match self.read(client, now).await {
            Ok(mut document) => {
                // The same keys stay the same set, so that what was verified with them need not be verified again.
                if let Some(held) = self
                    .held()
                    .filter(|held| held.keys.to_jwks() == document.keys.to_jwks())
                {
                    document.keys = held.keys.clone();
                }
                *self.held.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(document));
            }
            Err(error) => {
                // Only the origin: the address may contain a secret.
                let url = Url::parse(&self.settings.jwks_url).map(|url| url.origin().ascii_serialization());
                let (url, error) = (url.unwrap_or_default(), ErrorChain(&*error));
                tracing::error!(%url, %error, "the issuer's keys cannot be fetched");
            }
        }
    }

    async fn read(&self, client: &HttpClient, now: Timestamp) -> Result<Document, Box<dyn Error + Send + Sync>> {
        let request = client.get(&self.settings.jwks_url);
        let reply = client.send(request, LONGEST).await?;
        if reply.status != 200 {
            return Err(format!("the status is {}", reply.status).into());
        }
        Document::read(str::from_utf8(&reply.body)?, now, fresh_for(&reply))
    }
}

impl Document {
    fn read(
        text: &str,
        fetched_at: Timestamp,
        fresh_for: SignedDuration,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        #[derive(Deserialize)]
        struct Members {
            rescind_log: Option<Uuid>,
            rescind_issued_from: Option<i64>,
        }
        let members: Members = serde_json::from_str(text)?;
        let from = members.rescind_issued_from.map(Timestamp::from_second);
        Ok(Self {
            keys: VerifyingKeys::from_jwks(text)?,
            log: members.rescind_log.map(LogId::from_uuid),
            issued_from: from.map(|from| from.unwrap_or(Timestamp::MAX)),
            fetched_at,
            fresh_for,
        })
    }

    fn age(&self, now: Timestamp) -> SignedDuration {
        // Another request may have fetched it just after `now`. And if the clock was set back, the document is old.
        now.duration_since(self.fetched_at).abs()
    }
}

/// How long the reply may be kept (RFC 9111 section 4.2): `max-age` less the `Age` that it has already.
fn fresh_for(reply: &HttpReply) -> SignedDuration {
    let values = |name: &str| {
        let values = reply
            .headers
            .get_all(name)
            .into_iter()
            .filter_map(|value| value.to_str().ok());
        let values = values.flat_map(|value| value.split(','));
        values
            .map(|value| value.trim().to_ascii_lowercase())
            .collect::<Vec<_>>()
    };
    let caching = values("cache-control");
    if caching
        .iter()
        .any(|directive| ["no-store", "no-cache"].contains(&directive.as_str()))
    {
        return SignedDuration::ZERO;
    }
    let max_age = caching.iter().find_map(|directive| directive.strip_prefix("max-age="));
    let max_age = max_age.map_or(USUALLY_FRESH, |seconds| seconds.parse().unwrap_or(0));
    let age: i64 = values("age").iter().find_map(|age| age.parse().ok()).unwrap_or(0);
    SignedDuration::from_secs(max_age.saturating_sub(age).clamp(0, LONGEST_FRESH))
}
