//! The screen: you on the left, the thief on the right, the time between you, and two doors.
//!
//! All its sentences follow from what happened and from the policy; none assumes an outcome. Drawing it has no side effect
//! and does not refresh: the reader presses the buttons. So unlike other pages it does not send a browser with an expired
//! token to refresh, but shows that the token has expired.
//!
//! **It shows the stolen token in full**, in a command to be pasted into a terminal. That is the demo's purpose: the token is
//! the visitor's own, of an account with a public password, and by default the demo is off unless only this machine can
//! reach it.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use rescind_api::{Problem, Rescind, Visitor, browser};
use rescind_lab::{self as lab, Asked, Exchange, Outcome, Who as Asker};
use rescind_session::{
    Session, SessionState,
    token::{Generation, PresentedRefreshToken, SessionId},
};
use serde::Deserialize;

use super::{
    Stage,
    doors::{DoorView, Said},
    heist::{Heist, Moment, Tried, What},
    log::{self, Entry, Node, clock_time},
    peers::Attempt,
    scene::{Phase, Scene, Step},
    thief,
    watching::Watched,
    words::{Refreshed, Story, WORDS},
};
use crate::{
    content::{Facts, first, of, say, word},
    pages::{
        Site,
        device_name::device_name,
        draw,
        frame::{Frame, Who},
        times::Time,
    },
    stores::Stores,
    trace::{Said as Colour, class_of, milliseconds, reply, sequence::Sequence},
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
    /// Whether a store that is down keeps a door shut, or hides the viewer's name.
    store_down: bool,
    you: Side,
    thief: Side,
    /// The outcome of the thief's last refresh.
    exchange: Option<String>,
    moments: Vec<(Time, &'static str, String)>,
    /// The server's row, where both have a refresh token.
    row_generation: Option<u32>,
    robbed: bool,
    has_second_act: bool,
    log: String,
    chosen: Option<(&'static str, Sequence)>,
    /// Whether the chosen entry is gone.
    gone: bool,
}

/// "A copy of your session was used at … from …; it was ended."
struct Notice {
    used_at: Time,
    /// The device and the address that the copy was used from.
    from: String,
    /// Whose refresh revealed it.
    how: String,
}

struct Side {
    state: String,
    token_left: Option<Time>,
    generation: Option<u32>,
    /// Beside the next step.
    may: Vec<Step>,
}

/// The same token, at every node; shown if there are other nodes and the token was tried.
struct NodesView {
    lead: String,
    rows: Vec<Row>,
}

struct Row {
    name: String,
    /// Whether this node drew the page.
    own: bool,
    exchange: Exchange,
    said: Colour,
}

impl Row {
    fn replied(&self) -> String {
        reply(&self.exchange)
    }

    fn took(&self) -> String {
        milliseconds(self.exchange.took)
    }
}

#[derive(Deserialize)]
pub(super) struct Choice {
    entry: Option<String>,
}

type Look = (
    HttpRequest,
    Result<Visitor, Problem>,
    web::Data<Site>,
    web::Data<Stage>,
    Rescind,
    Watched,
);

/// `GET /demo`, and with `?entry=` the same with one request drawn.
pub(super) async fn show(look: Look, choice: web::Query<Choice>) -> actix_web::Result<HttpResponse> {
    draw_for(look, choice.entry.as_deref()).await
}

pub(super) async fn show_entry(look: Look, id: web::Path<String>) -> actix_web::Result<HttpResponse> {
    draw_for(look, Some(&id)).await
}

async fn draw_for(look: Look, entry: Option<&str>) -> actix_web::Result<HttpResponse> {
    let (request, visitor, site, stage, rescind, Watched(visit)) = look;
    let now = rescind.service().now().map_err(Problem::from)?;
    // With a store down, the screen still shows the doors' answers, which matter most then.
    let unknown = matches!(visitor, Err(Problem::StoreUnavailable(_) | Problem::NotReady { .. }));
    let visitor = visitor.as_ref().ok();
    let name = match visitor {
        Some(Visitor::LoggedIn(authenticated)) => site.user(&rescind, authenticated).await.ok().flatten(),
        _ => None,
    };
    let name = name.map(|user| user.username.to_string());
    let session = visit.lock().heist.as_ref().map(Heist::session);
    let row = row(&rescind, session).await;

    let mut remembered = visit.lock();
    if let (Some(heist), Some(row)) = (&mut remembered.heist, &row)
        && let SessionState::Closed { at, cause } = row.state
    {
        heist.found_ended(at, of(&WORDS.causes, cause));
    }
    let scene = Scene {
        now,
        rescind: &rescind,
        heist: remembered.heist.as_ref(),
        visitor,
        name: name.as_deref(),
        cookie: cookie(&request, &rescind),
        thief_at: stage.thief.address(),
        blacklist: stage.stores.blacklist,
    };
    let drawn_entry = match entry {
        Some(id) => id.parse().ok().and_then(|id| remembered.log.find(id)),
        None => remembered.log.entries().find(|entry| is_worth_drawing(entry)),
    };
    let gone = entry.is_some() && drawn_entry.is_none();
    let facts = scene.facts();
    let story = story(&facts);
    // The screen has its own logout button, which returns here; the frame's would lead elsewhere.
    let who = match scene.logged_in() {
        Some(_) => Who::Unknown,
        None => Who::Nobody,
    };
    let both_refresh = scene.heist.is_some_and(|heist| heist.refresh.is_some());
    let page = Screen {
        frame: site.frame(&request, story.heading.as_str(), who),
        notice: notice(&scene, &facts),
        step: Step::next(&scene),
        doors: DoorView::both(&scene, &facts),
        nodes: nodes(&scene, &facts, &stage.stores),
        store_down: unknown || scene.heist.is_some_and(found_the_store_down),
        you: you(&scene, &facts),
        thief: thief(&scene, &facts),
        exchange: scene
            .heist
            .and_then(|heist| heist.refresh.as_ref()?.used.as_ref())
            .map(|exchange| refreshed(exchange, "", |refreshed| &refreshed.state)),
        moments: scene.heist.map_or(Vec::new(), |heist| {
            let shown = |moment: &Moment| (clock_time(moment.at), class_of(moment.who), says(moment));
            heist.moments.iter().map(shown).collect()
        }),
        row_generation: row
            .as_ref()
            .filter(|_| both_refresh)
            .and_then(|row| row.refresh.as_ref())
            .map(|refresh| refresh.generation.get()),
        robbed: scene.heist.is_some(),
        has_second_act: rescind.service().policy().refresh.is_some(),
        log: log::fragment(&remembered.log, &stage.stores),
        chosen: drawn_entry.map(|entry| (entry.who(), entry.drawing(&stage.stores))),
        gone,
        story,
    };
    drop(remembered);
    draw(if gone { StatusCode::NOT_FOUND } else { StatusCode::OK }, &page)
}

/// The row of the robbed session; `None` if the policy keeps none, or if the store does not answer.
async fn row(rescind: &Rescind, session: Option<SessionId>) -> Option<Session> {
    let service = rescind.service();
    if !service.policy().keeps_sessions() {
        return None;
    }
    service.session(session?).await.ok().flatten()
}

fn cookie(request: &HttpRequest, rescind: &Rescind) -> Option<(SessionId, Generation)> {
    let token = browser::refresh_token(request, rescind).ok().flatten()?;
    // Not verified, but shown only to its sender.
    let presented = PresentedRefreshToken::parse(token.expose_secret()).ok()?;
    Some((presented.unverified_session_id(), presented.unverified_generation()))
}

/// The entry drawn by default: the thief's last attempt at the checking door.
fn is_worth_drawing(entry: &Entry) -> bool {
    entry.exchange.who == Asker::Thief
        && entry.node == Node::This
        && matches!(entry.exchange.asked, Asked::AskingDoor | Asked::Refresh)
}

/// Whether the thief's last attempt was refused because a store was down.
fn found_the_store_down(heist: &Heist) -> bool {
    let tried = heist.doors.as_ref();
    tried.is_some_and(|tried| tried.asking.exchange.outcome == Outcome::CannotTell)
}

fn story(facts: &Facts) -> Story {
    let mut facts = facts.clone();
    if let Some(doors) = first(&WORDS.doors, &facts) {
        facts.set("doors_heading", doors.heading.as_str());
        facts.set("doors", doors.lead.as_str());
    }
    let told = first(&WORDS.story, &facts);
    let fill = |part: fn(&Story) -> &String| told.map_or_else(String::new, |story| facts.fill(part(story)));
    Story {
        heading: fill(|story| &story.heading),
        lead: fill(|story| &story.lead),
    }
}

/// The notice to a victim after a copy of their session was used.
fn notice(scene: &Scene, facts: &Facts) -> Option<Notice> {
    let reuse = scene.heist?.reuse?;
    Some(Notice {
        used_at: clock_time(reuse.used_at),
        from: format!("“{}” at {}", device_name(Some(thief::AGENT)), scene.thief_at),
        how: say(&WORDS.notice, facts),
    })
}

fn you(scene: &Scene, facts: &Facts) -> Side {
    let open = scene.heist.filter(|heist| heist.ended_at.is_none());
    let generation = open.and_then(|heist| scene.your_generation(heist));
    let mut may = Vec::new();
    if open.is_some_and(|heist| scene.is_the_victim(heist)) {
        may.push(Step::LogOut);
    }
    if Phase::of(scene) == Phase::BothHoldIt && generation.is_some() {
        may.push(Step::YouRefresh);
    }
    may.retain(|step| *step != Step::next(scene));
    Side {
        state: say(&WORDS.you, facts),
        token_left: scene
            .logged_in()
            .map(|who| Time::countdown(who.claims().expires_at, scene.now)),
        generation: generation.map(|generation| generation.get()),
        may,
    }
}

fn thief(scene: &Scene, facts: &Facts) -> Side {
    let next = Step::next(scene);
    let mut may = Vec::new();
    if let Some(heist) = scene.heist {
        may.push(Step::tries(scene));
        match Phase::of(scene) {
            Phase::BothHoldIt if next == Step::YouRefresh => may.push(Step::ThiefRefreshesAgain),
            Phase::Ended | Phase::TriedAfterEnd if heist.refresh.is_some() => may.push(Step::ThiefRefreshesAgain),
            _ => {}
        }
        may.retain(|step| *step != next);
    }
    let left = scene.heist.filter(|heist| scene.now < heist.claims.expires_at);
    Side {
        state: say(&WORDS.thief, facts),
        token_left: left.map(|heist| Time::countdown(heist.claims.expires_at, scene.now)),
        generation: scene
            .heist
            .and_then(Heist::generation)
            .map(|generation| generation.get()),
        may,
    }
}

fn refreshed(exchange: &lab::Refreshed, who: &str, part: fn(&Refreshed) -> &String) -> String {
    let mut facts = Facts::default().with("came_to", word(exchange)).with("Who", who);
    match exchange {
        lab::Refreshed::Next(generation) | lab::Refreshed::Forgiven(generation) => {
            facts.set("generation", generation.get().to_string());
        }
        lab::Refreshed::Refused(code) => facts.set("code", code.as_str()),
        lab::Refreshed::Reused | lab::Refreshed::Closed => {}
    }
    first(&WORDS.refreshed, &facts).map_or_else(String::new, |told| facts.fill(part(told)))
}

fn says(moment: &Moment) -> String {
    let who = match moment.who {
        Asker::You => "You",
        Asker::Browser => "Your browser, by itself,",
        Asker::Thief => "The thief",
    };
    let mut facts = Facts::default().with("Who", who).with("what", word(&moment.what));
    match &moment.what {
        What::Exchanged(exchange) => return refreshed(exchange, who, |refreshed| &refreshed.moment),
        What::CopiedRefresh(generation) => facts.set("generation", generation.get().to_string()),
        What::Tried {
            asking,
            signature,
            elsewhere,
        } => {
            facts.set("asking", asking.as_str());
            facts.set("signature", signature.as_str());
            facts.set("others", elsewhere.join(", "));
        }
        What::Ended(how) => facts.set("how", *how),
        What::LoggedIn | What::CopiedAccess | What::LoggedOut | What::PlayedAgain => {}
    }
    say(&WORDS.moment, &facts)
}

/// A row for each node, and a summary.
fn nodes(scene: &Scene, facts: &Facts, stores: &Stores) -> Option<NodesView> {
    let heist = scene.heist?;
    let tried = heist.doors.as_ref().filter(|tried| !tried.elsewhere.is_empty())?;
    let is_stale = heist.ended_at.is_some() && heist.tried_after_end().is_none();
    let row = |name: String, own, attempt: &Attempt| Row {
        name,
        own,
        exchange: attempt.exchange.clone(),
        said: if is_stale {
            Colour::Unknown
        } else {
            Colour::of(&attempt.exchange)
        },
    };
    let own = match &stores.node {
        Some(node) => format!("Node {node}"),
        None => "This node".to_owned(),
    };
    let mut rows = vec![(stores.node.as_deref(), row(own, true, &tried.asking))];
    rows.extend(tried.elsewhere.iter().map(|at| {
        let name = format!("Node {}", at.name());
        (at.node.as_deref(), row(name, false, &at.attempt))
    }));
    // By name, so that a node keeps its place on every node's page; nodes without a name come last.
    rows.sort_by_key(|(name, _)| (name.is_none(), *name));
    let tried_when = if heist.tried_after_end().is_some() {
        "after"
    } else {
        "before"
    };
    let facts = facts.clone().with("nodes", together(tried)).with("tried", tried_when);
    Some(NodesView {
        lead: say(&WORDS.nodes, &facts),
        rows: rows.into_iter().map(|(_, row)| row).collect(),
    })
}

/// The answer of all nodes, if they agree.
fn together(tried: &Tried) -> &'static str {
    let said = tried.asking.name();
    let mut others = tried.elsewhere.iter().map(|at| at.attempt.name());
    if said == "no-answer" || others.clone().any(|other| other == "no-answer") {
        "no-answer"
    } else if others.all(|other| other == said) {
        said
    } else {
        "differ"
    }
}
