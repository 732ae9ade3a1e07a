//! Who visits a page: a parameter for handlers that have something to say to everybody.

use std::{future::Future, pin::Pin};

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload};
use rescind_session::AuthenticateError;

use crate::{
    authenticated::{Authenticated, CookieVerdict},
    cookies::CookieTokens,
    problem::Problem,
    rescind::Rescind,
    security_headers::Personal,
};

/// Whoever visits a page, judged by the cookies alone.
///
/// The rejection is a [`Problem`]: 503 if whether the token was taken back cannot be told, since the visitor is then
/// neither logged in nor logged out; 400 if the cookies contradict each other. A login page should not take this
/// parameter: it is the way out of the second.
#[derive(Debug, Clone)]
pub enum Visitor {
    /// Nobody who is logged in, or somebody whose token was revoked.
    Anonymous,
    /// Somebody who is.
    LoggedIn(Authenticated),
    /// The access token is over, missing or unusable, and there is a refresh token that may buy the next. A page that
    /// wants to know goes to [`browser::to_refresh`](crate::browser::to_refresh) and is asked for again.
    Stale,
}

/// Whom this request was found to come from.
struct Seen(Authenticated);

impl Visitor {
    /// Whom a handler's `Visitor` has found logged in, for what is drawn around every page alike. Nobody, if no handler has
    /// asked.
    #[must_use]
    pub fn seen(request: &HttpRequest) -> Option<Authenticated> {
        request.extensions().get::<Seen>().map(|seen| seen.0.clone())
    }

    async fn of(request: HttpRequest) -> Result<Self, Problem> {
        request.extensions_mut().insert(Personal);
        let rescind = Rescind::of(&request)?;
        let cookies = CookieTokens::read(&request, rescind.cookie_names())?;
        let left = match Authenticated::of_cookies(&rescind, cookies).await? {
            CookieVerdict::Accepted(authenticated) => {
                request.extensions_mut().insert(Seen(authenticated.clone()));
                return Ok(Self::LoggedIn(authenticated));
            }
            CookieVerdict::Refused(AuthenticateError::Revoked(_), _) => return Ok(Self::Anonymous),
            CookieVerdict::Refused(_, left) | CookieVerdict::NoAccessToken(left) => left,
        };
        let may_refresh = left.refresh.is_some() && rescind.service().policy().refresh.is_some();
        Ok(if may_refresh { Self::Stale } else { Self::Anonymous })
    }
}

impl FromRequest for Visitor {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        Box::pin(Self::of(request.clone()))
    }
}
