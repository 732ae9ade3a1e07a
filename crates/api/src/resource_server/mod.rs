//! A resource server: a service that accepts the access tokens of an issuer elsewhere, and has no database.
//!
//! It has the issuer's public keys, read from its JWK set (RFC 7517), and no private key. Whether a token was revoked it
//! cannot know from the token, so it says by name how it finds out: [`RevocationCheck`].

mod issuer_keys;

use std::{fmt, future::Future, net::IpAddr, sync::Arc, time::Duration};

use actix_web::{HttpRequest, web};
use jiff::Timestamp;
use rescind_session::{
    AuthenticateError, Clock, RevocationReader, Unavailable, VerifiedToken,
    ports::{RevocationStatus, StoreError},
    token::{AccessClaims, Verifier, VerifyError},
};
use url::{Host, Url};

use crate::http_client::{HttpClient, HttpError};
use issuer_keys::{Document, IssuerKeys, WallClock};

/// The settings of a [`ResourceServer`]. Change the fields that differ from the defaults.
#[derive(Clone)]
#[non_exhaustive]
pub struct ResourceServerSettings {
    /// The `iss` of the tokens, letter by letter.
    pub issuer: String,
    /// The `aud` of the tokens: this API.
    pub audience: String,
    /// The address of the issuer's JWK set. Default: `/.well-known/jwks.json` below the issuer. `https`, or `http` on
    /// this machine, since a changed key set lets a stranger sign.
    pub jwks_url: String,
    /// Whether `jwks_url` may be `http` on another machine: for a network in which others cannot change replies.
    pub allow_plain_http: bool,
    /// How long after its `exp` a token is still accepted. Default 0. As long as the issuer's, or shorter.
    pub leeway: Duration,
    /// The longest `exp − iat` that is accepted. Default: a day.
    pub max_lifetime: Duration,
    /// How long a request waits for all its checks together; then it is answered 503. Default 2 s. Reading the keys
    /// takes at most half of it.
    pub timeout: Duration,
    /// The shortest time between two fetches of the keys, however many tokens name an unknown `kid`. Default 10 s.
    pub between_fetches: Duration,
    /// How long the keys are used after their `Cache-Control` time while the issuer does not answer. Default: an hour.
    pub stale_if_error: Duration,
    /// The clock. Default: the machine's, which may step ahead but is never behind the time counted since the start.
    pub clock: Arc<dyn Clock>,
}

impl ResourceServerSettings {
    /// Settings for an issuer and an audience, otherwise the defaults.
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        let issuer = issuer.into();
        Self {
            jwks_url: format!("{}/.well-known/jwks.json", issuer.trim_end_matches('/')),
            issuer,
            audience: audience.into(),
            allow_plain_http: false,
            leeway: Duration::ZERO,
            max_lifetime: Verifier::DEFAULT_MAX_LIFETIME,
            timeout: Duration::from_secs(2),
            between_fetches: Duration::from_secs(10),
            stale_if_error: Duration::from_secs(60 * 60),
            clock: Arc::new(WallClock::start()),
        }
    }
}

/// How a resource server finds out whether a token was revoked.
#[derive(Clone)]
#[non_exhaustive]
pub enum RevocationCheck {
    /// It does not: a token is accepted until it expires, also after a logout.
    NotChecked,
    /// By this reader, for each request. If it does not know, the reply is 503.
    By(Arc<dyn RevocationReader>),
}

/// Settings of a [`ResourceServer`] that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResourceServerError {
    /// The address of the keys cannot be used.
    #[error("jwks_url must be an https address, or http on this machine (or allow_plain_http must be set)")]
    JwksUrl,
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
/// server decides.
#[derive(Clone)]
pub struct ResourceServer {
    shared: Arc<Shared>,
    check: RevocationCheck,
}

struct Shared {
    verifier: Verifier,
    timeout: Duration,
    keys: Arc<IssuerKeys>,
}

impl fmt::Debug for ResourceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResourceServer")
            .field("keys", &self.shared.keys.url)
            .field("checks_revocation", &matches!(self.check, RevocationCheck::By(_)))
            .finish_non_exhaustive()
    }
}

impl ResourceServer {
    /// A resource server. It reads the keys with the first request, or with [`fetch_keys`](Self::fetch_keys).
    ///
    /// # Errors
    /// [`ResourceServerError`]: the settings cannot be used.
    pub fn new(settings: ResourceServerSettings, check: RevocationCheck) -> Result<Self, ResourceServerError> {
        const AGENT: &str = concat!("rescind-api/", env!("CARGO_PKG_VERSION"));
        let url = Url::parse(&settings.jwks_url).map_err(|_| ResourceServerError::JwksUrl)?;
        let longest_fetch = settings.timeout / 2;
        let client = match url.scheme() {
            "https" => HttpClient::new(AGENT, longest_fetch)?,
            "http" if settings.allow_plain_http || is_this_machine(&url) => {
                HttpClient::without_tls(AGENT, longest_fetch)?
            }
            _ => return Err(ResourceServerError::JwksUrl),
        };
        let verifier = Verifier::new(settings.issuer, settings.audience)
            .leeway(settings.leeway)
            .max_lifetime(settings.max_lifetime);
        let keys = IssuerKeys::new(
            client,
            url.into(),
            settings.between_fetches,
            settings.stale_if_error,
            settings.clock,
        );
        let shared = Shared {
            verifier,
            timeout: settings.timeout,
            keys: Arc::new(keys),
        };
        Ok(Self {
            shared: Arc::new(shared),
            check,
        })
    }

