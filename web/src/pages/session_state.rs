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

#[derive(Serialize)]
pub(crate) struct SessionState {
    #[serde(flatten)]
    state: State,
    #[serde(serialize_with = "to_the_millisecond")]
    now: Timestamp,
}

/// The state of a browser's cookies.
#[derive(Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum State {
    /// The access token is accepted.
    Live {
        session_id: SessionId,
        /// How often the refresh token was renewed; `None` without a refresh token.
        generation: Option<u32>,
        issued_at: Timestamp,
        expires_at: Timestamp,
    },
    /// The access token is not accepted, but there is a refresh token.
    Stale,
    /// Not logged in, or no longer.
    Ended,
}

impl State {
    fn live(request: &HttpRequest, rescind: &Rescind, authenticated: &Authenticated) -> Self {
        let claims = authenticated.claims();
        Self::Live {
            session_id: claims.session_id,
            generation: presented(request, rescind).map(|token| token.unverified_generation().get()),
            issued_at: claims.issued_at,
            expires_at: claims.expires_at,
        }
    }
}

impl SessionState {
    /// A page's login in JSON; `None` if it does not depend on a login.
    pub(crate) fn drawn_for(request: &HttpRequest, rescind: &Rescind) -> Option<String> {
        let authenticated = Visitor::seen(request)?;
        let state = State::live(request, rescind, &authenticated);
        // While the time is not known, no login is accepted.
        let now = rescind.service().now().ok()?;
        serde_json::to_string(&Self { state, now }).ok()
    }
}

/// The refresh token in the browser's cookies. It is not verified, but what it says is told only to its sender.
pub(crate) fn presented(request: &HttpRequest, rescind: &Rescind) -> Option<PresentedRefreshToken> {
    let token = browser::refresh_token(request, rescind).ok().flatten()?;
    PresentedRefreshToken::parse(token.expose_secret()).ok()
}

/// A script needs no finer time, and not every browser parses it.
fn to_the_millisecond<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{time:.3}"))
}

pub(crate) async fn show(request: HttpRequest, visitor: Visitor, rescind: Rescind) -> Result<HttpResponse, Problem> {
    let now = rescind.service().now()?;
    let state = match visitor {
        Visitor::LoggedIn(authenticated) => State::live(&request, &rescind, &authenticated),
        Visitor::Stale => State::Stale,
        Visitor::Anonymous => State::Ended,
    };
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(SessionState { state, now }))
}
