//! The same service for browsers: cookies, forms and redirects, without a script.
//!
//! **Automatic refresh.** A page that gets an expired access token redirects the browser to `/refresh?next=…`, which
//! exchanges the refresh token and redirects back. In full:
//!
//! ```text
//! GET /account                       -> 303 /refresh?next=/account          the access token has expired
//! GET /refresh?next=/account         -> 303 /refresh?next=/account&renewed=1, and new cookies
//! GET /refresh?next=/account&renewed=1 -> 303 /account                      the new access token came back
//! GET /account                       -> 200
//! ```
//!
//! The third step is there because a browser may not accept the new cookies. Redirected straight back to the page, it
//! would send the old ones, be redirected to the refresh again, and so on without end. With the check for the new
//! cookies, it ends at the login. The step costs one round trip per lifetime of an access token, and the page's own
//! address stays clean.
//!
//! A `GET` that changes something needs care. It rotates only for a page navigation: not for a prefetch, an image or a
//! frame. `SameSite=Lax` cookies are also sent with links and GET forms of other sites, so a request that another site
//! began does not rotate either. The reply is a page that repeats it from here, by `<meta http-equiv="refresh">` and a
//! link, so that a link in a mail still works. If the repeated request also seems to come from another site, the reply
//! has only the link.
//!
//! **Logging in** closes the session that the browser held before. Then a late reply that belongs to it brings revoked
//! tokens, and not another person's valid ones.

mod ended;
mod local_path;
mod login;
mod notice;
mod password;

use actix_web::{
    HttpRequest, HttpResponse,
    cookie::Cookie,
    http::header::{self, HeaderMap},
    web::{Payload, Query},
};
use rescind_session::{
    IssuedTokens,
    token::{RefreshToken, SessionId},
};
use serde::Deserialize;
use url::form_urlencoded;

pub use ended::ended_session;
pub use local_path::local_path;
pub use login::{BrowserCookies, BrowserLogin, log_in, reauthenticate, reauthenticated, renew, start};
pub use notice::Notice;
pub use password::change_password;

pub use crate::login::device;

use crate::{
    authenticated::{Authenticated, CookieVerdict},
    body::{Form, LogoutBody},
    cookies::CookieTokens,
    exchange::exchange,
    logout, origin,
    problem::Problem,
    rescind::Rescind,
    security_headers::Own,
    settings::Settings,
};
pub use crate::{login::sign_up, logout::Logout};

/// Ends every session that the request's credentials name, valid or expired: its cookies, or the bearer token if there
/// is one. [`Logout::reply`] makes the reply.
///
/// # Errors
/// [`Problem`]; with [`Problem::TokenMissing`] there was nothing to end. On an error the cookies stay, so that it can be tried
/// again.
pub async fn log_out(request: &HttpRequest, rescind: &Rescind) -> Result<Logout, Problem> {
    logout::log_out(request, rescind, LogoutBody::default()).await
}

/// Cookies that make a browser drop its tokens of a session, and the private pages in its memory. Only for the reply to
/// a request that ended that session.
#[must_use]
pub fn dropped_cookies(request: &HttpRequest, rescind: &Rescind, ended: SessionId) -> Vec<Cookie<'static>> {
    let names = rescind.cookie_names();
    names.drop_ended(request.headers(), rescind.service(), &[ended])
}

/// The refresh token in the browser's cookies, not verified: for a page that shows its owner what the token is.
///
/// # Errors
/// [`Problem::DuplicateCookies`].
pub fn refresh_token(request: &HttpRequest, rescind: &Rescind) -> Result<Option<RefreshToken>, Problem> {
    Ok(origin::own_cookies(request, rescind)?.refresh)
}

/// Redirects the browser to the refresh, and then back to the requested page.
#[must_use]
pub fn to_refresh(request: &HttpRequest) -> HttpResponse {
    see_other(&with_next(
        &path(request, |settings| &settings.refresh_path, "/refresh"),
        &asked_for(request),
    ))
}

/// Redirects the browser to the login, and then back to the requested page.
#[must_use]
pub fn to_login(request: &HttpRequest) -> HttpResponse {
    see_other(&with_next(
        &path(request, |settings| &settings.login_path, "/login"),
        &asked_for(request),
    ))
}

fn path(request: &HttpRequest, of: fn(&Settings) -> &String, usual: &str) -> String {
    Rescind::find(request).map_or_else(|| usual.to_owned(), |rescind| of(rescind.settings()).clone())
}

#[derive(Deserialize)]
pub(crate) struct Way {
    #[serde(default)]
    next: String,
    #[serde(default)]
    renewed: Option<String>,
    #[serde(default)]
    repeated: Option<String>,
}

impl Way {
    fn next(&self) -> String {
        local_path(&self.next).unwrap_or_else(|| "/".to_owned())
    }
}

pub(crate) async fn refresh(
    request: HttpRequest,
    rescind: Rescind,
    // A script has no page to return to, and sends no form.
    form: Option<Form<Way>>,
) -> Result<HttpResponse, Problem> {
    if request.method().is_safe() {
        return refresh_on_the_way(&request, &rescind).await;
    }
    let next = form.map_or_else(|| "/".to_owned(), |Form(way)| way.next());
    let issued = exchange(&request, &rescind).await;
    answer(&rescind, issued, &next, &next)
}