    /// The same server with this revocation check, for a part of the routes. The keys stay shared.
    #[must_use]
    pub fn with_check(&self, check: RevocationCheck) -> Self {
        Self {
            check,
            shared: Arc::clone(&self.shared),
        }
    }

    /// Reads the issuer's keys, unless they are fresh: for the start, so that an unreachable issuer is noticed early.
    ///
    /// # Errors
    /// [`StoreError`] if there are no keys to use; the log has the cause.
    pub async fn fetch_keys(&self) -> Result<(), StoreError> {
        self.shared.keys.current().await.map(drop)
    }

    /// Accepts an access token, or returns why not. The answer takes no longer than the timeout.
    ///
    /// # Errors
    /// [`AuthenticateError`]; never an acceptance that could not be checked, unless the check is
    /// [`RevocationCheck::NotChecked`].
    pub async fn authenticate(&self, token: &str) -> Result<AccessClaims, AuthenticateError> {
        self.in_time(self.check_all(token)).await
    }

    /// Checks only the token, whatever the revocation check of this server is: **a revoked token is accepted until it
    /// expires**.
    ///
    /// # Errors
    /// [`AuthenticateError`]; never [`AuthenticateError::Revoked`].
    pub async fn verify_signature_only(&self, token: &str) -> Result<AccessClaims, AuthenticateError> {
        let verified = async { Ok(self.verify(token).await?.0) };
        self.in_time(verified).await
    }

    async fn in_time(
        &self,
        check: impl Future<Output = Result<AccessClaims, AuthenticateError>>,
    ) -> Result<AccessClaims, AuthenticateError> {
        let checked = tokio::time::timeout(self.shared.timeout, check).await;
        checked.unwrap_or_else(|late| Err(Unavailable::from(StoreError::unavailable(late)).into()))
    }

    async fn check_all(&self, token: &str) -> Result<AccessClaims, AuthenticateError> {
        let (claims, document) = self.verify(token).await?;
        let RevocationCheck::By(reader) = &self.check else {
            return Ok(claims);
        };
        let status = status(&**reader, token, &claims, &document).await?;
        match status {
            RevocationStatus::NotRevoked => Ok(claims),
            RevocationStatus::Revoked(_) => Err(AuthenticateError::Revoked(Box::new(claims))),
            RevocationStatus::Incomplete => self.check_by_newer(&**reader, token, document).await,
        }
    }

    /// The copy may be of another log than the issuer had published: a restored database has a new one, and new keys.
    async fn check_by_newer(
        &self,
        reader: &dyn RevocationReader,
        token: &str,
        known: Arc<Document>,
    ) -> Result<AccessClaims, AuthenticateError> {
        let rebuilding = || AuthenticateError::from(Unavailable::BlacklistRebuilding);
        let newer = self
            .shared
            .keys
            .newer_than(&known)
            .await
            .filter(|newer| newer.log != known.log);
        let newer = newer.ok_or_else(rebuilding)?;
        let claims = self.verify_by(&newer, token)?;
        match status(reader, token, &claims, &newer).await? {
            RevocationStatus::NotRevoked => Ok(claims),
            RevocationStatus::Revoked(_) => Err(AuthenticateError::Revoked(Box::new(claims))),
            RevocationStatus::Incomplete => Err(rebuilding()),
        }
    }

    /// The claims, and the document whose key signed them.
    async fn verify(&self, token: &str) -> Result<(AccessClaims, Arc<Document>), AuthenticateError> {
        let keys = &self.shared.keys;
        let document = keys.current().await.map_err(Unavailable::from)?;
        match self.verify_by(&document, token) {
            Err(AuthenticateError::Invalid(VerifyError::UnknownKey)) => {
                // The key may be new.
                let unknown = AuthenticateError::Invalid(VerifyError::UnknownKey);
                let newer = keys.newer_than(&document).await.ok_or(unknown)?;
                Ok((self.verify_by(&newer, token)?, newer))
            }
            verified => Ok((verified?, document)),
        }
    }

    fn verify_by(&self, document: &Document, token: &str) -> Result<AccessClaims, AuthenticateError> {
        let now = self.now()?;
        self.shared
            .verifier
            .verify(&document.keys, token, now)
            .map_err(|error| match error {
                VerifyError::Expired(claims) => AuthenticateError::Expired(claims),
                other => AuthenticateError::Invalid(other),
            })
    }

    /// The time by which tokens are checked.
    pub(crate) fn now(&self) -> Result<Timestamp, Unavailable> {
        Ok(self.shared.keys.clock.now()?)
    }

    /// The server of a request's route, if there is one.
    pub(crate) fn of(request: &HttpRequest) -> Option<&Self> {
        request.app_data::<web::Data<Self>>().map(|data| data.as_ref())
    }
}

/// The reader's answer, after the issue floor: what was revoked before it is in no log.
async fn status(
    reader: &dyn RevocationReader,
    token: &str,
    claims: &AccessClaims,
    document: &Document,
) -> Result<RevocationStatus, Unavailable> {
    if document.issued_from.is_some_and(|from| claims.issued_at < from) {
        return Ok(RevocationStatus::Revoked(rescind_session::Scope::Token(
            claims.token_id,
        )));
    }
    Ok(reader.status(&VerifiedToken::new(token, claims, document.log)).await?)
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => IpAddr::from(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::from(ip).is_loopback(),
        None => false,
    }
}
