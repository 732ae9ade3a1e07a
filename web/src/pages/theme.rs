//! Light, dark, or the system's theme: chosen with three buttons, and kept in a cookie.
//!
//! The stylesheet follows the system by itself. Another choice has to be known before the page is drawn, or the page would
//! flash; so it is in a cookie, and becomes an attribute of `<html>`, without a script.

use actix_web::{
    HttpRequest, HttpResponse,
    cookie::{Cookie, SameSite, time::Duration},
    http::{Method, header},
};
use rescind_api::{Form, Rescind, Settings, browser, cookie_values};
use serde::Deserialize;
use url::Url;

use super::{see_other, with_cookies};
use crate::content::word;

const COOKIE: &str = "theme";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Theme {
    /// The system decides.
    #[default]
    System,
    Light,
    Dark,
}

impl Theme {
    /// For the template, whose buttons show these names.
    pub(crate) const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    /// From the request's cookie; an unknown value counts as no choice.
    pub(crate) fn of(request: &HttpRequest, settings: &Settings) -> Self {
        let chosen = kept(request, settings, COOKIE);
        let known = Self::ALL.into_iter().find(|theme| Some(word(theme)) == chosen);
        known.unwrap_or_default()
    }
}

/// A cookie that keeps a value for a year. It grants no access, and so needs no `__Host-`.
pub(crate) fn keeps(settings: &Settings, name: &str, value: &str, path: &'static str) -> Cookie<'static> {
    Cookie::build(format!("{}_{name}", settings.cookie_prefix), value.to_owned())
        .path(path)
        .max_age(Duration::days(365))
        .same_site(SameSite::Lax)
        .http_only(true)
        .secure(settings.is_https())
        .finish()
}

pub(crate) fn kept(request: &HttpRequest, settings: &Settings, name: &str) -> Option<String> {
    let name = format!("{}_{name}", settings.cookie_prefix);
    cookie_values(request.headers(), &name)
        .next()
        .map(|value| value.to_string())
}

#[derive(Deserialize)]
pub(crate) struct Choice {
    theme: Theme,
    #[serde(default)]
    next: String,
}

pub(crate) async fn choose(rescind: Rescind, Form(choice): Form<Choice>) -> actix_web::Result<HttpResponse> {
    let Choice { theme, next } = choice;
    let mut cookie = keeps(rescind.settings(), COOKIE, &word(theme), "/");
    if theme == Theme::System {
        cookie.make_removal();
    }
    let back = browser::local_path(&next).unwrap_or_else(|| "/".to_owned());
    with_cookies(see_other(&back), &[cookie])
}

/// Where the three buttons lead back to: this page, or the previous one if this is the answer to a form.
pub(crate) fn back(request: &HttpRequest) -> String {
    let here = match *request.method() {
        Method::GET | Method::HEAD => request.uri().path_and_query().map(ToString::to_string),
        _ => referer(request),
    };
    here.as_deref()
        .and_then(browser::local_path)
        .unwrap_or_else(|| "/".to_owned())
}

fn referer(request: &HttpRequest) -> Option<String> {
    let referer = request.headers().get(header::REFERER)?;
    let url = Url::parse(str::from_utf8(referer.as_bytes()).ok()?).ok()?;
    Some(match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    })
}
