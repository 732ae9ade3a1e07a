//! Light, dark, or as the system has it: chosen with three buttons, and kept in a cookie.
//!
//! The stylesheet follows the system by itself. A choice against the system has to be known before the page is drawn, or
//! the page would flash; so it travels in a cookie and comes back as an attribute of `<html>`, without a script.

use actix_web::{
    HttpRequest, HttpResponse,
    cookie::{Cookie, SameSite, time::Duration},
    http::{Method, header},
    web,
};
use rescind_api::{Rescind, browser};
use serde::Deserialize;
use url::Url;

use super::{see_other, with_cookies};

/// It says what somebody likes to look at, and so needs no `__Host-`.
const COOKIE: &str = "rescind_theme";
const A_YEAR: Duration = Duration::days(365);

/// What somebody chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Theme {
    /// Nothing: the system decides.
    #[default]
    System,
    Light,
    Dark,
}

impl Theme {
    const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    /// What the request's cookie says; anything else that it may hold counts as no choice.
    pub(crate) fn of(request: &HttpRequest) -> Self {
        let chosen = request.cookie(COOKIE);
        let chosen = chosen.as_ref().map(Cookie::value);
        let known = Self::ALL.into_iter().find(|theme| Some(theme.name()) == chosen);
        known.unwrap_or_default()
    }

    /// The word in the cookie, in the form and in the page.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// What the button says.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::System => "System",
            Self::Light => "Light",
            Self::Dark => "Dark",
        }
    }

    /// The choice, where it goes against the system's.
    pub(crate) fn chosen(self) -> Option<&'static str> {
        (self != Self::System).then_some(self.name())
    }

    /// All there is to choose from, for the template: this one among them.
    #[expect(
        clippy::unused_self,
        reason = "a template can call methods of what it is given, and nothing else"
    )]
    pub(crate) fn choices(self) -> [Self; 3] {
        Self::ALL
    }

    /// What stands in `<meta name="color-scheme">`, so that the page is right before the stylesheet is there.
    pub(crate) fn colour_scheme(self) -> &'static str {
        match self {
            Self::System => "light dark",
            Self::Light | Self::Dark => self.name(),
        }
    }
}

/// What the form sends.
#[derive(Deserialize)]
pub(crate) struct Choice {
    theme: Theme,
    #[serde(default)]
    next: String,
}

pub(crate) async fn choose(rescind: Rescind, choice: web::Form<Choice>) -> actix_web::Result<HttpResponse> {
    let Choice { theme, next } = choice.into_inner();
    let mut cookie = Cookie::build(COOKIE, theme.name())
        .path("/")
        .max_age(A_YEAR)
        .same_site(SameSite::Lax)
        .http_only(true)
        .secure(rescind.settings().is_https())
        .finish();
    if theme == Theme::System {
        cookie.make_removal();
    }
    let back = browser::local_path(&next).unwrap_or_else(|| "/".to_owned());
    with_cookies(see_other(&back), &[cookie])
}

/// Where the three buttons lead back to: this page, or the one before it where this one is the answer to a form.
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
    let referer = request.headers().get(header::REFERER)?.to_str().ok()?;
    let url = Url::parse(referer).ok()?;
    Some(match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn only_a_known_word_in_the_cookie_is_a_choice() {
        for (value, theme) in [
            ("dark", Theme::Dark),
            ("light", Theme::Light),
            ("system", Theme::System),
            ("Dark", Theme::System),
            ("\"><script>", Theme::System),
            ("", Theme::System),
        ] {
            let request = TestRequest::get().cookie(Cookie::new(COOKIE, value)).to_http_request();
            assert_eq!(Theme::of(&request), theme, "{value:?}");
        }
    }

    #[test]
    fn the_buttons_lead_back_to_the_page_or_to_the_one_before_a_form() {
        let page = TestRequest::get().uri("/account?ended=now").to_http_request();
        assert_eq!(back(&page), "/account?ended=now");
        let form = TestRequest::post()
            .uri("/logout-everywhere")
            .insert_header((header::REFERER, "http://127.0.0.1:8080/account?x=1"));
        assert_eq!(back(&form.to_http_request()), "/account?x=1");
        let unknown = TestRequest::post().uri("/logout-everywhere");
        assert_eq!(back(&unknown.to_http_request()), "/");
        let renewing = TestRequest::get().uri("/refresh?next=/").to_http_request();
        assert_eq!(back(&renewing), "/");
    }
}
