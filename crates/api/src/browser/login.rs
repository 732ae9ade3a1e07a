//! What the forms of an application need: a login, and a renewal in passing.

use actix_web::{HttpRequest, cookie::Cookie};
use rescind_session::{
    Grant, LogoutError, Password, Presented,
    token::{AccessClaims, AccessToken, ClientId, RefreshToken},
};

use super::exchange;
use crate::{cookies::CookieTokens, login, problem::Problem, rescind::Rescind};

/// Tokens for a browser: the reply has to carry [`cookies`](Self::cookies).
pub struct BrowserLogin {
    claims: AccessClaims,
    token: AccessToken,
    refresh: Option<RefreshToken>,
    cookies: [Cookie<'static>; 2],
}

impl BrowserLogin {
    fn new(rescind: &Rescind, grant: Grant) -> Self {
        Self {
            cookies: rescind.cookie_names().of_grant(&grant),
            claims: grant.claims,
            token: grant.access_token,
            refresh: grant.refresh.map(|refresh| refresh.token),
        }
    }

    /// The cookies to set.
    #[must_use]
    pub fn cookies(&self) -> &[Cookie<'static>; 2] {
        &self.cookies
    }

    /// What the new access token says.
    #[must_use]
    pub fn claims(&self) -> &AccessClaims {
        &self.claims
    }

    /// The new access token.
    #[must_use]
    pub fn access_token(&self) -> &AccessToken {
        &self.token
    }

    /// The new refresh token, where the policy has one.
    #[must_use]
    pub fn refresh_token(&self) -> Option<&RefreshToken> {
        self.refresh.as_ref()
    }
}

/// Logs somebody in who filled in a form, and ends whatever session the browser held before. It counts against the login
/// limit like any other login.
///
/// # Errors
/// [`Problem`]: [`InvalidCredentials`](Problem::InvalidCredentials), [`RateLimited`](Problem::RateLimited) and
/// [`Overloaded`](Problem::Overloaded) are for the form to tell. If the old session could not be ended, the new one is
/// ended again and the old cookies stay: two live sessions in one browser would be one that nobody can log out of.
pub async fn log_in(
    request: &HttpRequest,
    rescind: &Rescind,
    username: &str,
    password: &Password,
) -> Result<BrowserLogin, Problem> {
    replace(
        request,
        rescind,
        login::log_in(request, rescind, username, password).await?,
    )
    .await
}

/// [`log_in`], without the login limit: for a password that the program itself puts in, such as a demo's, which nobody has
/// to guess. Whoever has used up their attempts can still press that button.
///
/// # Errors
/// [`Problem`], as for [`log_in`], but for [`RateLimited`](Problem::RateLimited).
pub async fn log_in_without_limit(
    request: &HttpRequest,
    rescind: &Rescind,
    username: &str,
    password: &Password,
) -> Result<BrowserLogin, Problem> {
    let device = login::device(request, rescind);
    let first_party = ClientId::first_party();
    let grant = rescind
        .service()
        .log_in(username, password, first_party, device)
        .await?;
    tracing::info!(session = %grant.claims.session_id, user = %grant.claims.subject, "logged in");
    replace(request, rescind, grant).await
}

/// The login takes the place of whatever session the browser held.
async fn replace(request: &HttpRequest, rescind: &Rescind, grant: Grant) -> Result<BrowserLogin, Problem> {
    if let Err(problem) = end_replaced(request, rescind, &grant).await {
        login::forget(rescind, &grant).await;
        return Err(problem);
    }
    Ok(BrowserLogin::new(rescind, grant))
}

/// Exchanges the browser's refresh token on behalf of a form that came with an expired access token. The page can then
/// be shown again with what was typed into it, for the person to send once more.
///
/// # Errors
/// [`Problem`]: the 401s of a refresh lead to the login.
pub async fn renew(request: &HttpRequest, rescind: &Rescind) -> Result<BrowserLogin, Problem> {
    Ok(BrowserLogin::new(rescind, exchange(request, rescind).await?))
}

/// Ends every session that the browser's cookies name. Each token is taken by itself: cookies that contradict each other
/// are refused everywhere else, and this is the way out for the person who has them.
async fn end_replaced(request: &HttpRequest, rescind: &Rescind, grant: &Grant) -> Result<(), Problem> {
    let mut ended = vec![grant.claims.session_id];
    for tokens in CookieTokens::each(request, rescind.cookie_names()) {
        let named = tokens.session(rescind.service());
        if named.is_none_or(|session| ended.contains(&session)) {
            continue;
        }
        let presented = Presented {
            access: tokens.access.as_ref().map(AccessToken::expose_secret),
            refresh: tokens.refresh.as_ref().map(RefreshToken::expose_secret),
        };
        match rescind.service().log_out_replaced(presented).await {
            Ok(done) => ended.push(done.session),
            // Not genuine: it names nothing.
            Err(LogoutError::Missing | LogoutError::Invalid(_) | LogoutError::RefreshInvalid) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
