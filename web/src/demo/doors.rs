//! Two doors that a token can be tried at, and what lies behind them.
//!
//! Both answer "who am I?", and both tell a private note, so that it is plain what it means to be in. The first is the
//! API's own `/api/me` with that note added, and asks whatever the policy asks. The second looks at signature and expiry
//! and at nothing else, as every service does that has been given a public key and no memory. It exists in the demo only.

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use rescind_api::{Authenticated, Me, Problem, Rescind, bearer_token, me};
use rescind_session::token::AccessClaims;
use serde::Serialize;

use super::thief::{ASKING_DOOR, SIGNATURE_DOOR};
use crate::pages::read;

/// What the people of the demo would rather keep to themselves.
const NOTES: [(&str, &str); 2] = [
    ("alice", "The spare key is under the blue flower pot."),
    ("bob", "I have not read a single book of the book club."),
];

/// Adds both doors. Before the API, whose `/api/me` the first one replaces.
pub(crate) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource(ASKING_DOOR).route(read().to(asking)))
        .service(web::resource(SIGNATURE_DOOR).route(read().to(signature_only)));
}

#[derive(Serialize)]
struct MeAndMyNote {
    #[serde(flatten)]
    me: Me,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'static str>,
}

async fn asking(rescind: Rescind, caller: Authenticated) -> Result<HttpResponse, Problem> {
    who(&rescind, caller.claims()).await
}

async fn signature_only(request: HttpRequest, rescind: Rescind) -> Result<HttpResponse, Problem> {
    let token = bearer_token(&request)?.ok_or(Problem::TokenMissing)?;
    let claims = rescind.service().verify_signature_only(token.expose_secret())?;
    who(&rescind, &claims).await
}

async fn who(rescind: &Rescind, claims: &AccessClaims) -> Result<HttpResponse, Problem> {
    let me = me(rescind, claims).await?;
    let mut notes = NOTES.into_iter();
    let note = notes.find(|(name, _)| *name == me.username).map(|(_, note)| note);
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(MeAndMyNote { me, note }))
}
