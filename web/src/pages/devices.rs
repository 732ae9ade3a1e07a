//! The list of devices, and logging them out.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use rescind_api::{
    Authenticated, Form, Problem, Rescind,
    browser::{self, Notice},
    handlers::FRESH_FOR,
};
use rescind_session::{Check, EndSessionError, Password, Session, SessionService, StolenTokenDies, token::SessionId};
use serde::Deserialize;

use super::{
    Reader,
    form::{Refusal, draw_problem},
    frame::Frame,
    renewed, see_other, with_cookies,
    words::{WORDS, facts},
};
use crate::content::say;

pub(crate) enum Devices {
    /// This one first, then the others by the time they were last seen, in pages.
    Kept(Vec<Session>, Pages),
    /// Why there is no list.
    NotKept(String),
}

/// The numbers of the pages beside the one that is shown.
pub(crate) struct Pages {
    pub(crate) newer: Option<usize>,
    pub(crate) older: Option<usize>,
}

#[derive(Deserialize)]
pub(crate) struct Page {
    devices: Option<usize>,
}

/// How many devices a page lists, beside the current one.
const ON_A_PAGE: usize = 20;

impl Devices {
    pub(crate) async fn of(asks: &Authenticated, service: &SessionService, page: &Page) -> Result<Self, Problem> {
        let mut sessions = match service.sessions(asks.user_id()).await {
            Ok(sessions) => sessions,
            Err(EndSessionError::PolicyKeepsNoSession) => {
                return Ok(Self::NotKept(say(&WORDS.no_devices, &facts(service.policy()))));
            }
            Err(error) => return Err(error.into()),
        };
        sessions.sort_by_key(|session| (session.id != asks.session_id(), std::cmp::Reverse(session.last_seen_at)));
        let own = usize::from(sessions.first().is_some_and(|session| session.id == asks.session_id()));
        let (own, others) = sessions.split_at(own);
        let number = page
            .devices
            .unwrap_or(1)
            .clamp(1, others.len().div_ceil(ON_A_PAGE).max(1));
        let listed = others.chunks(ON_A_PAGE).nth(number - 1).unwrap_or_default();
        let pages = Pages {
            newer: (number > 1).then(|| number - 1),
            older: (number * ON_A_PAGE < others.len()).then_some(number + 1),
        };
        Ok(Self::Kept(own.iter().chain(listed).cloned().collect(), pages))
    }
}

#[derive(Template)]
#[template(path = "password_again.html")]
struct PasswordAgain<'a> {
    frame: Frame,
    action: &'a str,
    refusal: Refusal,
}

/// Another device than this one needs a fresh login, or the password in the form.
async fn require_password(
    request: &HttpRequest,
    rescind: &Rescind,
    asks: &Authenticated,
    typed: Option<&str>,
) -> Result<(), Problem> {
    match (asks.require_fresh(FRESH_FOR), typed.filter(|typed| !typed.is_empty())) {
        (Err(_), Some(typed)) => {
            let password = Password::new(typed);
            browser::reauthenticate(request, rescind, asks, &password)
                .await
                .map(drop)
        }
        (fresh, _) => fresh,
    }
}

pub(crate) async fn log_out_one(
    reader: Reader,
    session: web::Path<SessionId>,
    sent: renewed::Sent,
) -> actix_web::Result<HttpResponse> {
    // A page must not contain a password: one that was sent with an expired token is asked for again.
    let password = sent.and_then(|Form(fields)| fields.into_iter().find(|(name, _)| name == "password"));
    let password = password.map(|(_, typed)| typed);
    let asks = renewed::sender(&reader, "Log out that device", None).await?;
    let (request, rescind) = (&reader.request, &reader.rescind);
    let service = rescind.service();
    let session = session.into_inner();
    if session != asks.session_id()
        && service.policy().keeps_sessions()
        && let Err(problem) = require_password(request, rescind, &asks, password.as_deref()).await
    {
        let Some(refusal) = Refusal::of(&problem) else {
            return Err(problem.into());
        };
        let page = PasswordAgain {
            frame: reader.frame_for("Your password, please", reader.who().await?),
            action: request.path(),
            refusal,
        };
        return draw_problem(problem, &page);
    }
    let dies = dies(rescind, &asks, |kept| kept.id == session).await?;
    service
        .end_session(asks.user_id(), session)
        .await
        .map_err(Problem::from)?;
    if session == asks.session_id() {
        return logged_out(request, rescind, &asks, dies);
    }
    let notice = Notice::DeviceEnded(dies).cookie(rescind, Some(asks.session_id()))?;
    with_cookies(see_other("/account"), &[notice])
}

pub(crate) async fn log_out_everywhere(reader: Reader, sent: renewed::Sent) -> actix_web::Result<HttpResponse> {
    let asks = renewed::sender(&reader, "Log out everywhere", sent).await?;
    let rescind = &reader.rescind;
    let dies = dies(rescind, &asks, |_| true).await?;
    let ended = rescind.service().log_out_everywhere(asks.claims()).await;
    ended.map_err(Problem::from)?;
    logged_out(&reader.request, rescind, &asks, dies)
}

/// The reply to a person who ended their own session.
fn logged_out(
    request: &HttpRequest,
    rescind: &Rescind,
    asks: &Authenticated,
    dies: StolenTokenDies,
) -> actix_web::Result<HttpResponse> {
    let mut cookies = browser::dropped_cookies(request, rescind, asks.session_id());
    cookies.push(Notice::LoggedOut(dies).cookie(rescind, None)?);
    with_cookies(see_other("/"), &cookies)
}

/// When the last access token of these sessions expires.
async fn dies(
    rescind: &Rescind,
    asks: &Authenticated,
    of_these: impl Fn(&Session) -> bool,
) -> Result<StolenTokenDies, Problem> {
    let service = rescind.service();
    if service.policy().check != Check::Nothing {
        return Ok(StolenTokenDies::Now);
    }
    let sessions = service.sessions(asks.user_id()).await?;
    let last = sessions
        .iter()
        .filter(|session| of_these(session))
        .map(|session| session.access_until)
        .max();
    Ok(last.map_or(StolenTokenDies::Now, StolenTokenDies::At))
}
