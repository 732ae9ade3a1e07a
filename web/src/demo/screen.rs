//! The screen: you on the left, the thief on the right, the time between you, and two doors.
//!
//! Whatever it says follows from what happened and from the policy in force; no sentence takes an outcome for granted.
//! Looking at it changes nothing and refreshes nothing: the buttons are the reader's to press. So unlike other pages it
//! does not send a browser with an expired token to refresh, and says that the token has run out.
//!
//! **The stolen token stands on it in full**, in a command to be pasted into a terminal. That is what the demo is for: the
//! token is one's own, of an account whose password everybody knows, and the demo is off wherever others come in.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use jiff::Timestamp;
use rescind_api::{Authenticated, Problem, Rescind, Visitor, browser};
use rescind_session::{
    Session, SessionState,
    token::{Generation, PresentedRefreshToken, SessionId},
};
use serde::Deserialize;

use super::{
    Stage,
    asked::Asked,
    diagram::Diagram,
    door_view::{DoorView, Said},
    heist::{Heist, Verdict},
    log::{Actor, Entry, Node},
    log_view,
    moment_view::MomentView,
    nodes_view::NodesView,
    notice::Notice,
    sides::{Thief, You},
    step::Step,
    story::Story,
    watching::Watched,
};
use crate::{
    pages::{
        Site, draw,
        frame::{Frame, Who},
    },
    stores::BlacklistKind,
};

#[derive(Template)]
#[template(path = "demo/stage.html")]
struct Screen {
    frame: Frame,
    story: Story,
    notice: Option<Notice>,
    step: Step,
    doors: [DoorView; 2],
    nodes: Option<NodesView>,
    /// Whether a store keeps somebody from being let in, or from being told who they are.
    store_down: bool,
    you: You,
    thief: Thief,
    moments: Vec<MomentView>,
    /// What the server's row says, where both have a refresh token.
    row_generation: Option<u32>,
    robbed: bool,
    has_second_act: bool,
    log: String,
    chosen: Option<Diagram>,
    /// Whether an entry was asked for that is not there any more.
    gone: bool,
}

/// Which entry of the log is drawn.
#[derive(Deserialize)]
pub(crate) struct Choice {
    entry: Option<String>,
}

/// What is known when a screen is drawn.
pub(crate) struct Scene<'a> {
    pub(crate) now: Timestamp,
    pub(crate) rescind: &'a Rescind,
    pub(crate) heist: Option<&'a Heist>,
    /// Who looks: nothing, if that could not be found out.
    pub(crate) visitor: Option<&'a Visitor>,
    /// The name of whoever looks, where it could be found out.
    pub(crate) name: Option<&'a str>,
    /// What the refresh token in the browser's cookies says of itself.
    pub(crate) cookie: Option<(SessionId, Generation)>,
    pub(crate) thief_at: std::net::IpAddr,
    pub(crate) blacklist: BlacklistKind,
}

impl Scene<'_> {
    /// Whether the browser is logged in with the session that was robbed.
    pub(crate) fn is_the_victim(&self, heist: &Heist) -> bool {
        let by_access = self.logged_in().is_some_and(|who| who.session_id() == heist.session());
        by_access || self.your_generation(heist).is_some() && !matches!(self.visitor, Some(Visitor::Anonymous))
    }

    pub(crate) fn logged_in(&self) -> Option<&Authenticated> {
        match self.visitor {
            Some(Visitor::LoggedIn(authenticated)) => Some(authenticated),
            _ => None,
        }
    }

    /// The generation of the browser's refresh token, if it is of the session that was robbed.
    pub(crate) fn your_generation(&self, heist: &Heist) -> Option<Generation> {
        let (session, generation) = self.cookie?;
        (session == heist.session()).then_some(generation)
    }
}

/// `GET /demo`, and with `?entry=` the same with one request drawn.
pub(crate) async fn show(
    request: HttpRequest,
    visitor: Result<Visitor, Problem>,
    site: web::Data<Site>,
    stage: web::Data<Stage>,
    rescind: Rescind,
    watched: Watched,
    choice: web::Query<Choice>,
) -> actix_web::Result<HttpResponse> {
    let look = Look {
        request,
        visitor,
        site,
        stage,
        rescind,
        watched,
    };
    look.draw(choice.entry.as_deref()).await
}

/// `GET /demo/log/{id}`
pub(crate) async fn show_entry(
    request: HttpRequest,
    visitor: Result<Visitor, Problem>,
    site: web::Data<Site>,
    stage: web::Data<Stage>,
    rescind: Rescind,
    watched: Watched,
    id: web::Path<String>,
) -> actix_web::Result<HttpResponse> {
    let look = Look {
        request,
        visitor,
        site,
        stage,
        rescind,
        watched,
    };
    look.draw(Some(&id)).await
}

