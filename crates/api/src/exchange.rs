//! Exchanges the refresh token in the cookies, for pages and for JSON calls.

use actix_web::HttpRequest;
use rescind_session::IssuedTokens;

use crate::{login::device, oauth::Client, origin, problem::Problem, rescind::Rescind};

pub(crate) async fn exchange(request: &HttpRequest, rescind: &Rescind) -> Result<IssuedTokens, Problem> {
    let cookies = origin::own_cookies(request, rescind)?;
    if let Some(access) = &cookies.access
        && let Ok(claims) = rescind.service().genuine_claims(access.expose_secret())
    {
        cookies.require_session_of(&claims)?;
    }
    let refresh = cookies.refresh.ok_or(Problem::TokenMissing)?;
    Ok(rescind
        .service()
        .refresh_if(refresh.expose_secret(), device(request, rescind), |owner| {
            Client::Public.may_refresh(rescind, owner)
        })
        .await?)
}
