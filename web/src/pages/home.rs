//! The first page, and what a logout leaves to be said.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use jiff::Timestamp;
use rescind_api::{Rescind, Visitor, browser};
use serde::Deserialize;

use super::{
    Site, draw,
    ended::Ended,
    frame::{Frame, Who},
    times::Time,
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

/// What the address says after a logout: `now`, or the instant until which stolen copies live.
#[derive(Deserialize)]
pub(crate) struct After {
    logged_out: Option<String>,
}

pub(crate) async fn show(
    request: HttpRequest,
    visitor: Visitor,
    site: web::Data<Site>,
    rescind: Rescind,
    after: web::Query<After>,
) -> actix_web::Result<HttpResponse> {
    if matches!(visitor, Visitor::Stale) {
        return Ok(browser::to_refresh(&request));
    }
    let who = site.who(&rescind, &visitor).await?;
    // Anybody can write such an address. To somebody who is logged in it says nothing.
    let notice = match (&who, &after.logged_out) {
        (Who::Nobody, Some(stolen)) => logged_out(stolen),
        _ => None,
    };
    let ended = match who {
        Who::Nobody => Ended::of(&request, &rescind).await,
        Who::Somebody(_) | Who::Unknown => None,
    };
    draw(
        StatusCode::OK,
        &Home {
            frame: site.frame(&request, "Does a stolen token still work?", who),
            notice,
            ended,
        },
    )
}

fn logged_out(stolen: &str) -> Option<Notice> {
    let heading = "You are logged out.";
    if stolen == "now" {
        return Some(Notice {
            heading,
            says: "A stolen copy of your access token is refused from now on.",
            until: None,
        });
    }
    let dies: Timestamp = stolen.parse().ok()?;
    let says =
        "Under this policy nobody asks whether a token was taken back, so a stolen copy of yours is accepted until";
    Some(Notice {
        heading,
        says,
        until: Some(Time::exactly(dies)),
    })
}
