//! The owner of an access token: a parameter that any handler can take.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, OnceLock},
    time::Duration,
};

use actix_web::{
    FromRequest, HttpMessage, HttpRequest, ResponseError,
    dev::Payload,
    http::{StatusCode, header::HeaderValue},
};
use derive_more::Deref;
use jiff::{SignedDuration, Timestamp};
use rescind_session::{
    AuthenticateError,
    token::{AccessClaims, AccessToken, SessionId, UserId},
};

use crate::{
    bearer::{bearer_header, bearer_in},
    cookies::CookieTokens,
    origin,
    problem::Problem,
    rescind::Rescind,
    security_headers::Personal,
};

/// A user whose access token was accepted: genuine, not expired, and, where the policy checks it, not revoked.
///
/// Take it as a parameter, and the handler runs for authenticated requests only. The rejection is a [`Problem`]: 401
/// with a `WWW-Authenticate` challenge, or 503 if the revocation check is not possible. Behind
/// [`guard`](crate::Rescind::guard) or [`SecurityHeaders`](crate::SecurityHeaders) replies of such a handler are not
/// cached, unless it sets a `Cache-Control` of its own.
///
/// The token is read from `Authorization: Bearer` or from the browser's cookies. A bearer token wins: if it is refused
/// or cannot be read, the cookies are not tried. An `Authorization` header of another scheme is ignored, and hides
/// neither a bearer token nor cookies.
///
/// **Not as `Option<Authenticated>`**, which is `None` also while the revocation check is not possible: actix drops every
/// error there. Take [`MaybeAuthenticated`], or `Result<Authenticated, Problem>`, whose error has to be answered.
#[derive(Debug, Clone, Deref)]
pub struct Authenticated(Caller);

/// A user whose access token was verified only: genuine and not expired. **It may have been revoked**: a user who has
/// logged out, and a thief, pass until the token expires. It needs no store, so it is for replies that may be seen for
/// some minutes more.
///
/// ```
/// # use rescind_api::VerifiedOnly;
/// async fn price_list(caller: VerifiedOnly) -> String {
///     format!("Prices for {}", caller.user_id())
/// }
/// ```
#[derive(Debug, Clone, Deref)]
pub struct VerifiedOnly(Caller);

/// An [`Authenticated`] user, if there is one. It is `None` if the request has no token, or one that is refused with a
/// 401. If the revocation check is not possible, the request is answered 503; if its credentials cannot be read, 400.
///
/// ```
/// # use rescind_api::MaybeAuthenticated;
/// async fn greeting(MaybeAuthenticated(caller): MaybeAuthenticated) -> &'static str {
///     if caller.is_some() { "Welcome back." } else { "Hello." }
/// }
/// ```
#[derive(Debug, Clone)]
pub struct MaybeAuthenticated(pub Option<Authenticated>);

/// What is known of the sender of an access token. [`Authenticated`] and [`VerifiedOnly`] dereference to it; only they
/// say what was checked.
#[derive(Debug, Clone)]
pub struct Caller {
    claims: Arc<AccessClaims>,
    token: Sent,
    transport: Transport,
    /// When it was accepted.
    now: Timestamp,
}

/// An access token as it was sent: a bearer token stays in its header, without a copy, until it is asked for.
#[derive(Debug, Clone)]
struct Sent {
    header: Option<HeaderValue>,
    token: OnceLock<AccessToken>,
}

impl Sent {
    fn in_header(header: &HeaderValue) -> Self {
        let mut header = header.clone();
        // `Debug` prints none that is sensitive.
        header.set_sensitive(true);
        Self {
            header: Some(header),
            token: OnceLock::new(),
        }
    }

    fn token(&self) -> &AccessToken {
        self.token.get_or_init(|| {
            let token = self.header.as_ref().and_then(bearer_in).flatten();
            token.unwrap_or_default().to_owned().into()
        })
    }
}

impl From<AccessToken> for Sent {
    fn from(token: AccessToken) -> Self {
        Self {
            header: None,
            token: token.into(),
        }
    }
}

/// How an access token was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transport {
    /// In the `Authorization` header.
    Bearer,
    /// In the browser's cookie.
    Cookie,
}

