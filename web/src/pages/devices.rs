//! The list of devices, and logging them out.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use jiff::Timestamp;
use rescind_api::{
    Authenticated, Form, Problem, Rescind, Visitor,
    browser::{self, Notice},
    handlers::FRESH_FOR,
};
use rescind_session::{Check, EndSessionError, Password, Session, SessionService, StolenTokenDies, token::SessionId};
use serde::Deserialize;

use super::{
    Site,
    device_name::device_name,
    form::{Refusal, draw_again},
    frame::Frame,
    renewed, see_other,
    times::Time,
    with_cookies,
    words::{WORDS, facts},
};
use crate::content::say;

pub(crate) enum Devices {
    /// This one first, then the others by the time they were last seen, in pages.
    Kept(Vec<Device>, Pages),
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

pub(crate) struct Device {
    pub(crate) id: SessionId,
    pub(crate) current: bool,
    pub(crate) name: String,
    pub(crate) address: Option<String>,
    pub(crate) last_seen: Time,
    pub(crate) since: Time,
    /// How often it was renewed, if the policy has refresh tokens.
    pub(crate) generation: Option<u32>,
}

impl Devices {
    pub(crate) async fn of(
        asks: &Authenticated,
        service: &SessionService,
        now: Timestamp,
        page: &Page,
    ) -> Result<Self, Problem> {
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
        let device = |session| Device::new(session, asks.session_id(), now);
        let pages = Pages {
            newer: (number > 1).then(|| number - 1),
            older: (number * ON_A_PAGE < others.len()).then_some(number + 1),
        };
        Ok(Self::Kept(own.iter().chain(listed).map(device).collect(), pages))
    }

    pub(crate) fn current(&self) -> Option<&Device> {
        match self {
            Self::Kept(devices, _) => devices.iter().find(|device| device.current),
            Self::NotKept(_) => None,
        }
    }
}

impl Device {
    pub(super) fn new(session: &Session, asks: SessionId, now: Timestamp) -> Self {
        Self {
            id: session.id,
            current: session.id == asks,
            name: device_name(session.device.user_agent.as_deref()),
            address: session.device.address.map(|address| address.to_string()),
            last_seen: Time::ago(session.last_seen_at, now),
            since: Time::ago(session.created_at, now),
            generation: session.refresh.as_ref().map(|refresh| refresh.generation.get()),
        }
    }
}

/// Asks for the password before another device is logged out.
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
    request: HttpRequest,
    visitor: Visitor,
    site: web::Data<Site>,
    rescind: Rescind,
    session: web::Path<SessionId>,
    sent: renewed::Sent,
) -> actix_web::Result<HttpResponse> {
    // A page must not contain a password: one that was sent with an expired token is asked for again.
    let password = sent.and_then(|Form(fields)| fields.into_iter().find(|(name, _)| name == "password"));
    let password = password.map(|(_, typed)| typed);
    let pressed = renewed::whoever_pressed(&request, visitor, (&site, &rescind), "Log out that device", None);
    let asks = pressed.await?;
    let service = rescind.service();
    let session = session.into_inner();
    if session != asks.session_id()
        && service.policy().keeps_sessions()
        && let Err(problem) = require_password(&request, &rescind, &asks, password.as_deref()).await
    {
        let who = site.who(&rescind, Some(&Visitor::LoggedIn(asks))).await?;
        return draw_again(problem, |refusal| PasswordAgain {
            frame: site.frame(&request, "Your password, please", who),
            action: request.path(),
            refusal,
        });
    }
    let dies = dies(&rescind, &asks, |kept| kept.id == session).await?;
    service
        .end_session(asks.user_id(), session)
        .await
        .map_err(Problem::from)?;
    if session == asks.session_id() {
        return logged_out(&request, &rescind, &asks, dies);
    }
    let notice = Notice::DeviceEnded(dies).cookie(&rescind, Some(asks.session_id()))?;
    with_cookies(see_other("/account"), &[notice])
}

pub(crate) async fn log_out_everywhere(
    request: HttpRequest,
    visitor: Visitor,
    site: web::Data<Site>,
    rescind: Rescind,
    sent: renewed::Sent,
) -> actix_web::Result<HttpResponse> {
    let asks = renewed::whoever_pressed(&request, visitor, (&site, &rescind), "Log out everywhere", sent).await?;
    let dies = dies(&rescind, &asks, |_| true).await?;
    rescind
        .service()
        .log_out_everywhere(asks.claims())
        .await
        .map_err(Problem::from)?;
    logged_out(&request, &rescind, &asks, dies)
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
