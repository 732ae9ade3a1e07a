//! What a script may know of the browser's login, to renew it ahead of time: never a token.
//!
//! `GET /session` returns it as JSON, and a page drawn for a logged-in person contains it, which saves the request:
//!
//! ```json
//! {"state": "live", "session_id": "…", "generation": 3, "issued_at": "…", "expires_at": "…", "now": "…"}
//! {"state": "stale", "now": "…"}
//! {"state": "ended", "now": "…"}
//! ```
//!
//! The generation is the one in the browser's own refresh token, not the one in the database. It answers the script's only
//! question: are these still the same cookies? The database's would not: after a renewal with a lost reply its number has
//! grown and the cookies are the old ones, and a script that took this for another tab's renewal would never retry. It would
//! also cost a read for each page.

use actix_web::{HttpRequest, HttpResponse, http::header};
use jiff::Timestamp;
use rescind_api::{Authenticated, Problem, Rescind, Visitor, browser};
use rescind_session::token::{PresentedRefreshToken, SessionId};
use serde::{Serialize, Serializer};

/// The state of a browser's cookies.
#[derive(Debug, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(crate) enum SessionState {
    /// The access token is accepted.
    Live {
        session_id: SessionId,
        /// How often the refresh token was renewed; `None` without a refresh token.
        generation: Option<u32>,
        issued_at: Timestamp,
        expires_at: Timestamp,
        #[serde(serialize_with = "to_the_millisecond")]
        now: Timestamp,
    },
    /// The access token is not accepted, but there is a refresh token.
    Stale {
        #[serde(serialize_with = "to_the_millisecond")]
        now: Timestamp,
    },
    /// Not logged in, or no longer.
    Ended {
        #[serde(serialize_with = "to_the_millisecond")]
        now: Timestamp,
    },
}

impl SessionState {
    fn live(request: &HttpRequest, rescind: &Rescind, authenticated: &Authenticated, now: Timestamp) -> Self {
        let cookie = browser::refresh_token(request, rescind).ok().flatten();
        let presented = cookie.and_then(|token| PresentedRefreshToken::parse(token.expose_secret()).ok());
        let claims = authenticated.claims();
        Self::Live {
            session_id: claims.session_id,
            generation: presented.map(|token| token.unverified_generation().get()),
            issued_at: claims.issued_at,
            expires_at: claims.expires_at,
            now,
        }
    }

    /// A page's login in JSON; `None` if it does not depend on a login.
    pub(crate) fn drawn_for(request: &HttpRequest, rescind: &Rescind) -> Option<String> {
        let authenticated = Visitor::seen(request)?;
        // While the time is not known, no login is accepted.
        let now = rescind.service().now().ok()?;
        serde_json::to_string(&Self::live(request, rescind, &authenticated, now)).ok()
    }
}

/// A script needs no finer time, and not every browser parses it.
fn to_the_millisecond<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{time:.3}"))
}

pub(crate) async fn show(request: HttpRequest, visitor: Visitor, rescind: Rescind) -> Result<HttpResponse, Problem> {
    let now = rescind.service().now()?;
    let state = match visitor {
        Visitor::LoggedIn(authenticated) => SessionState::live(&request, &rescind, &authenticated, now),
        Visitor::Stale => SessionState::Stale { now },
        Visitor::Anonymous => SessionState::Ended { now },
    };
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(state))
}