impl Caller {
    /// The token's claims.
    pub fn claims(&self) -> &AccessClaims {
        &self.claims
    }

    /// The `sub` of the token.
    pub fn user_id(&self) -> &UserId {
        &self.claims.subject
    }

    /// The session, which is one login of the user.
    pub fn session_id(&self) -> SessionId {
        self.claims.session_id
    }

    /// How the token was sent.
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// Whether the token's `roles` have this one. They are as old as the token.
    ///
    /// # Errors
    /// [`Problem::InsufficientRole`].
    pub fn require_role(&self, role: &str) -> Result<(), Problem> {
        let has = self.claims.extra.has_role(role);
        has.then_some(()).ok_or(Problem::InsufficientRole)
    }

    /// Whether the token's `scope` has this one.
    ///
    /// # Errors
    /// [`Problem::InsufficientScope`].
    pub fn require_scope(&self, scope: &str) -> Result<(), Problem> {
        let has = self.claims.extra.has_scope(scope);
        has.then_some(())
            .ok_or_else(|| Problem::InsufficientScope(scope.to_owned()))
    }

    /// Whether the user has proved who they are within this time.
    ///
    /// # Errors
    /// [`Problem::InsufficientUserAuthentication`].
    pub fn require_fresh(&self, max_age: Duration) -> Result<(), Problem> {
        let limit = SignedDuration::try_from(max_age).unwrap_or(SignedDuration::MAX);
        let age = self.claims.auth_time.map(|at| self.now.duration_since(at));
        let is_fresh = age.is_some_and(|age| age <= limit);
        is_fresh
            .then_some(())
            .ok_or(Problem::InsufficientUserAuthentication { max_age })
    }

    /// The token itself, to pass on to another service or to decode on a page.
    pub fn access_token(&self) -> &AccessToken {
        self.token.token()
    }

    async fn of(request: &HttpRequest, check: Check) -> Result<Self, Problem> {
        request.extensions_mut().insert(Personal);
        #[cfg(feature = "resource-server")]
        if let Some(server) = crate::ResourceServer::of(request)? {
            let (header, token) = bearer_header(request.headers())?.ok_or(Problem::TokenMissing)?;
            let claims = match check {
                Check::All => server.authenticate(token).await,
                Check::SignatureOnly => server.verify_signature_only(token).await,
            };
            return Ok(Self {
                claims: logged(claims)?,
                token: Sent::in_header(header),
                transport: Transport::Bearer,
                now: server.now()?,
            });
        }
        Self::of_service(request, check).await
    }

    /// By the application's own service, also where a resource server accepts the tokens of another issuer.
    async fn of_service(request: &HttpRequest, check: Check) -> Result<Self, Problem> {
        request.extensions_mut().insert(Personal);
        let rescind = Rescind::of(request)?;
        if let Some((header, token)) = bearer_header(request.headers())? {
            let claims = check.accept(&rescind, token).await?;
            return Ok(Self {
                claims,
                token: Sent::in_header(header),
                transport: Transport::Bearer,
                now: rescind.service().now()?,
            });
        }
        let cookies = origin::own_cookies(request, &rescind)?;
        match Self::of_cookies(&rescind, cookies, check).await? {
            CookieVerdict::Accepted(caller) => Ok(caller),
            CookieVerdict::Refused(error, _) => Err(error.into()),
            CookieVerdict::NoAccessToken(_) => Err(Problem::TokenMissing),
        }
    }

    async fn of_cookies(rescind: &Rescind, mut cookies: CookieTokens, check: Check) -> Result<CookieVerdict, Problem> {
        let Some(token) = cookies.access.take() else {
            return Ok(CookieVerdict::NoAccessToken(cookies));
        };
        match check.accept(rescind, token.expose_secret()).await {
            Ok(claims) => {
                cookies.require_session_of(&claims)?;
                Ok(CookieVerdict::Accepted(Self {
                    claims,
                    token: token.into(),
                    transport: Transport::Cookie,
                    now: rescind.service().now()?,
                }))
            }
            Err(AuthenticateError::Unavailable(error)) => Err(error.into()),
            Err(error) => {
                if let AuthenticateError::Expired(claims) | AuthenticateError::Revoked(claims) = &error {
                    cookies.require_session_of(claims)?;
                }
                Ok(CookieVerdict::Refused(error, cookies))
            }
        }
    }
}

