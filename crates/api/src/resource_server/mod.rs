//! A resource server: a service that accepts the access tokens of an issuer elsewhere, and has no database.
//!
//! It has the issuer's public keys, read from its JWK set (RFC 7517), and no private key. Whether a token was revoked
//! cannot be read from the token, so it says by name how it finds out: [`RevocationCheck`].

mod event_stream;
mod introspection;
mod issuer_keys;
mod set_receiver;
mod settings;
mod status_list_reader;

use std::{future::Future, sync::Arc, time::Duration};

use actix_web::{HttpRequest, Route, web};
use jiff::Timestamp;
use rescind_session::{
    AuthenticateError, ClockNotReady, RevocationReader, TokenCacheStats, Unavailable, VerifiedToken, VerifiedTokens,
    ports::{RevocationStatus, StoreError},
    token::{AccessClaims, VerifyError},
};
use url::Url;

use crate::{
    http_client::{HttpClient, HttpError},
    problem::Problem,
};
pub use introspection::{Introspection, IntrospectionSettings};
use issuer_keys::{Document, IssuerKeys};
pub use set_receiver::SetReceiver;
pub use settings::ResourceServerSettings;
pub use status_list_reader::StatusListReader;

/// How a resource server finds out whether a token was revoked.
#[derive(Clone)]
#[non_exhaustive]
pub enum RevocationCheck {
    /// It does not: a token is accepted until it expires, also after a logout.
    NotChecked,
    /// By this reader, for each request: an [`Introspection`] at the issuer, for example. If it does not know, the reply is 503.
    By(Arc<dyn RevocationReader>),
    /// By the security events that the issuer sends here: from memory, without a request. **Fast, not immediate.** What is
    /// answered without events: see [`SetReceiver`].
    SecurityEvents(SetReceiver),
    /// By the status lists of the issuer, as they were fetched last. **Not immediate**: see [`StatusListReader`].
    StatusLists(StatusListReader),
}

