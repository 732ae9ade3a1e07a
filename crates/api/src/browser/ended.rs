//! What became of the session that a browser still has cookies of.

use actix_web::{HttpMessage, HttpRequest};
use rescind_session::{Session, SessionState, token::AccessToken};

use crate::{cookies::CookieTokens, guard::Personal, problem::Problem, rescind::Rescind};

/// The session that the browser's access token is of, if it was closed: for a login page that says why somebody is there.
/// Whoever was robbed learns it here, since a session whose refresh token was used twice is closed under both.
///
/// The token has to be genuine, but may have expired: a failed refresh drops no cookies. Nothing is said under a policy
/// that keeps no sessions.
///
/// # Errors
/// [`Problem::StoreUnavailable`].
pub async fn ended_session(request: &HttpRequest, rescind: &Rescind) -> Result<Option<Session>, Problem> {
    request.extensions_mut().insert(Personal);
    let service = rescind.service();
    let Ok(cookies) = CookieTokens::read(request, rescind.cookie_names()) else {
        return Ok(None);
    };
    let token = cookies.access.as_ref().map(AccessToken::expose_secret);
    let Some(claims) = token.and_then(|token| service.genuine_claims(token).ok()) else {
        return Ok(None);
    };
    if !service.policy().keeps_sessions() {
        return Ok(None);
    }
    let session = service.session(claims.session_id).await?;
    Ok(session.filter(|session| session.state != SessionState::Open))
}