/// What is drawn when nothing is chosen: the thief's last attempt, where it was asked about.
fn is_worth_drawing(entry: &Entry) -> bool {
    entry.who == Actor::Thief && entry.node == Node::This && matches!(entry.asked, Asked::AskingDoor | Asked::Refresh)
}

/// Whether the thief, when they last tried, was kept out because nobody could be asked.
fn found_the_store_down(heist: &Heist) -> bool {
    let asking = heist.doors().map(|tried| &tried.asking);
    matches!(asking, Some(Verdict::Refused { status: 503, .. }))
}

/// Somebody looks.
struct Look {
    request: HttpRequest,
    visitor: Result<Visitor, Problem>,
    site: web::Data<Site>,
    stage: web::Data<Stage>,
    rescind: Rescind,
    watched: Watched,
}

impl Look {
    async fn draw(self, entry: Option<&str>) -> actix_web::Result<HttpResponse> {
        let now = self.rescind.service().now().map_err(Problem::from)?;
        // With a store down the screen still shows what the doors said, which is then the most interesting thing to see.
        let visitor = self.visitor.as_ref().ok();
        let unknown = matches!(
            self.visitor,
            Err(Problem::StoreUnavailable(_) | Problem::NotReady { .. })
        );
        let name = self.name(visitor).await;
        let row = self.row().await;

        let Watched(visit) = &self.watched;
        let mut remembered = visit.lock();
        if let (Some(heist), Some(row)) = (&mut remembered.heist, &row)
            && let SessionState::Closed { at, cause } = row.state
        {
            heist.found_ended(at, super::moment_view::cause(cause));
        }
        let scene = Scene {
            now,
            rescind: &self.rescind,
            heist: remembered.heist.as_ref(),
            visitor,
            name: name.as_deref(),
            cookie: self.cookie(),
            thief_at: self.stage.thief.address(),
            blacklist: self.stage.stores.blacklist,
        };
        let drawn_entry = match entry {
            Some(id) => id.parse().ok().and_then(|id| remembered.log.find(id)),
            None => remembered.log.entries().find(|entry| is_worth_drawing(entry)),
        };
        let gone = entry.is_some() && drawn_entry.is_none();
        let story = Story::of(&scene);
        // Logging out has its button on the screen, and comes back to it; the frame's would lead elsewhere.
        let who = match scene.logged_in() {
            Some(_) => Who::Unknown,
            None => Who::Nobody,
        };
        let page = Screen {
            frame: self.site.frame(&self.request, story.heading, who),
            notice: Notice::of(&scene),
            step: Step::next(&scene),
            doors: DoorView::both(&scene),
            nodes: NodesView::of(&scene, &self.stage.stores),
            store_down: unknown || scene.heist.is_some_and(found_the_store_down),
            you: You::of(&scene),
            thief: Thief::of(&scene),
            moments: scene.heist.map(MomentView::all).unwrap_or_default(),
            row_generation: row
                .as_ref()
                .filter(|_| scene.heist.is_some_and(|heist| heist.refresh().is_some()))
                .and_then(|row| row.refresh.as_ref())
                .map(|refresh| refresh.generation.get()),
            robbed: scene.heist.is_some(),
            has_second_act: self.rescind.service().policy().refresh.is_some(),
            log: log_view::fragment(&remembered.log, &self.stage.stores),
            chosen: drawn_entry.map(|entry| Diagram::of(entry, &self.stage.stores)),
            gone,
            story,
        };
        drop(remembered);
        draw(if gone { StatusCode::NOT_FOUND } else { StatusCode::OK }, &page)
    }

    async fn name(&self, visitor: Option<&Visitor>) -> Option<String> {
        let Some(Visitor::LoggedIn(authenticated)) = visitor else {
            return None;
        };
        let user = self.site.user(&self.rescind, authenticated).await.ok().flatten();
        user.map(|user| user.username.to_string())
    }

    /// The row of the session that was robbed: nothing, if the policy keeps none, or if the store does not answer.
    async fn row(&self) -> Option<Session> {
        let session = self.watched.0.lock().heist.as_ref().map(Heist::session)?;
        let service = self.rescind.service();
        if !service.policy().keeps_sessions() {
            return None;
        }
        service.session(session).await.ok().flatten()
    }

    fn cookie(&self) -> Option<(SessionId, Generation)> {
        let token = browser::refresh_token(&self.request, &self.rescind).ok().flatten()?;
        // Not verified, but shown to nobody else than whoever sent it.
        let presented = PresentedRefreshToken::parse(token.expose_secret()).ok()?;
        Some((presented.unverified_session_id(), presented.unverified_generation()))
    }
}
