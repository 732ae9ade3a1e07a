//! The two cookies that carry a browser's tokens.
//!
//! Over `https` they are called `__Host-rescind_access` and `__Host-rescind_refresh`. Browsers accept a cookie with
//! that prefix only from this very host, over `https`, for the whole site, so no neighbouring subdomain can plant one.
//! Over plain `http`, which is for local use, there is no prefix and no `Secure`.
//!
//! Both last as long as the refresh token. The browser still sends an access token that has expired: so a page knows
//! that there is something to refresh, and a logout knows the session.
//!
//! **When a cookie is dropped:** after its session was ended, now or earlier, or by a logout under a policy that keeps
//! no row. A login replaces every cookie under our names. A failed refresh drops none: the reply may arrive late, when
//! another tab has logged in again, and would log that tab out. Cookies with revoked tokens are harmless; they lead to
//! the login.
//!
//! **The third cookie, `rescind_left`, is for the back button.** Chromium keeps the page that a person leaves in its
//! memory, even one with `no-store`. It shows the page again on "back", unless an `HttpOnly` cookie has changed since
//! the visit began. For a page that was part of the login's redirect, the visit began without tokens; the logout leaves
//! the browser without tokens; so no cookie has changed, and the private page is shown again. Therefore a logout sets a
//! cookie with its time, which is never read. Rejected: `Clear-Site-Data: "cache"`, which empties the memory before the
//! page that is being left gets there (tried on Chromium 156).

use std::borrow::Cow;

use actix_web::{
    HttpRequest,
    cookie::{Cookie, SameSite, time::Duration},
    http::header::{self, HeaderMap},
};
use jiff::Timestamp;
use rescind_session::{
    IssuedTokens, LogoutCredential, SessionService,
    token::{AccessClaims, AccessToken, PresentedRefreshToken, RefreshToken, SessionId},
};

use crate::{problem::Problem, settings::Settings};

/// Longer than any browser keeps a page in its memory.
const LEFT_LIVES: Duration = Duration::hours(1);

/// The names of the cookies.
pub(crate) struct CookieNames {
    access: String,
    refresh: String,
    left: String,
    pub(crate) notice: String,
    secure: bool,
}

impl CookieNames {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            access: settings.cookie_name("access"),
            refresh: settings.cookie_name("refresh"),
            left: settings.cookie_name("left"),
            notice: settings.cookie_name("notice"),
            secure: settings.is_https(),
        }
    }

    /// The cookie with the access token of `issued`, for a reply that leaves the refresh token as it is: another tab may
    /// have exchanged it meanwhile.
    pub(crate) fn access_of(&self, issued: &IssuedTokens) -> Cookie<'static> {
        let [access, _] = self.of_tokens(issued);
        access
    }

    /// The cookies with the issued tokens.
    pub(crate) fn of_tokens(&self, issued: &IssuedTokens) -> [Cookie<'static>; 2] {
        let until = issued
            .refresh
            .as_ref()
            .map_or(issued.claims.expires_at, |refresh| refresh.expires_at);
        let life = Duration::seconds(until.duration_since(issued.at).as_secs());
        let access = self.cookie(&self.access, issued.access_token.expose_secret(), life);
        let refresh = match &issued.refresh {
            Some(refresh) => self.cookie(&self.refresh, refresh.token.expose_secret(), life),
            // A refresh token that is left from another policy would be of another session.
            None => self.dropped(&self.refresh),
        };
        [access, refresh]
    }

    /// Drops each of the request's cookies that names one of these sessions, or all of them under a policy without
    /// rows. Then the browser also drops the pages in its memory.
    pub(crate) fn drop_ended(
        &self,
        headers: &HeaderMap,
        service: &SessionService,
        ended: &[SessionId],
    ) -> Vec<Cookie<'static>> {
        let any = !service.policy().keeps_sessions();
        let is_ended = |session: Option<SessionId>| any || session.is_some_and(|session| ended.contains(&session));
        let access = |token: Cow<'_, str>| service.genuine_claims(&token).ok().map(|claims| claims.session_id);
        // A refresh token's session id is not verified here, but every token of an ended session is refused.
        let refresh = |token: Cow<'_, str>| {
            let presented = PresentedRefreshToken::parse(&token).ok();
            presented.map(|token| token.unverified_session_id())
        };
        let mut names = Vec::new();
        if cookie_values(headers, &self.access).any(|token| is_ended(access(token))) {
            names.push(&self.access);
        }
        if cookie_values(headers, &self.refresh).any(|token| is_ended(refresh(token))) {
            names.push(&self.refresh);
        }
        // While the time is unknown, no logout is completed.
        self.all_dropped(&names, service.now().unwrap_or(Timestamp::UNIX_EPOCH))
    }

    // ANCHOR: all_dropped
    fn all_dropped(&self, names: &[&String], now: Timestamp) -> Vec<Cookie<'static>> {
        let mut cookies: Vec<_> = names.iter().map(|name| self.dropped(name)).collect();
        if !cookies.is_empty() {
            cookies.push(self.cookie(&self.left, &now.as_millisecond().to_string(), LEFT_LIVES));
        }
        cookies
    }
    // ANCHOR_END: all_dropped

    // ANCHOR: dropped
    pub(crate) fn dropped(&self, name: &str) -> Cookie<'static> {
        self.cookie(name, "", Duration::ZERO)
    }
    // ANCHOR_END: dropped

    // ANCHOR: cookie
    pub(crate) fn cookie(&self, name: &str, value: &str, life: Duration) -> Cookie<'static> {
        Cookie::build(name.to_owned(), value.to_owned())
            .path("/")
            .http_only(true)
            .secure(self.secure)
            .same_site(SameSite::Lax)
            .max_age(life)
            .finish()
    }
    // ANCHOR_END: cookie
}

