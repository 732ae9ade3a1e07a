//! Who asks: a parameter that any handler can take.

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

/// Somebody whose access token was accepted: genuine, in time, and, where the policy asks, not revoked.
///
/// Take it as a parameter and the handler runs for nobody else. The rejection is a [`Problem`]: 401 with a
/// `WWW-Authenticate` challenge, or 503 if whether the token was taken back cannot be told. Replies of such a handler are
/// not cached, unless it sets a `Cache-Control` of its own.
///
/// The token is read from `Authorization: Bearer` or from the browser's cookies. A bearer token wins, and if it is
/// refused or cannot be read the cookies are not tried. An `Authorization` header of another scheme is not ours, and
/// hides nothing.
#[derive(Debug, Clone)]
pub struct Authenticated {
    claims: AccessClaims,
    token: AccessToken,
    transport: Transport,
}

/// How an access token came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// In the `Authorization` header.
    Bearer,
    /// In the browser's cookie.
    Cookie,
}

impl Authenticated {
    /// What the token says.
    #[must_use]
    pub fn claims(&self) -> &AccessClaims {
        &self.claims
    }

    /// Who it is.
    #[must_use]
    pub fn user_id(&self) -> UserId {
        self.claims.subject
    }

    /// Which login of theirs it is.
    #[must_use]
    pub fn session_id(&self) -> SessionId {
        self.claims.session_id
    }

    /// How the token came.
    #[must_use]
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// The token itself, to be passed on to a service that asks for it, or to be taken apart on a page.
    #[must_use]
    pub fn access_token(&self) -> &AccessToken {
        &self.token
    }

    async fn of(request: HttpRequest) -> Result<Self, Problem> {
        request.extensions_mut().insert(Personal);
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

/// What the cookies amount to. The access token is taken out of those that are handed back.
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

/// The bearer token of a request (RFC 6750, section 2.1), not looked at: for a handler that judges it otherwise than
/// [`Authenticated`] does.
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

/// The token of each `Authorization` header that starts with `Bearer`, in any case and with any separator: nothing for
/// one that cannot be read. Headers of other schemes are passed over, whatever is in them.
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
