//! Introspection (RFC 7662): for each request the issuer is asked whether the token still counts.

use std::{
    collections::HashMap,
    error::Error,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rescind_session::{
    RevocationReader, Scope, VerifiedToken, async_trait,
    ports::{RevocationStatus, StoreError},
    token::{ClientSecret, sha256},
};
use serde_json::Value;
use tokio::time::Instant;
use url::form_urlencoded::{self, byte_serialize};

use super::{ResourceServerError, client_for};
use crate::http_client::{HttpClient, reqwest::header};

/// The longest answer that is read, in bytes: the claims of the longest token.
const LONGEST: usize = 64 * 1024;

/// How many idle connections to the issuer are kept for the next question.
const IDLE_CONNECTIONS: usize = 16;

/// The settings of an [`Introspection`]. Change the fields that differ from the defaults.
#[derive(Clone)]
#[non_exhaustive]
pub struct IntrospectionSettings {
    /// The address of the endpoint: `https`, or `http` on this machine, since tokens and the secret are sent there. Default:
    /// `/oauth/introspect` below the issuer.
    pub url: String,
    /// Whether `url` may be `http` on another machine. Default: no.
    pub allow_plain_http: bool,
    /// The id of the client whose tokens are accepted, besides those of no client. The issuer answers that tokens of other
    /// clients are not active.
    pub client_id: String,
    /// A secret of that client.
    pub client_secret: ClientSecret,
    /// How long the answer "active" is used again for the same token. **For so long a revoked token may still be accepted.**
    /// At most [`IntrospectionSettings::LONGEST_CACHE`]. Default: zero, each request asks.
    pub cache: Duration,
    /// How many answers are kept at most. Default 10,000.
    pub cache_entries: usize,
    /// How long to wait for an answer; then the request is answered 503. Default 1 s.
    pub timeout: Duration,
}

impl IntrospectionSettings {
    /// The longest [`cache`](Self::cache): a second.
    pub const LONGEST_CACHE: Duration = Duration::from_secs(1);

    /// Settings for an issuer and a client of it, otherwise the defaults.
    pub fn new(issuer: &str, client_id: impl Into<String>, client_secret: ClientSecret) -> Self {
        Self {
            url: format!("{}/oauth/introspect", issuer.trim_end_matches('/')),
            allow_plain_http: false,
            client_id: client_id.into(),
            client_secret,
            cache: Duration::ZERO,
            cache_entries: 10_000,
            timeout: Duration::from_secs(1),
        }
    }
}

/// Checks revocations by asking the issuer: for [`RevocationCheck::By`](super::RevocationCheck::By). Any issuer with an
/// endpoint of RFC 7662 will do.
///
/// The resource server verifies the token first, so only genuine tokens that have not expired are sent. Without an answer, or
/// with one that cannot be read, the request is answered 503.
pub struct Introspection {
    settings: IntrospectionSettings,
    client: HttpClient,
    authorization: ClientSecret,
    /// The tokens that were active, by their hash, and when each was asked about.
    active: Mutex<HashMap<[u8; 32], Instant>>,
}

impl Introspection {
    /// # Errors
    /// [`ResourceServerError`]: the settings cannot be used.
    pub fn new(settings: IntrospectionSettings) -> Result<Self, ResourceServerError> {
        if settings.cache > IntrospectionSettings::LONGEST_CACHE {
            return Err(ResourceServerError::IntrospectionCache);
        }
        let client = client_for(
            &settings.url,
            settings.allow_plain_http,
            settings.timeout,
            IDLE_CONNECTIONS,
        )?;
        Ok(Self {
            client: client.ok_or(ResourceServerError::IntrospectionUrl)?,
            authorization: basic(&settings.client_id, &settings.client_secret),
            active: Mutex::default(),
            settings,
        })
    }

    async fn is_active(&self, token: &str) -> Result<bool, Box<dyn Error + Send + Sync>> {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("token", token)
            .append_pair("token_type_hint", "access_token")
            .finish();
        let mut authorization = header::HeaderValue::from_str(self.authorization.expose_secret())?;
        authorization.set_sensitive(true);
        let request = self.client.post(&self.settings.url).body(form);
        let request = request
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "application/json")
            .header(header::AUTHORIZATION, authorization);
        let reply = self.client.send(request, LONGEST).await?;
        if reply.status != 200 {
            return Err(format!("the introspection is answered {}", reply.status).into());
        }
        // Not a structure, which serde also reads from an array; and not serde's message, which may quote the answer.
        let answer: Option<Value> = serde_json::from_slice(&reply.body).ok();
        let active = answer.and_then(|answer| answer.get("active").and_then(Value::as_bool));
        active.ok_or_else(|| "the introspection does not say whether the token is active".into())
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<[u8; 32], Instant>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_kept(&self, token: &[u8; 32], now: Instant) -> bool {
        let asked_at = self.kept().get(token).copied();
        asked_at.is_some_and(|asked_at| now.duration_since(asked_at) < self.settings.cache)
    }

    fn keep(&self, token: [u8; 32], asked_at: Instant) {
        let mut kept = self.kept();
        // Emptied as a whole: most answers in it are too old, and a lost one costs a question.
        if kept.len() >= self.settings.cache_entries {
            kept.clear();
        }
        kept.insert(token, asked_at);
    }
}

#[async_trait]
impl RevocationReader for Introspection {
    async fn status(&self, token: &VerifiedToken<'_>) -> Result<RevocationStatus, StoreError> {
        // A kept answer never outlives the token: its expiry has just been checked.
        let (hash, asked_at) = (sha256(token.token), Instant::now());
        if self.is_kept(&hash, asked_at) {
            return Ok(RevocationStatus::NotRevoked);
        }
        if !self.is_active(token.token).await.map_err(StoreError::unavailable)? {
            self.kept().remove(&hash);
            return Ok(RevocationStatus::Revoked(Scope::Token(token.claims.token_id)));
        }
        if !self.settings.cache.is_zero() && self.settings.cache_entries > 0 {
            self.keep(hash, asked_at);
        }
        Ok(RevocationStatus::NotRevoked)
    }
}

/// Both parts are form-urlencoded before they are joined (RFC 6749, section 2.3.1).
fn basic(id: &str, secret: &ClientSecret) -> ClientSecret {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let joined = format!("{}:{}", encoded(id), encoded(secret.expose_secret()));
    format!("Basic {}", STANDARD.encode(joined)).into()
}
