//! Login, refresh, logout.

use actix_web::{HttpRequest, HttpResponse};
use rescind_session::{IssuedTokens, token::SessionId};
use serde::{Deserialize, Serialize};

use super::accounts::NameAndPassword;
use crate::{
    body::{Field, JsonBody, LogoutBody},
    exchange::exchange,
    login::{self, device},
    logout,
    problem::{FieldError, Problem},
    rescind::Rescind,
};

/// The wire form of a grant. The tokens are left out where they are in cookies, and the refresh fields where the policy
/// has no refresh token.
#[derive(Serialize)]
struct Tokens<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    expires_in: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_expires_in: Option<i64>,
    session_id: SessionId,
}

impl<'a> Tokens<'a> {
    fn told(issued: &'a IssuedTokens) -> Self {
        Self {
            access_token: Some(issued.access_token.expose_secret()),
            token_type: Some("Bearer"),
            refresh_token: issued.refresh.as_ref().map(|refresh| refresh.token.expose_secret()),
            ..Self::untold(issued)
        }
    }

    fn untold(issued: &'a IssuedTokens) -> Self {
        let left = |until: jiff::Timestamp| until.duration_since(issued.at).as_secs();
        Self {
            access_token: None,
            token_type: None,
            expires_in: left(issued.claims.expires_at),
            refresh_token: None,
            refresh_expires_in: issued.refresh.as_ref().map(|refresh| left(refresh.expires_at)),
            session_id: issued.claims.session_id,
        }
    }
}

pub(super) async fn log_in(
    request: HttpRequest,
    rescind: Rescind,
    body: JsonBody<NameAndPassword>,
) -> Result<HttpResponse, Problem> {
    let mut body = body.0;
    let refresh = std::mem::take(&mut body.refresh_token).optional("refresh_token")?;
    let (username, password) = body.required()?;
    let login = login::log_in(&request, &rescind, &username, &password, refresh.as_deref()).await?;
    Ok(HttpResponse::Ok().json(Tokens::told(&login.deliver())))
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct MaybeRefreshToken {
    refresh_token: Field,
}

pub(super) async fn refresh(
    request: HttpRequest,
    rescind: Rescind,
    body: JsonBody<MaybeRefreshToken>,
) -> Result<HttpResponse, Problem> {
    if rescind.service().policy().refresh.is_none() {
        return Err(Problem::PolicyHasNoRefresh);
    }
    if let Some(token) = body.0.refresh_token.optional("refresh_token")? {
        let issued = rescind.service().refresh(&token, device(&request, &rescind)).await?;
        return Ok(HttpResponse::Ok().json(Tokens::told(&issued)));
    }
    let issued = exchange(&request, &rescind).await.map_err(|problem| match problem {
        Problem::TokenMissing => {
            let detail = "is required, unless the browser's cookies are sent".to_owned();
            Problem::InvalidInput(vec![FieldError {
                field: "refresh_token",
                detail,
            }])
        }
        problem => problem,
    })?;
    let mut reply = HttpResponse::Ok();
    for cookie in rescind.cookie_names().of_grant(&issued) {
        reply.cookie(cookie);
    }
    Ok(reply.json(Tokens::untold(&issued)))
}

pub(super) async fn log_out(request: HttpRequest, rescind: Rescind, body: LogoutBody) -> Result<HttpResponse, Problem> {
    let logout = logout::log_out(&request, &rescind, body).await?;
    Ok(logout.reply(HttpResponse::NoContent().finish()))
}
