//! OAuth endpoints, for clients that know the standards and not this crate: refresh, revoke, introspect, and the metadata
//! by which a client finds them.
//!
//! [`Part::OAuth`](crate::Part::OAuth) mounts them outside of the prefix, at the paths that the metadata names:
//!
//! | call | form | client authentication | answer |
//! | --- | --- | --- | --- |
//! | [`metadata`]: `GET /.well-known/oauth-authorization-server` | | none | 200, RFC 8414 |
//! | [`token`]: `POST /oauth/token` | `grant_type=refresh_token`, `refresh_token` | as the session's client; none for a session of no client | 200, RFC 6749 section 5.1 |
//! | [`revoke`]: `POST /oauth/revoke` | `token` | the same | 200, RFC 7009 |
//! | [`introspect`]: `POST /oauth/introspect` | `token` | required | 200, RFC 7662 |
//!
//! **Clients** are those of [`Settings::oauth_clients`](crate::Settings::oauth_clients). They authenticate with
//! `client_secret_basic` or `client_secret_post` (RFC 6749, section 2.3.1). A login with
//! [`handlers::log_in`] whose `Authorization` header authenticates a client opens a session that
//! belongs to this client: its `client_id` is in the tokens and in the row. Without one the session belongs to no client, and
//! its `client_id` is [`Settings::client_id`](crate::Settings::client_id). Every client may use the sessions of no client.
//! For a session of another client it gets `invalid_grant`, and an inactive answer to an introspection; neither changes
//! anything. A resource server therefore needs a secret for the client whose tokens it accepts: an id may have several.
//!
//! **There is no password grant**: RFC 9700, section 2.4 forbids it, because each client would see passwords and every
//! second factor would be bypassed. Users log in at the application itself. Authorization codes need a login page with
//! consent; that is not built.
//!
//! **Revoking** a refresh token ends its session. Revoking an access token revokes this token only (the policy `blacklist`);
//! under `stored` the token is the session, which ends; policies that check nothing answer `unsupported_token_type`.
//! Introspection answers what the service itself would accept, so it too notices a revocation only if the policy checks it.
//! It knows access tokens only: a refresh token is inactive, or a server that reads nothing but `active` would accept one as an
//! access token.
//!
//! **Errors** are those of RFC 6749, section 5.2, also for a wrong method or body, and never problem documents. The endpoints
//! read no cookies and set none. So, where `Part::OAuth` mounts them, pages of other origins may call them too.

mod client;
mod error;
mod form;
pub(crate) mod paths;

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        StatusCode,
        header::{self, HeaderValue},
    },
    web::Payload,
};
use rescind_session::{AuthenticateError, Check, LogoutCredential, token::AccessClaims};
use serde_json::{Value, json};

pub(crate) use client::{Client, of_header};
pub use error::OAuthError;

use crate::{caching::public_for, handlers, login::device, problem::Problem, rescind::Rescind, security_headers::Own};
use form::Form;
use paths::{INTROSPECT, REVOKE, TOKEN};

/// How long a client may keep the metadata.
const MAX_AGE: Duration = Duration::from_secs(300);

/// `GET /.well-known/oauth-authorization-server` (RFC 8414): the issuer and the addresses of the endpoints, at the paths
/// where [`Part::OAuth`](crate::Part::OAuth) and [`Part::Jwks`](crate::Part::Jwks) mount them.
pub async fn metadata(rescind: Rescind) -> HttpResponse {
    let service = rescind.service();
    let at = |path: &str| format!("{}{path}", rescind.origin());
    let confidential = ["client_secret_basic", "client_secret_post"];
    let with_public = ["client_secret_basic", "client_secret_post", "none"];
    let grants: &[&str] = service.policy().refresh.map_or(&[], |_| &["refresh_token"]);
    let document = json!({
        "issuer": service.issuer(),
        "token_endpoint": at(TOKEN),
        "token_endpoint_auth_methods_supported": with_public,
        "revocation_endpoint": at(REVOKE),
        "revocation_endpoint_auth_methods_supported": with_public,
        "introspection_endpoint": at(INTROSPECT),
        "introspection_endpoint_auth_methods_supported": confidential,
        "jwks_uri": at("/.well-known/jwks.json"),
        "grant_types_supported": grants,
        "response_types_supported": [],
    });
    let mut reply = HttpResponse::Ok();
    reply.extensions_mut().insert(Own);
    reply.insert_header(public_for(MAX_AGE)).json(document)
}

