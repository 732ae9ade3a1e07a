//! Functions for an application's forms: login, and renewal while a form is submitted.

use actix_web::{HttpMessage, HttpRequest, HttpResponse, body::MessageBody, cookie::Cookie};
use rescind_session::{
    EndReason, IssuedTokens, Password,
    token::{AccessClaims, AccessToken},
};

use super::{ended::closed_session, notice::Notice};
use crate::{
    authenticated::Authenticated,
    bearer::bearers,
    cookies::CookieTokens,
    exchange::exchange,
    layer::{Layer, Layered, Replied, Reply, middleware},
    login::{self, Undelivered},
    origin,
    problem::Problem,
    rescind::Rescind,
};

/// Tokens for a browser. [`Rescind::guard`], or [`BrowserCookies`], puts their cookies on every reply: an error after a login or a renewal must
/// not lose them.
pub struct BrowserLogin(IssuedTokens);

/// The cookies of a [`BrowserLogin`], kept with the request until there is a reply.
struct HandOver {
    cookies: Vec<Cookie<'static>>,
    /// If there is no reply, the login's session is ended; a renewal can be repeated.
    login: Option<Undelivered>,
}

/// A middleware: puts the cookies of a [`BrowserLogin`] on the reply. [`Rescind::guard`] contains it; without either, a
/// login or a renewal is lost.
#[derive(Clone)]
pub struct BrowserCookies;

impl BrowserCookies {
    pub(crate) fn add<B>(replied: &Replied<'_>, reply: &mut Reply<B>) {
        if let Some(cookies) = replied
            .request
            .and_then(|request| request.extensions_mut().remove::<HandOver>())
        {
            cookies.to(reply);
        }
    }
}

impl Layer for BrowserCookies {
    fn after<B: MessageBody + 'static>(&self, replied: &Replied<'_>, mut reply: Reply<B>) -> Reply<B> {
        Self::add(replied, &mut reply);
        reply
    }
}

middleware!(Layered: BrowserCookies);

impl Drop for HandOver {
    fn drop(&mut self) {
        if !self.cookies.is_empty() {
            tracing::error!(
                "the cookies of a login or a renewal reached no reply: the client has gone, or neither `Rescind::guard` nor \
                 `BrowserCookies` wraps this application"
            );
        }
    }
}

impl HandOver {
    /// Puts the cookies on the reply.
    fn to<B>(mut self, reply: &mut HttpResponse<B>) {
        let cookies = std::mem::take(&mut self.cookies);
        match cookies.iter().try_for_each(|cookie| reply.add_cookie(cookie)) {
            Ok(()) => drop(self.login.take().map(Undelivered::deliver)),
            Err(error) => tracing::error!(%error, "a cookie could not be written"),
        }
    }
}

impl BrowserLogin {
    fn new(
        request: &HttpRequest,
        issued: IssuedTokens,
        cookies: Vec<Cookie<'static>>,
        login: Option<Undelivered>,
    ) -> Self {
        request.extensions_mut().insert(HandOver { cookies, login });
        Self(issued)
    }

    /// The claims of the new access token.
    pub fn claims(&self) -> &AccessClaims {
        &self.0.claims
    }

    /// The new access token.
    pub fn access_token(&self) -> &AccessToken {
        &self.0.access_token
    }
}

/// Logs in with the fields of a form, and ends the session that the browser held before. It counts against the login
/// limit like any other login.
///
/// # Errors
/// [`Problem`]: the form explains [`InvalidCredentials`](Problem::InvalidCredentials),
/// [`RateLimited`](Problem::RateLimited) and [`Overloaded`](Problem::Overloaded). If the old session could not be
/// ended, the new one is ended again and the old cookies stay: with two live sessions in one browser, nobody could log
/// out of one of them.
pub async fn log_in(
    request: &HttpRequest,
    rescind: &Rescind,
    username: &str,
    password: &Password,
) -> Result<BrowserLogin, Problem> {
    origin::require_own(request, rescind)?;
    require_browser(request)?;
    let client = rescind.settings().client_id.clone();
    let login = login::log_in(request, rescind, username, password, None, client).await?;
    replace(request, rescind, login).await
}