/// Settings of a [`ResourceServer`] that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResourceServerError {
    /// The address of the keys cannot be used.
    #[error("jwks_url must be an https address, or http on this machine (or allow_plain_http must be set)")]
    JwksUrl,
    /// The address of the introspection cannot be used.
    #[error("url must be an https address, or http on this machine (or allow_plain_http must be set)")]
    IntrospectionUrl,
    /// The answers of the introspection would be used for too long.
    #[error("cache must be at most a second: for so long a revoked token is accepted")]
    IntrospectionCache,
    /// The JWK set that was given cannot be read.
    #[error("the JWK set cannot be used")]
    Jwks(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// There is no HTTP client.
    #[error(transparent)]
    Client(#[from] HttpError),
}

/// Accepts the access tokens of an issuer elsewhere, for [`Authenticated`](crate::Authenticated): put a clone of it into
/// `App::app_data`, as [`web::Data`]. Clones share the keys.
///
/// Within a scope or a resource, `app_data` with another clone applies to its routes only. So
/// [`with_check`](Self::with_check) sets the revocation check for a part of the routes.
///
/// Only bearer tokens are read, no cookies. Where an application has a [`Rescind`](crate::Rescind) too, the resource
/// server decides, except for our own [`handlers`](crate::handlers): put it into the scope of the routes that it is for.
#[derive(Clone)]
pub struct ResourceServer {
    settings: Arc<ResourceServerSettings>,
    keys: Arc<IssuerKeys>,
    verified: Arc<VerifiedTokens>,
    check: RevocationCheck,
}

impl ResourceServer {
    /// A resource server. It fetches the keys with the first request, or with [`fetch_keys`](Self::fetch_keys).
    ///
    /// # Errors
    /// [`ResourceServerError`]: the settings cannot be used.
    pub fn new(settings: ResourceServerSettings, check: RevocationCheck) -> Result<Self, ResourceServerError> {
        let client = client_for(&settings.jwks_url, settings.allow_plain_http, settings.timeout / 2, 0)?;
        let client = client.ok_or(ResourceServerError::JwksUrl)?;
        let settings = Arc::new(settings);
        let keys = IssuerKeys::new(client, Arc::clone(&settings));
        Ok(Self::with_keys(settings, keys, check))
    }

    /// A resource server with this JWK set, as the issuer publishes it. It is never fetched, so a new key of the issuer needs a new
    /// server: for tests, and where keys are distributed in another way.
    ///
    /// # Errors
    /// [`ResourceServerError::Jwks`]: the document cannot be read.
    pub fn with_jwks(
        settings: ResourceServerSettings,
        jwks: &str,
        check: RevocationCheck,
    ) -> Result<Self, ResourceServerError> {
        let settings = Arc::new(settings);
        let keys = IssuerKeys::given(jwks, Arc::clone(&settings)).map_err(ResourceServerError::Jwks)?;
        Ok(Self::with_keys(settings, keys, check))
    }

    fn with_keys(settings: Arc<ResourceServerSettings>, keys: IssuerKeys, check: RevocationCheck) -> Self {
        Self {
            verified: Arc::new(VerifiedTokens::new(settings.token_cache)),
            keys: Arc::new(keys),
            settings,
            check,
        }
    }

    /// The same server with this revocation check, for a part of the routes. The keys stay shared.
    #[must_use]
    pub fn with_check(&self, check: RevocationCheck) -> Self {
        Self { check, ..self.clone() }
    }

    /// Fetches the issuer's keys, unless they are fresh: for the start, so that an unreachable issuer is noticed early.
    ///
    /// # Errors
    /// [`StoreError`] if there are no keys to use; the log has the cause.
    pub async fn fetch_keys(&self) -> Result<(), StoreError> {
        self.keys.current().await.map(drop)
    }

    /// How the cache of verified access tokens was used, for metrics. Clones share it.
    pub fn token_cache(&self) -> TokenCacheStats {
        self.verified.stats()
    }

    /// Accepts an access token, or returns why not. The answer takes no longer than the timeout.
    ///
    /// # Errors
    /// [`AuthenticateError`]; never an acceptance that could not be checked.
    pub async fn authenticate(&self, token: &str) -> Result<Arc<AccessClaims>, AuthenticateError> {
        self.in_time(self.check_all(token)).await
    }

    /// Checks only the token, without the revocation check of this server: **a revoked token is accepted until it
    /// expires**.
    ///
    /// # Errors
    /// [`AuthenticateError`]; never [`AuthenticateError::Revoked`].
    pub async fn verify_signature_only(&self, token: &str) -> Result<Arc<AccessClaims>, AuthenticateError> {
        self.in_time(async { Ok(self.verify(token).await?.0) }).await
    }

    async fn in_time(
        &self,
        check: impl Future<Output = Result<Arc<AccessClaims>, AuthenticateError>>,
    ) -> Result<Arc<AccessClaims>, AuthenticateError> {
        let checked = tokio::time::timeout(self.settings.timeout, check).await;
        checked.unwrap_or_else(|late| Err(Unavailable::from(StoreError::unavailable(late)).into()))
    }

    async fn check_all(&self, token: &str) -> Result<Arc<AccessClaims>, AuthenticateError> {
        let (mut claims, mut document) = self.verify(token).await?;
        if let RevocationCheck::NotChecked = self.check {
            return Ok(claims);
        }
        loop {
            // What was revoked before the issue floor is in no log.
            if document.issued_from.is_some_and(|from| claims.issued_at < from) {
                return Err(AuthenticateError::Revoked(Box::new(Arc::unwrap_or_clone(claims))));
            }
            let verified = VerifiedToken::new(token, &claims, document.log);
            let status = match &self.check {
                RevocationCheck::NotChecked => Ok(RevocationStatus::NotRevoked),
                RevocationCheck::By(reader) => reader.status(&verified).await,
                RevocationCheck::SecurityEvents(receiver) => receiver.status(&verified, self.now()?).await,
                RevocationCheck::StatusLists(reader) => Ok(reader.status(&verified, self.now()?)),
            };
            match status.map_err(Unavailable::from)? {
                RevocationStatus::NotRevoked => return Ok(claims),
                RevocationStatus::Revoked(_) => {
                    return Err(AuthenticateError::Revoked(Box::new(Arc::unwrap_or_clone(claims))));
                }
                // A list comes from the application.
                RevocationStatus::Incomplete if matches!(self.check, RevocationCheck::StatusLists(_)) => {
                    return Err(Unavailable::BlacklistRebuilding.into());
                }
                RevocationStatus::Incomplete => {
                    // The copy may be of another log than was published: a restored database has a new one, and new keys.
                    let newer = self.keys.newer_than(&document).await;
                    let newer = newer.filter(|newer| newer.log != document.log);
                    document = newer.ok_or(Unavailable::BlacklistRebuilding)?;
                    claims = self.verify_by(&document, token)?;
                }
            }
        }
    }

    /// The claims, and the document whose key signed them.
    async fn verify(&self, token: &str) -> Result<(Arc<AccessClaims>, Arc<Document>), AuthenticateError> {
        let document = self.keys.current().await.map_err(Unavailable::from)?;
        match self.verify_by(&document, token) {
            Err(AuthenticateError::Invalid(VerifyError::UnknownKey)) => {
                // The key may be new.
                let newer = self.keys.newer_than(&document).await.unwrap_or(document);
                Ok((self.verify_by(&newer, token)?, newer))
            }
            verified => Ok((verified?, document)),
        }
    }

    fn verify_by(&self, document: &Document, token: &str) -> Result<Arc<AccessClaims>, AuthenticateError> {
        let now = self.now()?;
        let verified = self
            .verified
            .verify(&self.settings.verifier, &document.keys, token, now);
        verified.map_err(|error| match error {
            VerifyError::Expired(claims) => AuthenticateError::Expired(claims),
            other => AuthenticateError::Invalid(other),
        })
    }

    /// The time used to check tokens. A clock that was wrong at the start must not decide how long a revocation is looked
    /// for; and without a database nothing here can tell which of the two times is right.
    pub(crate) fn now(&self) -> Result<Timestamp, Unavailable> {
        let (now, drift) = (self.settings.clock.now()?, self.settings.clock.drift());
        if drift.unsigned_abs() >= ClockNotReady::LARGEST_DRIFT {
            return Err(ClockNotReady::Drifted(drift).into());
        }
        Ok(now)
    }

    /// The server of a request's route, if there is one.
    ///
    /// # Errors
    /// One was put into `app_data` without [`web::Data`]: it would be passed over, perhaps for a laxer one.
    pub(crate) fn of(request: &HttpRequest) -> Result<Option<&Self>, Problem> {
        if request.app_data::<Self>().is_some() {
            return Err(Problem::internal("put the `ResourceServer` into `web::Data`"));
        }
        Ok(request.app_data::<web::Data<Self>>().map(|data| data.as_ref()))
    }
}

impl SetReceiver {
    /// The handler of the address to which the issuer sends: `App::route("/events", receiver.route(&server))`. It verifies
    /// events by the keys of this server.
    pub fn route(&self, server: &ResourceServer) -> Route {
        self.route_with(Arc::clone(&server.keys))
    }
}

/// A client for this address; `None` unless it is `https`, or `http` where that is allowed.
fn client_for(
    url: &str,
    allow_plain_http: bool,
    timeout: Duration,
    idle: usize,
) -> Result<Option<HttpClient>, HttpError> {
    const AGENT: &str = concat!("rescind-api/", env!("CARGO_PKG_VERSION"));
    let Ok(url) = Url::parse(url) else { return Ok(None) };
    let is_this_machine = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    match url.scheme() {
        "https" => HttpClient::build(true, AGENT, timeout, idle).map(Some),
        "http" if allow_plain_http || is_this_machine => HttpClient::build(false, AGENT, timeout, idle).map(Some),
        _ => Ok(None),
    }
}
