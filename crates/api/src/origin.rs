//! Refuses writes of other origins.
//!
//! A browser also sends its cookies with a request that another site's page began. `SameSite=Lax` stops most of that,
//! but not all: such cookies are sent with links and GET forms, sites are coarser than origins, and a login, which
//! needs no cookie, can be forged to log a victim into the attacker's account. So every request that may change
//! something has to show its origin.
//!
//! Browsers show it in `Sec-Fetch-Site`, which no page can set; older ones in `Origin`. A program that sends neither is
//! not a browser. If it sends no cookie either, it holds no credential that a page could misuse. Rejected: tokens in
//! forms. They need a secret per page and state to compare it with, and prove no more.

use actix_web::http::{
    Method,
    header::{self, HeaderMap, HeaderName},
};

use crate::problem::Problem;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses a write that another origin began, or may have begun. `own` is the origin of the public URL.
pub(crate) fn check(method: &Method, headers: &HeaderMap, own: &str) -> Result<(), Problem> {
    if method.is_safe() {
        return Ok(());
    }
    let passes = by_site(headers).unwrap_or_else(|| match only(headers, &header::ORIGIN) {
        Sent::Once(origin) => origin == own.as_bytes(),
        Sent::Several => false,
        Sent::Never => !headers.contains_key(header::COOKIE),
    });
    if passes { Ok(()) } else { Err(Problem::CrossOrigin) }
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