/// `POST /oauth/token` (RFC 6749, section 6): exchanges a refresh token for the next tokens. A `scope` is refused: a refresh
/// keeps the scope of the session.
///
/// # Errors
/// [`OAuthError`]: `invalid_grant` also for a session of another client, which stays as it is.
pub async fn token(request: HttpRequest, rescind: Rescind, body: Payload) -> Result<HttpResponse, OAuthError> {
    let form = Form::read(&request, body).await?;
    let client = Client::of(request.headers(), &rescind, &form)?;
    if form.required("grant_type")? != "refresh_token" {
        return Err(OAuthError::bad(
            "unsupported_grant_type",
            "Only the grant refresh_token is supported.",
        ));
    }
    if form.get("scope").is_some() {
        return Err(OAuthError::bad(
            "invalid_scope",
            "A refresh keeps the scope of the session. Leave scope out.",
        ));
    }
    let (token, device) = (form.required("refresh_token")?, device(&request, &rescind));
    let allowed = |owner: &_| client.may_use(&rescind, owner);
    let refreshed = rescind.service().refresh_if(token, device, allowed).await;
    let issued = refreshed.map_err(Problem::from)?;
    let mut reply = handlers::tokens(&issued);
    reply
        .headers_mut()
        .insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    Ok(reply)
}

/// `POST /oauth/revoke` (RFC 7009). The kind of a token is recognised by its form, and `token_type_hint` is not read.
///
/// # Errors
/// [`OAuthError`]: `invalid_grant` for a token of another client, which stays valid; `unsupported_token_type` for an access
/// token if the policy checks nothing. After a 503 the client has to repeat the request, which is harmless.
pub async fn revoke(request: HttpRequest, rescind: Rescind, body: Payload) -> Result<HttpResponse, OAuthError> {
    let form = Form::read(&request, body).await?;
    let client = Client::of(request.headers(), &rescind, &form)?;
    let (token, service) = (form.required("token")?, rescind.service());
    let mut credential = LogoutCredential::default();
    let (owner, session) = if let Some(session) = service.session_of(token).await.map_err(Problem::from)? {
        credential.refresh = Some(token);
        (session.client_id, session.id)
    } else if let Ok(claims) = service.genuine_claims(token) {
        credential.access = Some(token);
        (claims.client_id, claims.session_id)
    } else {
        service.require_keys().map_err(Problem::from)?;
        // An invalid token is no error (section 2.2): what the client wants is already so.
        return Ok(done());
    };
    if !client.may_use(&rescind, &owner) {
        return Err(OAuthError::bad(
            "invalid_grant",
            "The token was issued to another client.",
        ));
    }
    let revoked = match (service.policy().check, credential.access) {
        (Check::Blacklist, Some(token)) => service.revoke_token(token).await.map(drop),
        (Check::Nothing, Some(_)) => {
            let description = "Access tokens are valid until they expire. Revoke the refresh token to end the session.";
            return Err(OAuthError::bad("unsupported_token_type", description));
        }
        _ => service.log_out(credential).await.map(drop),
    };
    revoked.map_err(Problem::from)?;
    tracing::info!(%session, client = %owner, "revoked a token");
    Ok(done())
}

/// `POST /oauth/introspect` (RFC 7662): the claims of an access token that is accepted now, or `{"active":false}`.
///
/// # Errors
/// [`OAuthError`]: 401 without a client; 503 if it is not known whether the token was revoked.
pub async fn introspect(request: HttpRequest, rescind: Rescind, body: Payload) -> Result<HttpResponse, OAuthError> {
    let form = Form::read(&request, body).await?;
    let client = Client::of(request.headers(), &rescind, &form)?;
    if client == Client::Public {
        return Err(OAuthError::invalid_client());
    }
    let answer = match rescind.service().authenticate(form.required("token")?).await {
        Ok(claims) if client.may_use(&rescind, &claims.client_id) => active(&claims)?,
        Err(AuthenticateError::Unavailable(error)) => return Err(Problem::from(error).into()),
        // Of a token that is not accepted, or of another client, nothing is disclosed (section 2.2).
        Ok(_) | Err(_) => json!({ "active": false }),
    };
    Ok(handlers::reply(StatusCode::OK).json(answer))
}

/// The claims of the token, and two members that no claim of the application can replace.
fn active(claims: &AccessClaims) -> Result<Value, OAuthError> {
    let mut answer = serde_json::to_value(claims).map_err(Problem::internal)?;
    answer["active"] = true.into();
    answer["token_type"] = "Bearer".into();
    Ok(answer)
}

fn done() -> HttpResponse {
    handlers::reply(StatusCode::OK).finish()
}
