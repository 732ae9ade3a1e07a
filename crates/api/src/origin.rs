//! Refuses writes of other origins.
//!
//! A browser also sends its cookies with a request that another site's page began. `SameSite=Lax` stops most of that,
//! but not all: such cookies are sent with links and GET forms, sites are coarser than origins, and a login, which
//! needs no cookie, can be forged to log a victim into the attacker's account. So every request that may change
//! something has to show its origin.
//!
//! The [OAuth endpoints](crate::oauth) read no cookies, so they are exempt where [`Part::OAuth`](crate::Part::OAuth) mounts
//! them.
//!
//! A request with a bearer token and without cookies passes from everywhere: the page that sent it had the token, and
//! browsers add none by themselves. So do requests of the [allowed origins](crate::Settings::allowed_origins).
//!
//! The cookies of our names are refused in such a request also without the middleware, which an application may forget.
//!
//! Browsers show it in `Sec-Fetch-Site`, which no page can set; older ones in `Origin`. A program that sends neither is
//! not a browser. If it sends no cookie either, it holds no credential that a page could misuse. Rejected: tokens in
//! forms. They need a secret per page and state to compare it with, and prove no more.

use actix_cors::Cors;
use actix_web::{
    HttpRequest,
    dev::ServiceRequest,
    http::{
        Method,
        header::{self, HeaderMap, HeaderName},
    },
    middleware::Condition,
};

use crate::{
    bearer::bearers,
    cookies::CookieTokens,
    layer::{Layer, Layered, middleware},
    problem::Problem,
    rescind::Rescind,
};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// A middleware: refuses a write that another origin began, or may have begun, with 403 `cross_origin`.
/// [`Rescind::guard`] contains it.
///
/// ```
/// # use actix_web::App;
/// # fn of(rescind: &rescind_api::Rescind) {
/// App::new().wrap(rescind.origin_check());
/// # }
/// ```
#[derive(Clone)]
pub struct OriginCheck(Rescind);

impl Rescind {
    /// The middleware [`OriginCheck`], for an application that does not take the whole [`guard`](Self::guard).
    pub fn origin_check(&self) -> OriginCheck {
        OriginCheck(self.clone())
    }

    /// A middleware that lets the pages of the [allowed origins](crate::Settings::allowed_origins) read replies, with
    /// cookies (CORS). [`Rescind::guard`] contains it; one taken singly goes around [`OriginCheck`].
    pub fn cors(&self) -> Condition<Cors> {
        let cors = Cors::default()
            .allow_any_method()
            .allow_any_header()
            .supports_credentials()
            .expose_headers([header::WWW_AUTHENTICATE, header::RETRY_AFTER, header::LINK])
            .max_age(3600);
        let origins = self.allowed_origins();
        let cors = origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin));
        Condition::new(!origins.is_empty(), cors)
    }
}

impl OriginCheck {
    pub(crate) fn check(rescind: &Rescind, request: &ServiceRequest) -> Result<(), Problem> {
        if rescind.is_without_cookies(request.path()) {
            return Ok(());
        }
        require_own(request.request(), rescind)
    }
}

impl Layer for OriginCheck {
    fn before(&self, request: &mut ServiceRequest) -> Result<(), Problem> {
        Self::check(&self.0, request)
    }
}

middleware!(Layered: OriginCheck);

pub(crate) fn require_own(request: &HttpRequest, rescind: &Rescind) -> Result<(), Problem> {
    let (method, headers) = (request.method(), request.headers());
    check(method, headers, rescind.origin(), rescind.allowed_origins())
        .inspect_err(|_| tracing::info!("refused a write of another origin"))
}

/// The tokens in the cookies. Those of a write of another origin are refused, also where an application forgot the
/// middleware.
pub(crate) fn own_cookies(request: &HttpRequest, rescind: &Rescind) -> Result<CookieTokens, Problem> {
    let cookies = CookieTokens::read(request, rescind.cookie_names())?;
    if cookies.access.is_some() || cookies.refresh.is_some() {
        require_own(request, rescind)?;
    }
    Ok(cookies)
}

/// `own` is the origin of the public URL.
pub(crate) fn check(method: &Method, headers: &HeaderMap, own: &str, allowed: &[String]) -> Result<(), Problem> {
    // The handshake of a WebSocket is a GET, and what follows may write. A proxy that asks for it leaves `Upgrade` out.
    if method.is_safe() && !is_websocket(headers) && !headers.contains_key(header::SEC_WEBSOCKET_VERSION) {
        return Ok(());
    }
    let origin = only(headers, &header::ORIGIN);
    let is_allowed = matches!(origin, Sent::Once(origin) if allowed.iter().any(|one| one.as_bytes() == origin));
    let has_cookies = headers.contains_key(header::COOKIE);
    let is_bearer = bearers(headers).next().is_some() && !has_cookies;
    let passes = by_site(headers).unwrap_or_else(|| match origin {
        Sent::Once(origin) => origin == own.as_bytes(),
        Sent::Several => false,
        Sent::Never => !has_cookies,
    });
    if passes || is_allowed || is_bearer {
        Ok(())
    } else {
        Err(Problem::CrossOrigin)
    }
}

pub(crate) fn is_websocket(headers: &HeaderMap) -> bool {
    let upgrade = headers.get(header::UPGRADE);
    upgrade.is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Whether a GET that changes something began on this site. Browsers send no `Origin` with one, so a request without
/// `Sec-Fetch-Site` passes.
pub(crate) fn is_own(headers: &HeaderMap) -> bool {
    by_site(headers).unwrap_or(true)
}

/// The verdict by `Sec-Fetch-Site`; `None` if it is missing. `none` means that a person did it: typed an address or
/// opened a bookmark.
fn by_site(headers: &HeaderMap) -> Option<bool> {
    match only(headers, &SEC_FETCH_SITE) {
        Sent::Once(site) => Some(site == b"same-origin" || site == b"none"),
        Sent::Several => Some(false),
        Sent::Never => None,
    }
}

enum Sent<'a> {
    Never,
    Once(&'a [u8]),
    Several,
}

fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Sent<'a> {
    let mut values = headers.get_all(name);
    match (values.next(), values.next()) {
        (None, _) => Sent::Never,
        (Some(value), None) => Sent::Once(value.as_bytes()),
        (Some(_), Some(_)) => Sent::Several,
    }
}
