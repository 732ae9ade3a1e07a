//! The two cookies that carry a browser's tokens.
//!
//! Over `https` they are called `__Host-rescind_access` and `__Host-rescind_refresh`: browsers accept a cookie of that
//! prefix only from this very host, over `https`, for the whole site, so no neighbouring subdomain can plant one. Over
//! plain `http`, which is for a machine of one's own, the prefix and `Secure` fall away.
//!
//! Both live as long as the refresh token. An access token that has expired is still sent, and that is how a page knows
//! that there is something to refresh, and a logout whom to log out.
//!
//! **When cookies are dropped:** with a logout that is done, and never else. A failed refresh drops nothing: the
//! reply may come late, when another tab has logged in again, and would throw out the winner. Dead cookies harm nobody;
//! they lead to the login, which writes over them.
//!
//! **The third cookie, `rescind_left`, is for the back button.** Chromium keeps the page that one leaves in its memory,
//! even one that says `no-store`, and shows it again when one goes back, unless an `HttpOnly` cookie has changed since the
//! visit began. A page that came with the login itself, in one redirect, began its visit without tokens; the logout leaves
//! the browser without tokens; nothing has changed, and the private page is back on the screen. So a logout leaves behind
//! a cookie that says when it was, and is never read. Rejected: `Clear-Site-Data: "cache"`, which empties the memory before
//! the page that is being left gets there (tried on Chromium 156).

use actix_web::{
    HttpRequest,
    cookie::{Cookie, SameSite, time::Duration},
    http::header,
};
use jiff::Timestamp;
use rescind_session::{
    Grant, SessionService,
    token::{AccessClaims, AccessToken, PresentedRefreshToken, RefreshToken, SessionId},
};

use crate::problem::Problem;

/// Longer than any browser keeps a page in its memory.
const LEFT_LIVES: Duration = Duration::hours(1);

/// What the cookies are called.
pub(crate) struct CookieNames {
    access: &'static str,
    refresh: &'static str,
    left: &'static str,
    secure: bool,
}

impl CookieNames {
    pub(crate) fn for_https(secure: bool) -> Self {
        if secure {
            Self {
                access: "__Host-rescind_access",
                refresh: "__Host-rescind_refresh",
                left: "__Host-rescind_left",
                secure,
            }
        } else {
            Self {
                access: "rescind_access",
                refresh: "rescind_refresh",
                left: "rescind_left",
                secure,
            }
        }
    }

    /// The cookies that hand a grant to a browser.
    pub(crate) fn of_grant(&self, grant: &Grant) -> [Cookie<'static>; 2] {
        let until = grant
            .refresh
            .as_ref()
            .map_or(grant.claims.expires_at, |refresh| refresh.expires_at);
        let life = Duration::seconds(until.duration_since(grant.at).as_secs());
        let access = self.cookie(self.access, grant.access_token.expose_secret(), life);
        let refresh = match &grant.refresh {
            Some(refresh) => self.cookie(self.refresh, refresh.token.expose_secret(), life),
            // One left over from another policy would be of another session.
            None => self.dropped(self.refresh),
        };
        [access, refresh]
    }

    /// The cookies that make a browser forget both, and with them the pages that it still has in its memory.
    pub(crate) fn both_dropped(&self, now: Timestamp) -> [Cookie<'static>; 3] {
        let left = self.cookie(self.left, &now.as_millisecond().to_string(), LEFT_LIVES);
        [self.dropped(self.access), self.dropped(self.refresh), left]
    }

    fn dropped(&self, name: &'static str) -> Cookie<'static> {
        self.cookie(name, "", Duration::ZERO)
    }

    fn cookie(&self, name: &'static str, value: &str, life: Duration) -> Cookie<'static> {
        Cookie::build(name, value.to_owned())
            .path("/")
            .http_only(true)
            .secure(self.secure)
            .same_site(SameSite::Lax)
            .max_age(life)
            .finish()
    }
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
            let mut values = values(request, name);
            let value = values.next();
            // A neighbour may have planted one of them, and which one cannot be told.
            if values.next().is_some() {
                Err(Problem::DuplicateCookies)
            } else {
                Ok(value.map(str::to_owned))
            }
        };
        Ok(Self {
            access: one(names.access)?.map(AccessToken::from),
            refresh: one(names.refresh)?.map(RefreshToken::from),
        })
    }

    /// Every token that the browser sent, each by itself, however contradictory they are. For a login, which ends them.
    pub(crate) fn each(request: &HttpRequest, names: &CookieNames) -> Vec<Self> {
        // More than twice the honest number is somebody who wants to keep the store busy.
        const MOST: usize = 4;
        let access = values(request, names.access)
            .map(|value| Self {
                access: Some(value.to_owned().into()),
                refresh: None,
            })
            .take(MOST);
        let refresh = values(request, names.refresh)
            .map(|value| Self {
                access: None,
                refresh: Some(value.to_owned().into()),
            })
            .take(MOST);
        access.chain(refresh).collect()
    }

    /// The session that a token out of [`each`](Self::each) names, if it names one. A refresh token's word is not verified
    /// yet: it says which session to look at, not that anything may be done to it.
    pub(crate) fn session(&self, service: &SessionService) -> Option<SessionId> {
        let access = self
            .access
            .as_ref()
            .and_then(|token| service.genuine_claims(token.expose_secret()).ok());
        let refresh = || PresentedRefreshToken::parse(self.refresh.as_ref()?.expose_secret()).ok();
        access
            .map(|claims| claims.session_id)
            .or_else(|| refresh().map(|token| token.unverified_session_id()))
    }

    /// Refuses a refresh token that stands beside an access token of another session.
    pub(crate) fn require_session_of(&self, claims: &AccessClaims) -> Result<(), Problem> {
        let Some(refresh) = &self.refresh else { return Ok(()) };
        match PresentedRefreshToken::parse(refresh.expose_secret()) {
            // Not verified, but the id is used for nothing but refusing.
            Ok(refresh) if refresh.unverified_session_id() != claims.session_id => Err(Problem::DifferentSessions),
            _ => Ok(()),
        }
    }
}

/// The values of all cookies of exactly that name.
///
/// Rejected: `HttpRequest::cookies`. It fails when any cookie of the site is malformed, a stranger's too, and it decodes
/// `%5F%5FHost-` into `__Host-`, which lets a neighbour plant the name that the prefix is there to protect.
fn values<'a>(request: &'a HttpRequest, name: &'static str) -> impl Iterator<Item = &'a str> {
    request
        .headers()
        .get_all(header::COOKIE)
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='))
        .filter_map(move |(found, value)| (found == name).then_some(value))
}
