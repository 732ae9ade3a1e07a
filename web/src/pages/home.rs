//! The first page, and what a logout leaves to be said.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use rescind_api::{Rescind, Visitor, browser};
use rescind_session::{Check, StolenTokenDies};

use super::{
    Site, draw,
    ended::Ended,
    frame::{Frame, Who},
    times::Time,
    with_cookies,
};

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    frame: Frame,
    notice: Option<Notice>,
    ended: Option<Ended>,
}

/// What is said once, after something was done.
pub(crate) struct Notice {
    pub(crate) heading: &'static str,
    pub(crate) says: &'static str,
    /// The instant at the end of the sentence.
    pub(crate) until: Option<Time>,
}

impl Notice {
    /// What was done, in words.
    pub(crate) fn of(done: browser::Notice, check: Check) -> Option<Self> {
        use StolenTokenDies::{At, Now};
        let (heading, says, until) = match done {
            browser::Notice::LoggedOut(Now) => (
                "You are logged out.",
                "A stolen copy of your access token is refused from now on.",
                None,
            ),
            browser::Notice::LoggedOut(At(time)) => (
                "You are logged out.",
                "Under this policy nobody asks whether a token was taken back, so a stolen copy of yours is accepted until",
                Some(time),
            ),
            browser::Notice::DeviceEnded(Now) => (
                "That device is logged out.",
                "Its access token is refused from now on.",
                None,
            ),
            browser::Notice::DeviceEnded(At(time)) => (
                "That device is logged out.",
                "Under this policy nobody asks whether a token was taken back, so its access token is accepted until",
                Some(time),
            ),
            browser::Notice::PasswordChanged if check == Check::Nothing => (
                "Your password is changed.",
                "Under this policy nobody asks whether a token was taken back, so other devices are out once theirs expire.",
                None,
            ),
            browser::Notice::PasswordChanged => {
                ("Your password is changed.", "Every other device is logged out.", None)
            }
            // Told by `Ended`, from the session's row.
            browser::Notice::CopyWasUsed(_) => return None,
        };
        Some(Self {
            heading,
            says,
            until: until.map(Time::exactly),
        })
    }
}

pub(crate) async fn show(
    request: HttpRequest,
    visitor: Visitor,
    site: web::Data<Site>,
    rescind: Rescind,
) -> actix_web::Result<HttpResponse> {
    if matches!(visitor, Visitor::Stale) {
        return Ok(browser::to_refresh(&request));
    }
    let who = site.who(&rescind, &visitor).await?;
    let (notice, read) = match who {
        Who::Nobody => browser::Notice::take(&request, &rescind, None).unzip(),
        Who::Somebody(_) | Who::Unknown => (None, None),
    };
    let ended = match who {
        Who::Nobody => Ended::of(&request, &rescind).await,
        Who::Somebody(_) | Who::Unknown => None,
    };
    let page = Home {
        frame: site.frame(&request, "Does a stolen token still work?", who),
        notice: notice.and_then(|done| Notice::of(done, rescind.service().policy().check)),
        ended,
    };
    with_cookies(draw(StatusCode::OK, &page)?, read.as_slice())
}
