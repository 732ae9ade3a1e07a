//! "Your devices": list them, end one, end all.

use std::{net::IpAddr, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    http::{StatusCode, header},
    web,
};
use jiff::Timestamp;
use rescind_session::token::{Generation, SessionId};
use serde::{Deserialize, Serialize};

use super::reply;
use crate::{
    authenticated::{Authenticated, OwnUser, Transport},
    browser,
    problem::Problem,
    rescind::Rescind,
};

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Session))]
pub(crate) struct Listed {
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    session_id: SessionId,
    current: bool,
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    created_at: Timestamp,
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    last_seen_at: Timestamp,
    user_agent: Option<String>,
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    ip: Option<IpAddr>,
    #[cfg_attr(feature = "openapi", schema(value_type = u32))]
    generation: Generation,
}

/// The part of the list to return.
#[derive(Deserialize)]
struct Part {
    limit: Option<usize>,
    after: Option<SessionId>,
}

/// The caller's open sessions, oldest first. `Link: rel="next"` (RFC 8288) leads to the next part.
///
/// # Errors
/// [`Problem`]: 401 without a valid token, 409 `policy_keeps_no_session`.
pub async fn sessions(
    request: HttpRequest,
    rescind: Rescind,
    OwnUser(caller): OwnUser,
) -> Result<HttpResponse, Problem> {
    // Not an extractor, whose errors the application may have given another form.
    let part = web::Query::<Part>::from_query(request.query_string()).map_err(|_| Problem::BadRequest)?;
    let limit = part.limit.unwrap_or(50);
    if !(1..=100).contains(&limit) {
        return Err(Problem::BadRequest);
    }
    let mut sessions = rescind.service().sessions(caller.user_id()).await?;
    // Ids are ordered by the time of the login. Unlike times, no two ids are equal.
    sessions.retain(|session| part.after.is_none_or(|after| session.id > after));
    sessions.sort_by_key(|session| session.id);
    let mut reply = reply(StatusCode::OK);
    if let Some(last) = sessions.get(limit - 1).filter(|_| sessions.len() > limit) {
        let (path, last) = (request.path(), last.id);
        reply.insert_header((
            header::LINK,
            format!("<{path}?limit={limit}&after={last}>; rel=\"next\""),
        ));
    }
    let list: Vec<_> = sessions
        .into_iter()
        .take(limit)
        .map(|session| Listed {
            session_id: session.id,
            current: session.id == caller.session_id(),
            created_at: session.created_at,
            last_seen_at: session.last_seen_at,
            generation: session.generation(),
            user_agent: session.device.user_agent,
            ip: session.device.address,
        })
        .collect();
    Ok(reply.json(list))
}

/// How long after the last proof of the password a user may end their other devices one by one.
///
/// A thief with a copied token could otherwise keep logging the owner out. Logging out everywhere always works: it ends the
/// thief too.
pub const FRESH_FOR: Duration = Duration::from_secs(5 * 60);

/// Ends one of the caller's sessions. The path must have an `{id}`. Another session than the caller's own needs a login of the
/// last [five minutes](FRESH_FOR), or the password again: [`reauthenticate`](super::reauthenticate).
///
/// # Errors
/// [`Problem`]: 401 without a valid token, 401 `insufficient_user_authentication` (RFC 9470), 404 for another user's session
/// too, 409 `policy_keeps_no_session`.
pub async fn end_session(
    request: HttpRequest,
    rescind: Rescind,
    OwnUser(caller): OwnUser,
) -> Result<HttpResponse, Problem> {
    // Not a `Path`, which would log a value that it cannot read: it may be a token.
    let id = request.match_info().get("id").and_then(|id| id.parse().ok());
    let id: SessionId = id.ok_or(Problem::NotFound)?;
    if id != caller.session_id() && rescind.service().policy().keeps_sessions() {
        caller.require_fresh(FRESH_FOR)?;
    }
    rescind.service().end_session(caller.user_id(), id).await?;
    tracing::info!(session = %id, user = %caller.user_id(), "ended a session from the list");
    Ok(done(&request, &rescind, &caller, id == caller.session_id()).finish())
}

/// Ends all sessions of the caller.
///
/// # Errors
/// [`Problem`]: 401 without a valid token, 409 `policy_keeps_no_session`.
pub async fn log_out_everywhere(
    request: HttpRequest,
    rescind: Rescind,
    OwnUser(caller): OwnUser,
) -> Result<HttpResponse, Problem> {
    rescind.service().log_out_everywhere(caller.claims()).await?;
    tracing::info!(user = %caller.user_id(), "logged out everywhere");
    Ok(done(&request, &rescind, &caller, true).finish())
}

/// 204, and without the cookies if they belong to the ended session.
fn done(request: &HttpRequest, rescind: &Rescind, caller: &Authenticated, ended_own: bool) -> HttpResponseBuilder {
    let mut reply = reply(StatusCode::NO_CONTENT);
    if ended_own && caller.transport() == Transport::Cookie {
        for cookie in browser::dropped_cookies(request, rescind, caller.session_id()) {
            reply.cookie(cookie);
        }
    }
    reply
}