async fn refresh_on_the_way(request: &HttpRequest, rescind: &Rescind) -> Result<HttpResponse, Problem> {
    // Not an extractor, whose errors the application may have given another form.
    let way = Query::<Way>::from_query(request.query_string()).map_err(|_| Problem::BadRequest)?;
    if !is_navigation(request.headers()) {
        return Err(Problem::NotANavigation);
    }
    let next = way.next();
    let Settings {
        login_path,
        refresh_path,
        ..
    } = rescind.settings();
    let cookies = CookieTokens::read(request, rescind.cookie_names())?;
    if let CookieVerdict::Accepted(_) = Authenticated::of_cookies(rescind, cookies).await? {
        return Ok(see_other(&next));
    }
    if !origin::is_own(request.headers()) {
        return Ok(to_be_repeated(&with_next(refresh_path, &next), way.repeated.is_none()));
    }
    if way.renewed.is_some() {
        tracing::info!("a browser did not accept its new cookies");
        return Ok(see_other(&with_next(login_path, &next)));
    }
    let issued = exchange(request, rescind).await;
    answer(
        rescind,
        issued,
        &format!("{}&renewed=1", with_next(refresh_path, &next)),
        &next,
    )
}

/// Redirects to `on` with new cookies, or to the login with the old ones: these are not dropped, see
/// [`cookies`](crate::cookies).
fn answer(
    rescind: &Rescind,
    issued: Result<IssuedTokens, Problem>,
    on: &str,
    next: &str,
) -> Result<HttpResponse, Problem> {
    match issued {
        Ok(issued) => {
            let mut reply = see_other(on);
            add_cookies(&mut reply, &rescind.cookie_names().of_tokens(&issued))?;
            Ok(reply)
        }
        Err(problem)
            if matches!(problem, Problem::TokenMissing | Problem::PolicyHasNoRefresh)
                || problem.is_failed_refresh() =>
        {
            Ok(see_other(&with_next(&rescind.settings().login_path, next)))
        }
        Err(problem) => Err(problem),
    }
}

/// After a logout the browser is redirected to `/`, with a [`Notice`] of how long stolen copies of the access token
/// stay valid.
pub(crate) async fn log_out_by_form(
    request: HttpRequest,
    rescind: Rescind,
    body: Payload,
) -> Result<HttpResponse, Problem> {
    let body = LogoutBody::of(&request, body).await;
    match logout::log_out(&request, &rescind, body).await {
        Ok(logout) => {
            let mut reply = see_other("/");
            add_cookies(
                &mut reply,
                &[Notice::LoggedOut(logout.stolen_token).cookie(&rescind, None)?],
            )?;
            Ok(logout.reply(reply))
        }
        // There was nothing to end. The person wants to be logged out, and is. The reply makes no promise about stolen
        // copies.
        Err(Problem::TokenMissing) => Ok(see_other("/")),
        Err(problem) => Err(problem),
    }
}

/// Whether a person navigates to the page, and the browser does not just fetch it in advance or as a part of another
/// page. Requests without `Sec-Fetch-Dest` pass, or browsers that do not send it could not refresh at all.
fn is_navigation(headers: &HeaderMap) -> bool {
    let ahead = ["sec-purpose", "purpose", "x-moz"].iter().any(|name| {
        headers.get_all(*name).any(|value| {
            let purpose = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
            purpose.contains("prefetch") || purpose.contains("prerender") || purpose.contains("preview")
        })
    });
    let destination = headers.get("sec-fetch-dest");
    !ahead && destination.is_none_or(|destination| destination == "document")
}

fn asked_for(request: &HttpRequest) -> String {
    request
        .uri()
        .path_and_query()
        .map_or_else(|| "/".to_owned(), ToString::to_string)
}

pub(crate) fn with_next(to: &str, next: &str) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("next", next)
        .finish();
    format!("{to}?{query}")
}

/// A page that requests the refresh again, so that the request then begins on this site.
fn to_be_repeated(refresh: &str, by_itself: bool) -> HttpResponse {
    // In an address whose query is percent-encoded, only `&` has a meaning in HTML.
    let to = format!("{refresh}&amp;repeated=1");
    let meta = format!(r#"<meta http-equiv="refresh" content="0; url={to}">"#);
    let meta = if by_itself { meta.as_str() } else { "" };
    let mut reply = HttpResponse::Ok();
    reply.extensions_mut().insert(Own);
    reply
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(format!(
            r#"<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">{meta}<title>Renewing your login</title><p><a href="{to}">Continue</a></p></html>"#
        ))
}

fn see_other(to: &str) -> HttpResponse {
    let mut reply = HttpResponse::SeeOther();
    reply
        .insert_header((header::LOCATION, to))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .finish()
}

fn add_cookies(reply: &mut HttpResponse, cookies: &[Cookie<'static>]) -> Result<(), Problem> {
    cookies
        .iter()
        .try_for_each(|cookie| reply.add_cookie(cookie))
        .map_err(|error| Problem::internal(error.to_string()))
}
