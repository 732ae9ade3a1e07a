//! The same service for browsers: cookies, forms and redirects, without a script.
//!
//! **Refreshing by itself.** A page that meets an expired access token sends the browser to `/refresh?next=…`, which
//! exchanges the refresh token and sends it back. In full:
//!
//! ```text
//! GET /account                       -> 303 /refresh?next=/account          the access token is over
//! GET /refresh?next=/account         -> 303 /refresh?next=/account&renewed=1, and new cookies
//! GET /refresh?next=/account&renewed=1 -> 303 /account                      the new access token came back
//! GET /account                       -> 200
//! ```
//!
//! The third step is there because a browser may not take the new cookies. Sent straight back to the page it would
//! arrive with the old ones, be sent to refresh again, and so for ever; asked first whether they came, it ends at the
//! login. The step costs one round trip per life of an access token, and the page's own address stays clean.
//!
//! A `GET` that changes something is a thing to be careful with. It rotates only for a page that somebody really goes
//! to: not for a prefetch, an image or a frame. What it changes harms nobody: whoever is made to visit it holds
//! newer tokens afterwards.
//!
//! **Logging in** closes the session that the browser held before: a late reply that still belongs to it then brings
//! dead cookies, not another person's live ones.

mod ended;
mod local_path;
mod login;
mod password;

use actix_web::{
    HttpRequest, HttpResponse,
    cookie::Cookie,
    http::header::{self, HeaderMap},
    web::{self, Form, Query},
};
use rescind_session::{
    Grant, LoggedOut, Presented, StolenTokenDies,
    token::{AccessToken, RefreshToken},
};
use serde::Deserialize;
use url::form_urlencoded;

pub use ended::ended_session;
pub use local_path::local_path;
pub(crate) use login::HandOver;
pub use login::{BrowserLogin, log_in, log_in_without_limit, renew};
pub use password::change_password;

pub use crate::login::sign_up;
use crate::{
    authenticated::{Authenticated, CookieVerdict},
    cookies::CookieTokens,
    login::device,
    problem::Problem,
    rescind::Rescind,
};

/// Adds `POST /logout`, `GET /refresh` and `POST /refresh` to an application. The pages, and the form at `/login`, are
/// the application's own.
///
/// After a logout the browser is sent to `/?logged_out=now`, or to `/?logged_out=` and an instant where the policy lets
/// stolen copies of the access token live until then.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/logout").route(web::post().to(log_out_by_form)))
        .service(
            web::resource("/refresh")
                .route(web::get().to(refresh_on_the_way))
                .route(web::post().to(refresh_by_form)),
        );
}

/// Ends the session that the cookies name, live or expired. The reply then has to carry [`dropped_cookies`]; on an error
/// the cookies stay, so that it can be tried again.
///
/// # Errors
/// [`Problem`]; with [`Problem::TokenMissing`] there was nothing to end.
pub async fn log_out(request: &HttpRequest, rescind: &Rescind) -> Result<LoggedOut, Problem> {
    let cookies = CookieTokens::read(request, rescind.cookie_names())?;
    let presented = Presented {
        access: cookies.access.as_ref().map(AccessToken::expose_secret),
        refresh: cookies.refresh.as_ref().map(RefreshToken::expose_secret),
    };
    let done = rescind.service().log_out(presented).await?;
    tracing::info!(session = %done.session, user = %done.user, "logged out");
    Ok(done)
}

/// Cookies that make a browser forget its tokens, and the private pages that it has in its memory: for the reply to a
/// logout that is done, and for no other.
#[must_use]
pub fn dropped_cookies(rescind: &Rescind) -> [Cookie<'static>; 3] {
    // While the time is unknown no logout is done.
    rescind
        .cookie_names()
        .both_dropped(rescind.service().now().unwrap_or_default())
}

/// The refresh token in the browser's cookies, not looked at: for a page that shows its owner what it is worth.
///
/// # Errors
/// [`Problem::DuplicateCookies`].
pub fn refresh_token(request: &HttpRequest, rescind: &Rescind) -> Result<Option<RefreshToken>, Problem> {
    Ok(CookieTokens::read(request, rescind.cookie_names())?.refresh)
}

/// Sends the browser to refresh its tokens and then back to the page that it asked for.
#[must_use]
pub fn to_refresh(request: &HttpRequest) -> HttpResponse {
    see_other(&with_next("/refresh", &asked_for(request)))
}

