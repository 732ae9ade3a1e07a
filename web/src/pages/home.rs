//! The first page, and the notice after a logout.

use actix_web::{HttpResponse, http::StatusCode};
use askama::Template;
use rescind_api::{Visitor, browser};
use rescind_session::{Policy, StolenTokenDies};

use super::{
    Reader, draw,
    ended::Ended,
    frame::{Frame, Who},
    times::Time,
    with_cookies,
    words::{PageText, WORDS, facts},
};
use crate::{
    content::{first, word},
    demo::{greet, is_robbed},
    trace::stage::Stage,
};

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    frame: Frame,
    notice: Option<Notice>,
    ended: Option<Ended>,
    stage: Option<Stage>,
    /// Whether the reader's own robbery stands on the demo's page.
    robbed: bool,
}

/// A message shown once, after an action.
pub(crate) struct Notice {
    pub(crate) said: &'static PageText,
    /// The instant at the end of the sentence.
    pub(crate) until: Option<Time>,
}

impl Notice {
    pub(crate) fn of(done: browser::Notice, policy: &Policy) -> Option<Self> {
        let until = match done {
            browser::Notice::LoggedOut(StolenTokenDies::At(time))
            | browser::Notice::DeviceEnded(StolenTokenDies::At(time)) => Some(time),
            _ => None,
        };
        let dies = if until.is_some() { "later" } else { "now" };
        let facts = facts(policy).with("done", word(done)).with("dies", dies);
        Some(Self {
            said: first(&WORDS.notice, &facts)?,
            until: until.map(Time::exactly),
        })
    }
}

pub(crate) async fn show(reader: Reader) -> actix_web::Result<HttpResponse> {
    let (request, rescind) = (&reader.request, &reader.rescind);
    if matches!(reader.visitor()?, Visitor::Stale) {
        return Ok(browser::to_refresh(request));
    }
    let who = reader.who().await?;
    let (notice, read) = match who {
        Who::Nobody => browser::Notice::take(request, rescind, None).unzip(),
        Who::Somebody(_) | Who::Unknown => (None, None),
    };
    let robbed = is_robbed(request);
    let mut stage = reader.site.opening.clone().filter(|_| !robbed);
    if let (Some(stage), Who::Somebody(name)) = (&mut stage, &who) {
        greet(stage, name);
    }
    let page = Home {
        stage,
        robbed,
        ended: Ended::of(request, rescind, &who).await,
        frame: reader.frame_for("Does a stolen token still work?", who),
        notice: notice.and_then(|done| Notice::of(done, rescind.service().policy())),
    };
    with_cookies(draw(StatusCode::OK, &page)?, read.as_slice())
}
