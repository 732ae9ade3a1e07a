//! The ended session of a browser that still has its cookies.

use actix_web::{HttpMessage, HttpRequest};
use rescind_session::{Device, Session, SessionState, token::AccessToken};

use crate::{cookies::CookieTokens, problem::Problem, rescind::Rescind, security_headers::Personal};

/// The session that the browser's cookies belong to, if it was closed. The login page then says why the person has to
/// log in. A robbed person learns it here, since a session whose refresh token was used twice is closed for both.
///
/// The tokens must be genuine, but may have expired: a failed refresh drops no cookies. Under a policy that keeps no
/// sessions the result is `None`. **The device is returned to the holder of a refresh token only**, and to the user who
/// logs in ([`Notice::CopyWasUsed`](super::Notice::CopyWasUsed)). An access token is what gets stolen, and a thief must
/// not learn the victim's address.
///
/// # Errors
/// [`Problem::StoreUnavailable`].
pub async fn ended_session(request: &HttpRequest, rescind: &Rescind) -> Result<Option<Session>, Problem> {
    request.extensions_mut().insert(Personal);
    let found = closed_session(request, rescind).await?;
    Ok(found.map(|(session, presented)| match presented {
        LogoutCredential::RefreshToken => session,
        LogoutCredential::AccessToken => Session {
            device: Device::default(),
            ..session
        },
    }))
}

/// Which token showed that the browser held the session.
pub(super) enum LogoutCredential {
    RefreshToken,
    AccessToken,
}

/// The closed session that the browser's cookies belong to, with its device.
pub(super) async fn closed_session(
    request: &HttpRequest,
    rescind: &Rescind,
) -> Result<Option<(Session, LogoutCredential)>, Problem> {
    let service = rescind.service();
    let Ok(cookies) = CookieTokens::read(request, rescind.cookie_names()) else {
        return Ok(None);
    };
    if !service.policy().keeps_sessions() {
        return Ok(None);
    }
    let closed = |session: Session| (session.state != SessionState::Open).then_some(session);
    if let Some(token) = &cookies.refresh
        && let Some(session) = service.session_of(token.expose_secret()).await?
    {
        return Ok(closed(session).map(|session| (session, LogoutCredential::RefreshToken)));
    }
    let token = cookies.access.as_ref().map(AccessToken::expose_secret);
    let Some(claims) = token.and_then(|token| service.genuine_claims(token).ok()) else {
        return Ok(None);
    };
    let session = service.session(claims.session_id).await?.and_then(closed);
    Ok(session.map(|session| (session, LogoutCredential::AccessToken)))
}