/// The tokens that a browser sent.
#[derive(Default)]
pub(crate) struct CookieTokens {
    pub(crate) access: Option<AccessToken>,
    pub(crate) refresh: Option<RefreshToken>,
}

impl CookieTokens {
    /// Reads both cookies.
    pub(crate) fn read(request: &HttpRequest, names: &CookieNames) -> Result<Self, Problem> {
        let one = |name| {
            let mut values = cookie_values(request.headers(), name);
            let value = values.next();
            // Another application may have planted one of them, and it is unknown which.
            if values.next().is_some() {
                Err(Problem::DuplicateCookies)
            } else {
                Ok(value.map(Cow::into_owned))
            }
        };
        Ok(Self {
            access: one(&names.access)?.map(AccessToken::from),
            refresh: one(&names.refresh)?.map(RefreshToken::from),
        })
    }

    /// Every token under our names, each by itself, even if they contradict each other: for a logout, and for a login,
    /// which replaces them. Access tokens come first, because one of them can make a database read unnecessary. Later
    /// cookies come before earlier ones: browsers send a cookie with a longer path, which is not ours, earlier (RFC
    /// 6265, section 5.4), and a planted one must not use up the time for ours.
    pub(crate) fn each(request: &HttpRequest, names: &CookieNames) -> Vec<Self> {
        let tokens = |name| {
            let values: Vec<_> = cookie_values(request.headers(), name).map(Cow::into_owned).collect();
            values.into_iter().rev()
        };
        let access = tokens(&names.access).map(|token| Self {
            access: Some(token.into()),
            refresh: None,
        });
        let refresh = tokens(&names.refresh).map(|token| Self {
            access: None,
            refresh: Some(token.into()),
        });
        access.chain(refresh).collect()
    }

    /// The tokens as credentials for the service.
    pub(crate) fn presented(&self) -> LogoutCredential<'_> {
        LogoutCredential {
            access: self.access.as_ref().map(AccessToken::expose_secret),
            refresh: self.refresh.as_ref().map(RefreshToken::expose_secret),
        }
    }

    /// Refuses a refresh token beside an access token of another session.
    pub(crate) fn require_session_of(&self, claims: &AccessClaims) -> Result<(), Problem> {
        let Some(refresh) = &self.refresh else { return Ok(()) };
        match PresentedRefreshToken::parse(refresh.expose_secret()) {
            // The id is not verified, but it is used only to refuse.
            Ok(refresh) if refresh.unverified_session_id() != claims.session_id => Err(Problem::DifferentSessions),
            _ => Ok(()),
        }
    }
}

/// The values of all cookies of exactly that name, without the quotes around one.
///
/// The header is read as bytes, cookie by cookie, so that no other cookie of the site can hide one. Bytes that are not
/// UTF-8 become replacement characters, which no token contains: the value is present, and wrong.
///
/// Rejected: `HttpRequest::cookies`. It fails when any cookie of the site is malformed, and it decodes `%5F%5FHost-` into
/// `__Host-`, which lets a neighbour plant the name that the prefix is there to protect.
pub fn cookie_values<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = Cow<'a, str>> {
    let cookies = headers
        .get_all(header::COOKIE)
        .flat_map(|header| header.as_bytes().split(|byte| *byte == b';'));
    cookies.filter_map(move |cookie| {
        let at = cookie.iter().position(|byte| *byte == b'=')?;
        let (found, value) = cookie.split_at(at);
        let value = value.get(1..)?.trim_ascii();
        let bare = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
        (found.trim_ascii() == name.as_bytes()).then(|| String::from_utf8_lossy(bare.unwrap_or(value)))
    })
}
