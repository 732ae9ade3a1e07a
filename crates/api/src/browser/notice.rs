//! A one-time message for the next page about a completed action.
//!
//! Anybody can write an address such as `/?logged_out=now`, so a page must not take its messages from there. The
//! message is in a cookie that is sealed with the service's keys, so that every node can read it. It is valid for a
//! minute and for one session, and is dropped when it is read.

use actix_web::{
    HttpRequest,
    cookie::{Cookie, time::Duration},
};
use jiff::Timestamp;
use rescind_session::{StolenTokenDies, token::SessionId};

use crate::{cookies::cookie_values, problem::Problem, rescind::Rescind};

const LIFE: Duration = Duration::minutes(1);

/// A completed action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// The browser was logged out.
    LoggedOut(StolenTokenDies),
    /// Another device of the reader was logged out.
    DeviceEnded(StolenTokenDies),
    /// The reader's password was changed.
    PasswordChanged,
    /// The reader has just logged in after a session of theirs was ended because somebody had a copy of its token.
    CopyWasUsed(SessionId),
}

impl Notice {
    /// The cookie with the notice for the next page. `reader` is the session that it is for; `None` for a browser that
    /// is logged out.
    ///
    /// # Errors
    /// 503 while the time is not known.
    pub fn cookie(self, rescind: &Rescind, reader: Option<SessionId>) -> Result<Cookie<'static>, Problem> {
        let dies = |dies| match dies {
            StolenTokenDies::Now => "now".to_owned(),
            StolenTokenDies::At(time) => time.as_millisecond().to_string(),
        };
        let (what, with) = match self {
            Self::LoggedOut(copies) => ("logged-out", dies(copies)),
            Self::DeviceEnded(copies) => ("device-ended", dies(copies)),
            Self::PasswordChanged => ("password-changed", String::new()),
            Self::CopyWasUsed(session) => ("copy-was-used", session.to_string()),
        };
        let at = rescind.service().now()?.as_second();
        let sealed = rescind.service().seal(&format!("{what}.{with}.{at}.{}", of(reader)));
        let names = rescind.cookie_names();
        Ok(names.cookie(&names.notice, &sealed, LIFE))
    }

    /// The request's notice for this reader, and the cookie that drops it.
    #[must_use]
    pub fn take(
        request: &HttpRequest,
        rescind: &Rescind,
        reader: Option<SessionId>,
    ) -> Option<(Self, Cookie<'static>)> {
        let names = rescind.cookie_names();
        let now = rescind.service().now().ok()?.as_second();
        let notice = cookie_values(request.headers(), &names.notice).find_map(|sealed| {
            let text = rescind.service().unseal(&sealed)?;
            let [what, with, at, read_by] = text.split('.').collect::<Vec<_>>().try_into().ok()?;
            let age = now.checked_sub(at.parse().ok()?)?;
            if !(0..LIFE.whole_seconds()).contains(&age) || read_by != of(reader) {
                return None;
            }
            let dies = || match with {
                "now" => Some(StolenTokenDies::Now),
                time => Some(StolenTokenDies::At(
                    Timestamp::from_millisecond(time.parse().ok()?).ok()?,
                )),
            };
            match what {
                "logged-out" => dies().map(Self::LoggedOut),
                "device-ended" => dies().map(Self::DeviceEnded),
                "password-changed" => Some(Self::PasswordChanged),
                "copy-was-used" => with.parse().ok().map(Self::CopyWasUsed),
                _ => None,
            }
        })?;
        Some((notice, names.dropped(&names.notice)))
    }
}

fn of(reader: Option<SessionId>) -> String {
    reader.map_or_else(|| "nobody".to_owned(), |session| session.to_string())
}
