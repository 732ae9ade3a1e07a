//! The private page: your account, your access token decoded, and your devices.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use jiff::{SignedDuration, Timestamp};
use rescind_api::{Problem, Rescind, Visitor, browser};
use rescind_session::UserKind;

use super::{
    Site,
    devices::{Device, Devices, Page},
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
    renewed: Option<Renewed>,
    logout_means: String,
    devices: Devices,
    /// Whether it is a demo account, with a public password.
    is_demo: bool,
}

/// The automatic refresh, made visible.
struct Renewed {
    generation: u32,
    last: Time,
    /// Whether it happened on the way to this page.
    just_now: bool,
}

impl Renewed {
    /// How old a token may be that was issued on the way here: redirects take time.
    const ON_THE_WAY: SignedDuration = SignedDuration::from_secs(4);

    fn of(device: &Device, issued_at: Timestamp, now: Timestamp) -> Option<Self> {
        let generation = device.generation.filter(|generation| *generation > 0)?;
        Some(Self {
            generation,
            last: device.last_seen.clone(),
            just_now: now.duration_since(issued_at) < Self::ON_THE_WAY,
        })
    }
}

pub(crate) async fn show(
    request: HttpRequest,
    visitor: Visitor,
    site: web::Data<Site>,
    rescind: Rescind,
    page: web::Query<Page>,
) -> actix_web::Result<HttpResponse> {
    let (authenticated, user) = site.owner(&request, &rescind, visitor).await?;
    let service = rescind.service();
    let (policy, now) = (service.policy(), service.now().map_err(Problem::from)?);
    let username = shown(user.username.as_str()).to_owned();
    let (notice, read) = browser::Notice::take(&request, &rescind, Some(authenticated.session_id())).unzip();
    let ended = match notice {
        Some(browser::Notice::CopyWasUsed(before)) => Ended::before_login(before, &user.id, &rescind).await,
        _ => None,
    };
    let devices = Devices::of(&authenticated, service, now, &page).await?;
    let page = Account {
        frame: site.frame(&request, username.clone(), Who::Somebody(username.clone())),
        notice: notice.and_then(|done| Notice::of(done, policy)),
        ended,
        token: TokenView::new(&authenticated, now, policy, site.demo().is_on()),
        renewed: devices
            .current()
            .and_then(|device| Renewed::of(device, authenticated.claims().issued_at, now)),
        logout_means: say(&WORDS.logout, &facts(policy)),
        devices,
        is_demo: user.kind == UserKind::Demo,
        username,
    };
    with_cookies(draw(StatusCode::OK, &page)?, read.as_slice())
}