/// Sends the browser to the login and then back to the page that it asked for.
#[must_use]
pub fn to_login(request: &HttpRequest) -> HttpResponse {
    see_other(&with_next("/login", &asked_for(request)))
}

#[derive(Deserialize)]
struct Way {
    #[serde(default)]
    next: String,
    #[serde(default)]
    renewed: Option<String>,
}

impl Way {
    fn next(&self) -> String {
        local_path(&self.next).unwrap_or_else(|| "/".to_owned())
    }
}

async fn refresh_on_the_way(request: HttpRequest, rescind: Rescind, way: Query<Way>) -> Result<HttpResponse, Problem> {
    if !is_navigation(request.headers()) {
        return Err(Problem::NotANavigation);
    }
    let next = way.next();
    let cookies = CookieTokens::read(&request, rescind.cookie_names())?;
    if let CookieVerdict::Accepted(_) = Authenticated::of_cookies(&rescind, cookies).await? {
        return Ok(see_other(&next));
    }
    if way.renewed.is_some() {
        tracing::info!("a browser did not take its new cookies");
        return Ok(see_other(&with_next("/login", &next)));
    }
    let grant = exchange(&request, &rescind).await;
    answer(
        &rescind,
        grant,
        &format!("{}&renewed=1", with_next("/refresh", &next)),
        &next,
    )
}

async fn refresh_by_form(
    request: HttpRequest,
    rescind: Rescind,
    // A script has no page to go back to, and sends no form.
    way: Option<Form<Way>>,
) -> Result<HttpResponse, Problem> {
    let next = way.map_or_else(|| "/".to_owned(), |way| way.next());
    let grant = exchange(&request, &rescind).await;
    answer(&rescind, grant, &next, &next)
}

/// On with new cookies, or to the login with the old ones: they are not dropped, see [`cookies`](crate::cookies).
fn answer(rescind: &Rescind, grant: Result<Grant, Problem>, on: &str, next: &str) -> Result<HttpResponse, Problem> {
    match grant {
        Ok(grant) => {
            let mut reply = see_other(on);
            add_cookies(&mut reply, &rescind.cookie_names().of_grant(&grant))?;
            Ok(reply)
        }
        Err(
            Problem::TokenMissing
            | Problem::RefreshInvalid
            | Problem::RefreshExpired
            | Problem::RefreshReused
            | Problem::SessionClosed
            | Problem::PolicyHasNoRefresh,
        ) => Ok(see_other(&with_next("/login", next))),
        Err(problem) => Err(problem),
    }
}

async fn log_out_by_form(request: HttpRequest, rescind: Rescind) -> Result<HttpResponse, Problem> {
    let to = match log_out(&request, &rescind).await {
        Ok(LoggedOut {
            stolen_token: StolenTokenDies::Now,
            ..
        }) => "/?logged_out=now".to_owned(),
        Ok(LoggedOut {
            stolen_token: StolenTokenDies::At(time),
            ..
        }) => format!("/?logged_out={time}"),
        // Nothing that could be ended; the person wants to be out, and is. No promise is made of anything else.
        Err(Problem::TokenMissing | Problem::TokenInvalid | Problem::RefreshInvalid) => "/".to_owned(),
        Err(problem) => return Err(problem),
    };
    let mut reply = see_other(&to);
    add_cookies(&mut reply, &dropped_cookies(&rescind))?;
    Ok(reply)
}

/// Exchanges the refresh token in the cookies.
pub(crate) async fn exchange(request: &HttpRequest, rescind: &Rescind) -> Result<Grant, Problem> {
    let cookies = CookieTokens::read(request, rescind.cookie_names())?;
    if let Some(access) = &cookies.access
        && let Ok(claims) = rescind.service().genuine_claims(access.expose_secret())
    {
        cookies.require_session_of(&claims)?;
    }
    let refresh = cookies.refresh.ok_or(Problem::TokenMissing)?;
    Ok(rescind
        .service()
        .refresh(refresh.expose_secret(), device(request, rescind))
        .await?)
}

/// Whether somebody goes to the page, rather than the browser fetching it for later or for a part of another page.
/// Browsers that send no `Sec-Fetch-Dest` get the benefit of the doubt, or they could not refresh at all.
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

fn with_next(to: &str, next: &str) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("next", next)
        .finish();
    format!("{to}?{query}")
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
