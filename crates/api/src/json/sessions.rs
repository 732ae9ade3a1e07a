//! "Your devices": list them, end one, end all.

use std::net::IpAddr;

use actix_web::{HttpResponse, HttpResponseBuilder, web};
use jiff::Timestamp;
use rescind_session::token::{Generation, SessionId};
use serde::Serialize;

use crate::{
    authenticated::{Authenticated, Transport},
    browser,
    problem::Problem,
    rescind::Rescind,
};

#[derive(Serialize)]
struct Listed {
    session_id: SessionId,
    current: bool,
    created_at: Timestamp,
    last_seen_at: Timestamp,
    user_agent: Option<String>,
    ip: Option<IpAddr>,
    generation: Generation,
}

pub(super) async fn list(rescind: Rescind, caller: Authenticated) -> Result<HttpResponse, Problem> {
    let sessions = rescind.service().sessions(caller.user_id()).await?;
    let list: Vec<_> = sessions
        .into_iter()
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
    Ok(HttpResponse::Ok().json(list))
}

pub(super) async fn end(
    rescind: Rescind,
    caller: Authenticated,
    id: web::Path<SessionId>,
) -> Result<HttpResponse, Problem> {
    rescind.service().end_session(caller.user_id(), *id).await?;
    tracing::info!(session = %id, user = %caller.user_id(), "a session was ended from the list");
    Ok(done(&rescind, &caller, *id == caller.session_id()).finish())
}

pub(super) async fn log_out_everywhere(rescind: Rescind, caller: Authenticated) -> Result<HttpResponse, Problem> {
    rescind.service().log_out_everywhere(caller.claims()).await?;
    tracing::info!(user = %caller.user_id(), "logged out everywhere");
    Ok(done(&rescind, &caller, true).finish())
}

/// 204, and without the cookies if they are of the session that ended.
fn done(rescind: &Rescind, caller: &Authenticated, ended_own: bool) -> HttpResponseBuilder {
    let mut reply = HttpResponse::NoContent();
    if ended_own && caller.transport() == Transport::Cookie {
        for cookie in browser::dropped_cookies(rescind) {
            reply.cookie(cookie);
        }
    }
    reply
}
