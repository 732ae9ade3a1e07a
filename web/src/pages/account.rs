//! The private page: your account, your access token decoded, and your devices.

use actix_web::{HttpResponse, http::StatusCode, web};
use askama::Template;
use jiff::{SignedDuration, Timestamp};
use rescind_api::{Problem, browser};
use rescind_session::{Session, UserKind, token::SessionId};

use super::{
    Reader,
    device_name::device_name,
    devices::{Devices, Page},
    draw,
    ended::Ended,
    frame::{Frame, Who},
    home::Notice,
    times::Time,
    token_view::TokenView,
    with_cookies,
    words::{WORDS, facts},
};
use crate::{accounts::shown, content::say};

#[derive(Template)]
#[template(path = "account.html")]
struct Account {
    frame: Frame,
    username: String,
    notice: Option<Notice>,
    /// This browser's earlier session, if a copy of it was used.
    ended: Option<Ended>,
    token: TokenView,
    /// Whether it was issued on the way to this page.
    is_new: bool,
    logout_means: String,
    own: SessionId,
    devices: Devices,
    now: Timestamp,
    is_demo: bool,
}

impl Account {
    /// Its login, and how often it was renewed, if it was: the automatic refresh, made visible.
    fn renewed(&self) -> Option<(&Session, u32)> {
        let Devices::Kept(devices, _) = &self.devices else {
            return None;
        };
        let device = devices.iter().find(|device| device.id == self.own)?;
        let generation = device.refresh.as_ref()?.generation.get();
        (generation > 0).then_some((device, generation))
    }
}

/// How old a token may be that was issued on the way here: redirects take time.
const ON_THE_WAY: SignedDuration = SignedDuration::from_secs(4);

pub(crate) async fn show(reader: Reader, page: web::Query<Page>) -> actix_web::Result<HttpResponse> {
    let (authenticated, user) = reader.owner().await?;
    let rescind = &reader.rescind;
    let service = rescind.service();
    let (policy, now) = (service.policy(), service.now().map_err(Problem::from)?);
    let username = shown(user.username.as_str()).to_owned();
    let (notice, read) = browser::Notice::take(&reader.request, rescind, Some(authenticated.session_id())).unzip();
    let ended = match notice {
        Some(browser::Notice::CopyWasUsed(before)) => Ended::before_login(before, &user.id, rescind).await,
        _ => None,
    };
    let page = Account {
        frame: reader.frame_for(username.clone(), Who::Somebody(username.clone())),
        notice: notice.and_then(|done| Notice::of(done, policy)),
        ended,
        token: TokenView::new(&authenticated, now, policy, reader.site.demo.is_on()),
        is_new: now.duration_since(authenticated.claims().issued_at) < ON_THE_WAY,
        logout_means: say(&WORDS.logout, &facts(policy)),
        own: authenticated.session_id(),
        devices: Devices::of(&authenticated, service, &page).await?,
        now,
        is_demo: user.kind == UserKind::Demo,
        username,
    };
    with_cookies(draw(StatusCode::OK, &page)?, read.as_slice())
}