/// Opens a browser login with tokens that the application has issued in its own way, and ends the session that the
/// browser held before. Whether the login may come from another origin, as one that an identity provider posts, is the
/// application's decision: [`Rescind::guard`] refuses it, so let such a callback redirect to a GET that calls this.
///
/// # Errors
/// [`Problem`]. If the old session could not be ended, the new one is ended again and the old cookies stay.
pub async fn start(request: &HttpRequest, rescind: &Rescind, issued: IssuedTokens) -> Result<BrowserLogin, Problem> {
    require_browser(request)?;
    replace(request, rescind, Undelivered::new(rescind, issued)).await
}

/// Asks a logged-in user for the password again: the new tokens are fresh for
/// [`RequireFresh`](crate::RequireFresh).
///
/// # Errors
/// [`Problem`]: the form explains [`InvalidCredentials`](Problem::InvalidCredentials),
/// [`RateLimited`](Problem::RateLimited) and [`Overloaded`](Problem::Overloaded).
pub async fn reauthenticate(
    request: &HttpRequest,
    rescind: &Rescind,
    caller: &Authenticated,
    password: &Password,
) -> Result<BrowserLogin, Problem> {
    require_browser(request)?;
    let issued = login::reauthenticate(request, rescind, caller.claims(), password).await?;
    reauthenticated(request, rescind, issued)
}

/// The same for an application that checks the proof itself: with the tokens of
/// [`renew_session`](rescind_session::LoginAttempt::renew_session). The session and its refresh token stay. ([`start`] is for a
/// new session: it ends the one that the browser has.)
///
/// # Errors
/// [`Problem::CrossOrigin`]: the request has a bearer token.
pub fn reauthenticated(
    request: &HttpRequest,
    rescind: &Rescind,
    issued: IssuedTokens,
) -> Result<BrowserLogin, Problem> {
    require_browser(request)?;
    let cookies = vec![rescind.cookie_names().access_of(&issued)];
    Ok(BrowserLogin::new(request, issued, cookies, None))
}

/// A request with a bearer token may come from another origin. It must not put cookies into a browser.
fn require_browser(request: &HttpRequest) -> Result<(), Problem> {
    match bearers(request.headers()).next() {
        Some(_) => Err(Problem::CrossOrigin),
        None => Ok(()),
    }
}

/// The login replaces the session that the browser held.
async fn replace(request: &HttpRequest, rescind: &Rescind, login: Undelivered) -> Result<BrowserLogin, Problem> {
    end_replaced(request, rescind).await?;
    let issued = login.issued().clone();
    let notice = copy_was_used(request, rescind, &issued.claims).await;
    let mut cookies = Vec::from(rescind.cookie_names().of_tokens(&issued));
    cookies.extend(notice);
    Ok(BrowserLogin::new(request, issued, cookies, Some(login)))
}

/// The notice for a user who logs in after a session of theirs was ended because of a copied token: who used it last.
async fn copy_was_used(request: &HttpRequest, rescind: &Rescind, claims: &AccessClaims) -> Option<Cookie<'static>> {
    let found = closed_session(request, rescind).await.unwrap_or_else(|problem| {
        tracing::warn!(
            code = problem.code(),
            "could not read the previous session of this browser"
        );
        None
    });
    let (session, _) = found?;
    (session.user == claims.subject && session.reuse_noticed_at.is_some())
        .then(|| Notice::CopyWasUsed(session.id).cookie(rescind, Some(claims.session_id)))?
        .ok()
}

/// Exchanges the browser's refresh token for a form that was sent with an expired access token. The page can then be
/// shown again with the typed fields, for the person to send once more.
///
/// # Errors
/// [`Problem`]: the 401s of a refresh lead to the login.
pub async fn renew(request: &HttpRequest, rescind: &Rescind) -> Result<BrowserLogin, Problem> {
    let issued = exchange(request, rescind).await?;
    let cookies = Vec::from(rescind.cookie_names().of_tokens(&issued));
    Ok(BrowserLogin::new(request, issued, cookies, None))
}

/// Ends every session that the browser's cookies name. Each token is taken by itself. Everywhere else contradictory
/// cookies are refused; a login is how a person gets rid of them.
async fn end_replaced(request: &HttpRequest, rescind: &Rescind) -> Result<(), Problem> {
    let cookies = CookieTokens::each(request, rescind.cookie_names());
    let presented: Vec<_> = cookies.iter().map(CookieTokens::presented).collect();
    // A token that is not genuine names no session. Its cookie is replaced with the others.
    let _ = rescind.service().log_out_all(&presented, EndReason::Replaced).await?;
    Ok(())
}
