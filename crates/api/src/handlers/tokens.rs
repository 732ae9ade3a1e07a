//! Login, refresh, logout.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web::Payload};
use rescind_session::{IssuedTokens, Password, token::SessionId};
use serde::{Deserialize, Serialize};

use super::{accounts::NameAndPassword, reply};
use crate::{
    authenticated::{OwnUser, Transport},
    body::{self, Field, LogoutBody},
    exchange::exchange,
    login::{self, device},
    logout,
    oauth::{self, Client},
    problem::{FieldError, Problem},
    rescind::Rescind,
};

/// The wire form of issued tokens. The tokens are left out where they are in cookies, and the refresh fields where the policy
/// has no refresh token.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Tokens<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    access_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    token_type: Option<&'static str>,
    expires_in: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    refresh_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    refresh_expires_in: Option<i64>,
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
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

/// The reply of [`log_in`], for an application that has logged a user in its own way. The access token's lifetime is in
/// `expires_in`, in seconds.
#[must_use]
pub fn tokens(issued: &IssuedTokens) -> HttpResponse {
    reply(StatusCode::OK).json(Tokens::told(issued))
}

/// Checks a password and opens a session. It belongs to the [OAuth client](crate::oauth) that the `Authorization` header
/// authenticates, if there is one.
///
/// # Errors
/// [`Problem`]: 401 `invalid_credentials`, or `invalid_client`; 422 `invalid_input`, 429 `rate_limited`.
pub async fn log_in(request: HttpRequest, rescind: Rescind, body: Payload) -> Result<HttpResponse, Problem> {
    let client = match oauth::of_header(request.headers(), &rescind)? {
        Client::Authenticated(client) => client,
        Client::Public => rescind.settings().client_id.clone(),
    };
    let mut body: NameAndPassword = body::json(&request, body).await?;
    let refresh = std::mem::take(&mut body.refresh_token).optional("refresh_token")?;
    let (username, password) = body.required()?;
    let login = login::log_in(&request, &rescind, &username, &password, refresh.as_deref(), client).await?;
    Ok(tokens(&login.deliver()))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct MaybeRefreshToken {
    refresh_token: Field,
}

/// Exchanges a refresh token for the next tokens. That of a session of an [OAuth client](crate::oauth) needs the
/// client's authentication.
///
/// # Errors
/// [`Problem`]: 401 `invalid_client`, `refresh_invalid`, `refresh_expired`, `refresh_reused` or `session_closed`; 409
/// `policy_has_no_refresh`.
pub async fn refresh(request: HttpRequest, rescind: Rescind, body: Payload) -> Result<HttpResponse, Problem> {
    let body: MaybeRefreshToken = body::json(&request, body).await?;
    if rescind.service().policy().refresh.is_none() {
        return Err(Problem::PolicyHasNoRefresh);
    }
    if let Some(token) = body.refresh_token.optional("refresh_token")? {
        let client = oauth::of_header(request.headers(), &rescind)?;
        let allowed = |owner: &_| client.may_refresh(&rescind, owner);
        let device = device(&request, &rescind);
        let issued = rescind.service().refresh_if(&token, device, allowed).await?;
        return Ok(tokens(&issued));
    }
    let issued = exchange(&request, &rescind).await.map_err(|problem| match problem {
        Problem::TokenMissing => {
            let detail = "is required, unless the browser's cookies are sent";
            Problem::InvalidInput(vec![FieldError::new("refresh_token", detail)])
        }
        problem => problem,
    })?;
    Ok(in_cookies(&rescind, &issued))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct OnlyPassword {
    password: Field,
}

/// Asks a logged-in user for the password again, and answers with tokens whose `auth_time` is now, for
/// [`RequireFresh`](crate::RequireFresh). The refresh token stays the same.
///
/// An application that checks passwords in its own way calls
/// [`renew_session`](rescind_session::LoginAttempt::renew_session), and answers with [`tokens`], or with the cookie of
/// [`browser::reauthenticated`](crate::browser::reauthenticated).
///
/// # Errors
/// [`Problem`]: 401 without a valid token, or `invalid_credentials`; 409 `policy_keeps_no_session`; 429 `rate_limited`.
pub async fn reauthenticate(
    request: HttpRequest,
    rescind: Rescind,
    OwnUser(caller): OwnUser,
    body: Payload,
) -> Result<HttpResponse, Problem> {
    let body: OnlyPassword = body::json(&request, body).await?;
    let mut errors = Vec::new();
    let password = Password::new(body.password.required("password", &mut errors));
    if !errors.is_empty() {
        return Err(Problem::InvalidInput(errors));
    }
    let issued = login::reauthenticate(&request, &rescind, caller.claims(), &password).await?;
    Ok(match caller.transport() {
        Transport::Bearer => tokens(&issued),
        Transport::Cookie => {
            let mut reply = reply(StatusCode::OK);
            reply.cookie(rescind.cookie_names().access_of(&issued));
            reply.json(Tokens::untold(&issued))
        }
    })
}

/// The tokens for a browser: its scripts cannot read them.
fn in_cookies(rescind: &Rescind, issued: &IssuedTokens) -> HttpResponse {
    let mut reply = reply(StatusCode::OK);
    for cookie in rescind.cookie_names().of_tokens(issued) {
        reply.cookie(cookie);
    }
    reply.json(Tokens::untold(issued))
}

/// Ends every session that the request's credentials name.
///
/// # Errors
/// [`Problem`]: 401 without any credential, 400 `credential_unreadable`, 503 `revocation_pending`.
pub async fn log_out(request: HttpRequest, rescind: Rescind, body: Payload) -> Result<HttpResponse, Problem> {
    let body = LogoutBody::of(&request, body).await;
    let logout = logout::log_out(&request, &rescind, body).await?;
    Ok(logout.reply(reply(StatusCode::NO_CONTENT).finish()))
}
