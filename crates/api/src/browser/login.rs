//! What the forms of an application need: a login, and a renewal in passing.

use actix_web::{HttpMessage, HttpRequest, HttpResponse, cookie::Cookie};
use rescind_session::{
    Cause, Grant, Password,
    token::{AccessClaims, AccessToken, ClientId},
};

use super::{ended::closed_session, notice::Notice};
use crate::{
    cookies::CookieTokens,
    exchange::exchange,
    login::{self, Undelivered},
    problem::Problem,
    rescind::Rescind,
};

/// Tokens for a browser. [`Rescind::guard`] puts their cookies on the reply, whatever it is: an error after a login or a
/// renewal must not lose them.
pub struct BrowserLogin(Grant);

/// The cookies of a [`BrowserLogin`], kept with the request until there is a reply.
pub(crate) struct HandOver {
    cookies: Vec<Cookie<'static>>,
    /// A login ends if there never is one; a renewal can be repeated.
    login: Option<Undelivered>,
}

impl HandOver {
    /// Puts the cookies on the reply.
    pub(crate) fn to<B>(self, reply: &mut HttpResponse<B>) {
        match self.cookies.iter().try_for_each(|cookie| reply.add_cookie(cookie)) {
            Ok(()) => drop(self.login.map(Undelivered::deliver)),
            Err(error) => tracing::error!(%error, "a cookie could not be written"),
        }
    }
}

impl BrowserLogin {
    fn new(
        request: &HttpRequest,
        rescind: &Rescind,
        grant: Grant,
        login: Option<Undelivered>,
        notice: Option<Cookie<'static>>,
    ) -> Self {
        let mut cookies = Vec::from(rescind.cookie_names().of_grant(&grant));
        cookies.extend(notice);
        request.extensions_mut().insert(HandOver { cookies, login });
        Self(grant)
    }

    /// What the new access token says.
    #[must_use]
    pub fn claims(&self) -> &AccessClaims {
        &self.0.claims
    }

    /// The new access token.
    #[must_use]
    pub fn access_token(&self) -> &AccessToken {
        &self.0.access_token
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
        login::log_in(request, rescind, username, password, None).await?,
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
    let service = rescind.service().for_client(device.address);
    let grant = service.log_in(username, password, first_party, device).await?;
    tracing::info!(session = %grant.claims.session_id, user = %grant.claims.subject, "logged in");
    replace(request, rescind, Undelivered::new(rescind, grant)).await
}

/// The login takes the place of whatever session the browser held.
async fn replace(request: &HttpRequest, rescind: &Rescind, login: Undelivered) -> Result<BrowserLogin, Problem> {
    end_replaced(request, rescind).await?;
    let grant = login.grant().clone();
    let notice = copy_was_used(request, rescind, &grant.claims).await;
    Ok(BrowserLogin::new(request, rescind, grant, Some(login), notice))
}

/// For the user who logs in where a session of theirs was ended because somebody had a copy: who used it last.
async fn copy_was_used(request: &HttpRequest, rescind: &Rescind, claims: &AccessClaims) -> Option<Cookie<'static>> {
    let found = closed_session(request, rescind).await.unwrap_or_else(|problem| {
        tracing::warn!(
            code = problem.code(),
            "the session that this browser held before could not be read"
        );
        None
    });
    let (session, _) = found?;
    (session.user == claims.subject && session.reuse_noticed_at.is_some())
        .then(|| Notice::CopyWasUsed(session.id).cookie(rescind, Some(claims.session_id)))?
        .ok()
}

/// Exchanges the browser's refresh token on behalf of a form that came with an expired access token. The page can then
/// be shown again with what was typed into it, for the person to send once more.
///
/// # Errors
/// [`Problem`]: the 401s of a refresh lead to the login.
pub async fn renew(request: &HttpRequest, rescind: &Rescind) -> Result<BrowserLogin, Problem> {
    let grant = exchange(request, rescind).await?;
    Ok(BrowserLogin::new(request, rescind, grant, None, None))
}

/// Ends every session that the browser's cookies name. Each token is taken by itself: cookies that contradict each other
/// are refused everywhere else, and this is the way out for the person who has them.
async fn end_replaced(request: &HttpRequest, rescind: &Rescind) -> Result<(), Problem> {
    let cookies = CookieTokens::each(request, rescind.cookie_names());
    let presented: Vec<_> = cookies.iter().map(CookieTokens::presented).collect();
    // What is not genuine names nothing, and is replaced with the rest.
    let _ = rescind.service().log_out_all(&presented, Cause::Replaced).await?;
    Ok(())
}
