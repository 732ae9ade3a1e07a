//! The owner of an access token: a parameter that any handler can take.

use std::{future::Future, pin::Pin};

use actix_web::{
    FromRequest, HttpMessage, HttpRequest,
    dev::Payload,
    http::header::{self, HeaderMap},
};
use rescind_session::{
    AuthenticateError,
    token::{AccessClaims, AccessToken, SessionId, UserId},
};

use crate::{cookies::CookieTokens, problem::Problem, rescind::Rescind, security_headers::Personal};

/// A user whose access token was accepted: genuine, not expired, and, where the policy checks it, not revoked.
///
/// Take it as a parameter, and the handler runs for authenticated requests only. The rejection is a [`Problem`]: 401
/// with a `WWW-Authenticate` challenge, or 503 if the revocation check is not possible. Replies of such a handler are
/// not cached, unless it sets a `Cache-Control` of its own.
///
/// The token is read from `Authorization: Bearer` or from the browser's cookies. A bearer token wins: if it is refused
/// or cannot be read, the cookies are not tried. An `Authorization` header of another scheme is ignored, and hides
/// neither a bearer token nor cookies.
#[derive(Debug, Clone)]
pub struct Authenticated {
    claims: AccessClaims,
    token: AccessToken,
    transport: Transport,
}

/// How an access token was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// In the `Authorization` header.
    Bearer,
    /// In the browser's cookie.
    Cookie,
}

impl Authenticated {
    /// The token's claims.
    #[must_use]
    pub fn claims(&self) -> &AccessClaims {
        &self.claims
    }

    /// The user.
    #[must_use]
    pub fn user_id(&self) -> &UserId {
        &self.claims.subject
    }

    /// The session, which is one login of the user.
    #[must_use]
    pub fn session_id(&self) -> SessionId {
        self.claims.session_id
    }

    /// How the token was sent.
    #[must_use]
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// The token itself, to pass on to another service or to decode on a page.
    #[must_use]
    pub fn access_token(&self) -> &AccessToken {
        &self.token
    }

    async fn of(request: HttpRequest) -> Result<Self, Problem> {
        request.extensions_mut().insert(Personal);
        #[cfg(feature = "resource-server")]
        if let Some(server) = crate::ResourceServer::of(&request) {
            let token = bearer(request.headers())?.ok_or(Problem::TokenMissing)?;
            return Ok(Self {
                claims: server.authenticate(token.expose_secret()).await?,
                token,
                transport: Transport::Bearer,
            });
        }
        let rescind = Rescind::of(&request)?;
        if let Some(token) = bearer(request.headers())? {
            let claims = rescind.service().authenticate(token.expose_secret()).await?;
            return Ok(Self {
                claims,
                token,
                transport: Transport::Bearer,
            });
        }
        let cookies = CookieTokens::read(&request, rescind.cookie_names())?;
        match Self::of_cookies(&rescind, cookies).await? {
            CookieVerdict::Accepted(authenticated) => Ok(authenticated),
            CookieVerdict::Refused(error, _) => Err(error.into()),
            CookieVerdict::NoAccessToken(_) => Err(Problem::TokenMissing),
        }
    }

    pub(crate) async fn of_cookies(rescind: &Rescind, mut cookies: CookieTokens) -> Result<CookieVerdict, Problem> {
        let Some(token) = cookies.access.take() else {
            return Ok(CookieVerdict::NoAccessToken(cookies));
        };
        match rescind.service().authenticate(token.expose_secret()).await {
            Ok(claims) => {
                cookies.require_session_of(&claims)?;
                Ok(CookieVerdict::Accepted(Self {
                    claims,
                    token,
                    transport: Transport::Cookie,
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

/// The result of reading the cookies. The access token is taken out of the cookies that are returned.
pub(crate) enum CookieVerdict {
    Accepted(Authenticated),
    Refused(AuthenticateError, CookieTokens),
    NoAccessToken(CookieTokens),
}

impl FromRequest for Authenticated {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        Box::pin(Self::of(request.clone()))
    }
}

/// The bearer token of a request (RFC 6750, section 2.1), not verified: for a handler whose rules differ from those of
/// [`Authenticated`].
///
/// # Errors
/// [`Problem::AuthorizationUnreadable`] unless there is at most one `Authorization` header that starts with `Bearer`, and
/// one token in it.
pub fn bearer_token(request: &HttpRequest) -> Result<Option<AccessToken>, Problem> {
    bearer(request.headers())
}

pub(crate) fn bearer(headers: &HeaderMap) -> Result<Option<AccessToken>, Problem> {
    let mut found = bearers(headers);
    match (found.next(), found.next()) {
        (None, _) => Ok(None),
        (Some(Some(token)), None) => Ok(Some(token.to_owned().into())),
        _ => Err(Problem::AuthorizationUnreadable),
    }
}

/// The token of each `Authorization` header that starts with `Bearer`, in any case and with any separator; `None` for
/// one that cannot be read. Headers of other schemes are skipped, whether they can be read or not.
pub(crate) fn bearers(headers: &HeaderMap) -> impl Iterator<Item = Option<&str>> {
    const SCHEME: &[u8] = b"Bearer";
    headers.get_all(header::AUTHORIZATION).filter_map(|value| {
        let (scheme, rest) = value.as_bytes().trim_ascii_start().split_at_checked(SCHEME.len())?;
        let token = || {
            let token = rest.strip_prefix(b" ")?.trim_ascii();
            let readable = !token.is_empty() && token.iter().all(|byte| byte.is_ascii_graphic() && *byte != b',');
            str::from_utf8(token).ok().filter(|_| readable)
        };
        scheme.eq_ignore_ascii_case(SCHEME).then(token)
    })
}
