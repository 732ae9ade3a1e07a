//! What a script may know of the browser's login, so that it can renew it ahead of time: never a token.
//!
//! `GET /session` answers it as JSON, and a page that was drawn for somebody carries the same, which saves the question:
//!
//! ```json
//! {"state": "live", "session_id": "…", "generation": 3, "issued_at": "…", "expires_at": "…", "now": "…"}
//! {"state": "stale", "now": "…"}
//! {"state": "ended", "now": "…"}
//! ```
//!
//! The generation is the one that the browser's own refresh token says, not the one in the database. It answers the only
//! question that a script has: are these still the cookies that I looked at? The database would answer another one. After
//! a renewal whose reply was lost its number has grown and the cookies have not, and a script that took that for the work
//! of another tab would never ask again. And it would cost a read for each page.

use actix_web::{HttpRequest, HttpResponse, http::header};
use jiff::Timestamp;
use rescind_api::{Authenticated, Problem, Rescind, Visitor, browser};
use rescind_session::token::{PresentedRefreshToken, SessionId};
use serde::{Serialize, Serializer};

/// What the cookies of a browser amount to.
#[derive(Debug, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(crate) enum SessionState {
    /// The access token is accepted.
    Live {
        session_id: SessionId,
        /// How often the refresh token was renewed; nothing where there is none, and so nothing to renew with.
        generation: Option<u32>,
        issued_at: Timestamp,
        expires_at: Timestamp,
        #[serde(serialize_with = "to_the_millisecond")]
        now: Timestamp,
    },
    /// It is not, and there is a refresh token that may buy the next.
    Stale {
        #[serde(serialize_with = "to_the_millisecond")]
        now: Timestamp,
    },
    /// Nobody is logged in, or no longer.
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

    /// For whom a page is drawn, in JSON; nothing if for anybody.
    pub(crate) fn drawn_for(request: &HttpRequest, rescind: &Rescind) -> Option<String> {
        let authenticated = Visitor::seen(request)?;
        // While the time is not known nobody is found logged in.
        let now = rescind.service().now().ok()?;
        serde_json::to_string(&Self::live(request, rescind, &authenticated, now)).ok()
    }
}

/// A script has no use for the rest, and not every browser reads it.
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