/// Which checks an access token must pass.
#[derive(Clone, Copy)]
enum Check {
    All,
    SignatureOnly,
}

impl Check {
    async fn accept(self, rescind: &Rescind, token: &str) -> Result<Arc<AccessClaims>, AuthenticateError> {
        let verdict = match self {
            Self::All => rescind.service().authenticate(token).await,
            Self::SignatureOnly => rescind.service().verify_signature_only(token),
        };
        logged(verdict)
    }
}

/// For people who set a service up: a client hears only that its token is invalid.
fn logged<T>(verdict: Result<T, AuthenticateError>) -> Result<T, AuthenticateError> {
    if let Err(AuthenticateError::Invalid(why)) = &verdict {
        tracing::debug!(%why, "an access token was refused");
    }
    verdict
}

/// The result of reading the cookies. The access token is taken out of the cookies that are returned.
pub(crate) enum CookieVerdict {
    Accepted(Caller),
    Refused(AuthenticateError, CookieTokens),
    NoAccessToken(CookieTokens),
}

impl Authenticated {
    pub(crate) async fn of_cookies(rescind: &Rescind, cookies: CookieTokens) -> Result<CookieVerdict, Problem> {
        Caller::of_cookies(rescind, cookies, Check::All).await
    }

    /// The user of a verdict of [`of_cookies`](Self::of_cookies), which made all checks.
    pub(crate) fn of_verdict(accepted: Caller) -> Self {
        Self(accepted)
    }

    /// Takes the user that [`remember`](Self::remember) has, or checks the request's token.
    pub(crate) async fn of(request: &HttpRequest) -> Result<Self, Problem> {
        // The resource server of a route may check more than that of its scope: what that one accepted is not taken.
        if has_resource_server(request)? {
            return Caller::of(request, Check::All).await.map(Self);
        }
        let remembered = request.extensions().get::<Self>().cloned();
        match remembered {
            Some(caller) => Ok(caller),
            None => Caller::of_service(request, Check::All).await.map(Self),
        }
    }

    /// The same by the application's own service, also where there is a resource server.
    async fn of_service(request: &HttpRequest) -> Result<Self, Problem> {
        match has_resource_server(request) {
            Ok(false) => Self::of(request).await,
            Ok(true) | Err(_) => Caller::of_service(request, Check::All).await.map(Self),
        }
    }

    /// One check is enough for a request: a middleware made it, and the handler takes its result.
    pub(crate) fn remember(self, request: &HttpRequest) {
        request.extensions_mut().insert(self);
    }
}

/// Whether the tokens of this request's route are checked by a resource server.
fn has_resource_server(request: &HttpRequest) -> Result<bool, Problem> {
    #[cfg(feature = "resource-server")]
    return Ok(crate::ResourceServer::of(request)?.is_some());
    #[cfg(not(feature = "resource-server"))]
    {
        let _ = request;
        Ok(false)
    }
}

/// The parameter of our own [handlers](crate::handlers): a user of the application's own service. Where a
/// [`ResourceServer`](crate::ResourceServer) accepts the tokens of another issuer too, its users have no account here,
/// although their ids may be the same.
#[derive(Debug, Clone)]
pub struct OwnUser(pub(crate) Authenticated);

impl FromRequest for OwnUser {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { Authenticated::of_service(&request).await.map(Self) })
    }
}

impl FromRequest for Authenticated {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { Self::of(&request).await })
    }
}

impl FromRequest for VerifiedOnly {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { Caller::of(&request, Check::SignatureOnly).await.map(Self) })
    }
}

impl FromRequest for MaybeAuthenticated {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            match Authenticated::of(&request).await {
                Ok(caller) => Ok(Self(Some(caller))),
                Err(problem) if problem.status_code() == StatusCode::UNAUTHORIZED => Ok(Self(None)),
                Err(problem) => Err(problem),
            }
        })
    }
}
