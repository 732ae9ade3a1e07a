//! The visitor of a page: a parameter for handlers that serve everybody.

use std::{future::Future, pin::Pin};

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload};
use rescind_session::AuthenticateError;

use crate::{
    authenticated::{Authenticated, CookieVerdict},
    origin,
    problem::Problem,
    rescind::Rescind,
    security_headers::Personal,
};

/// The visitor of a page, identified by the cookies alone.
///
/// The rejection is a [`Problem`]: 503 if the revocation check is not possible, since the visitor is then neither
/// logged in nor logged out; 400 if the cookies contradict each other. A login page should not take this parameter: the
/// login is how a person gets out of the second case.
#[derive(Debug, Clone)]
pub enum Visitor {
    /// Not logged in, or the token was revoked.
    Anonymous,
    /// Logged in.
    LoggedIn(Authenticated),
    /// The access token is expired, missing or unusable, and there is a refresh token that may buy the next. A page
    /// that needs to know redirects to [`browser::to_refresh`](crate::browser::to_refresh) and is requested again.
    Stale,
}

/// The authenticated user of this request.
struct Seen(Authenticated);

impl Visitor {
    /// The user that a handler's `Visitor` has found, for the frame around every page. `None` if no handler has taken
    /// one.
    #[must_use]
    pub fn seen(request: &HttpRequest) -> Option<Authenticated> {
        request.extensions().get::<Seen>().map(|seen| seen.0.clone())
    }

    async fn of(request: HttpRequest) -> Result<Self, Problem> {
        request.extensions_mut().insert(Personal);
        let rescind = Rescind::of(&request)?;
        let cookies = origin::own_cookies(&request, &rescind)?;
        let left = match Authenticated::of_cookies(&rescind, cookies).await? {
            CookieVerdict::Accepted(caller) => {
                let authenticated = Authenticated::of_verdict(caller);
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
