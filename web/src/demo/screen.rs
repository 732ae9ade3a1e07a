//! The screen: you on the left, the thief on the right, the time between you, and two doors.
//!
//! All its sentences follow from what happened and from the policy; none assumes an outcome. Drawing it has no side effect
//! and does not refresh: the reader presses the buttons. So unlike other pages it does not send a browser with an expired
//! token to refresh, but shows that the token has expired.
//!
//! **It shows the stolen token in full**, in a command to be pasted into a terminal. That is the demo's purpose: the token is
//! the visitor's own, of an account with a public password, and by default the demo is off unless only this machine can
//! reach it.

use actix_web::{HttpResponse, http::StatusCode, web};
use askama::Template;
use rescind_api::{Problem, Rescind};
use rescind_lab::{Asked, Exchange, Outcome, Who as Asker};
use rescind_session::{Session, SessionState, token::SessionId};
use serde::Deserialize;

use super::{
    DemoState, doors,
    log::{self, Entry, Node, clock_time},
    peers::Attempt,
    robbery::{Robbery, RobberyState, Tried, What},
    scene::Scene,
    staged::{says, staged},
    watching::Watched,
    words::WORDS,
};
use crate::{
    accounts::{VICTIM, shown},
    content::{Facts, of, say},
    pages::{
        Reader, draw,
        frame::{Frame, Who},
        session_state::presented,
        times::Time,
    },
    stores::Stores,
    trace::{VerdictColour, class_of, sequence::Sequence, stage::Stage},
};

#[derive(Template)]
#[template(path = "demo/stage.html")]
struct Screen {
    frame: Frame,
    stage: Stage,
    nodes: Option<NodesView>,
    /// Whether a store that is down keeps a door shut, or hides the viewer's name.
    store_down: bool,
    moments: Vec<(Time, &'static str, String)>,
    commands: Vec<(&'static str, &'static str, String)>,
    robbed: bool,
    has_second_act: bool,
    /// What the stores keep of each session.
    keeping: String,
    log: String,
    chosen: Option<(&'static str, Sequence)>,
    /// Whether the reader chose an entry.
    is_chosen: bool,
    gone: bool,
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
    said: VerdictColour,
}

#[derive(Deserialize)]
pub(super) struct Choice {
    entry: Option<String>,
    step: Option<String>,
}

type Look = (Reader, web::Data<DemoState>, Watched);

/// `GET /demo`; with `?entry=` the same with one request drawn, and with `?step=` as it was at an earlier step.
pub(super) async fn show(look: Look, choice: web::Query<Choice>) -> actix_web::Result<HttpResponse> {
    let step = choice.step.as_deref().and_then(|step| step.parse().ok());
    draw_for(look, choice.entry.as_deref(), step).await
}

pub(super) async fn show_entry(look: Look, id: web::Path<String>) -> actix_web::Result<HttpResponse> {
    draw_for(look, Some(&id), None).await
}

async fn draw_for(look: Look, entry: Option<&str>, step: Option<usize>) -> actix_web::Result<HttpResponse> {
    let (reader, state, Watched(visit)) = look;
    let rescind = &reader.rescind;
    let now = rescind.service().now().map_err(Problem::from)?;
    let visitor = reader.visitor();
    // With a store down, the screen still shows the doors' answers, which matter most then.
    let unknown = matches!(visitor, Err(Problem::StoreUnavailable(_) | Problem::NotReady { .. }));
    let name = reader.user().await.ok().flatten();
    let stored = name.map(|user| user.username.to_string());
    let name = stored.as_deref().map(shown);
    let other = stored.as_deref().is_some_and(|stored| !visit.own.is(VICTIM, stored));
    let session = visit.lock().robbery.as_ref().map(|robbery| robbery.session);
    let row = row(rescind, session).await;
    let cookie = presented(&reader.request, rescind);

    let mut remembered = visit.lock();
    if let (Some(robbery), Some(row)) = (&mut remembered.robbery, &row)
        && let SessionState::Closed { at, cause } = row.state
    {
        robbery.found_ended(at, of(&WORDS.causes, cause));
    }
    let robbery = remembered.robbery.as_ref();
    let newest = Scene {
        now,
        rescind,
        robbery,
        state: robbery.map(Robbery::state).unwrap_or_default(),
        is_past: false,
        visitor: visitor.ok(),
        name,
        is_other: other,
        cookie: cookie.as_ref(),
        thief_at: state.thief.address(),
        stores: &state.stores,
    };
    let steps = robbery.map_or_else(|| vec![0], Robbery::steps);
    let shown = step.and_then(|step| step.checked_sub(1)).unwrap_or(usize::MAX);
    let shown = shown.min(steps.len().saturating_sub(1));
    let scene = match (robbery, steps.get(shown)) {
        (Some(robbery), Some(count)) if shown + 1 < steps.len() => newest.at(robbery, *count),
        _ => newest.clone(),
    };
    let drawn_entry = match entry {
        Some(id) => id.parse().ok().and_then(|id| remembered.log.find(id)),
        None => remembered.log.entries().find(|entry| is_worth_drawing(entry)),
    };
    let gone = entry.is_some() && drawn_entry.is_none();
    let told = robbery.map_or(&[][..], |robbery| robbery.moments.as_slice());
    let told = told.iter().filter(|moment| !matches!(moment.what, What::Bought { .. }));
    let staged = staged(&newest, &scene, &steps, shown);
    let who = match (scene.logged_in(), name) {
        // The stage's own logout returns here; the frame's leads elsewhere.
        (Some(_), Some(name)) if !staged.offers("/demo/log-out") => Who::Somebody(name.to_owned()),
        (Some(_), _) => Who::Unknown,
        (None, _) => Who::Nobody,
    };
    // A command takes the newest token.
    let commands = if scene.is_past {
        Vec::new()
    } else {
        doors::commands(&scene, &staged.doors)
    };
    let page = Screen {
        frame: reader.frame_for(staged.headline.as_str(), who),
        nodes: nodes(&scene, &scene.facts(), &state.stores),
        keeping: say(&WORDS.keeping, &scene.facts()),
        store_down: unknown || found_the_store_down(&newest.state),
        moments: told
            .map(|moment| (clock_time(moment.at), class_of(moment.who), says(moment)))
            .collect(),
        commands,
        robbed: robbery.is_some(),
        has_second_act: rescind.service().policy().refresh.is_some(),
        log: log::fragment(&remembered.log, &state.stores),
        chosen: drawn_entry.map(|entry| (entry.who(), entry.drawing(&state.stores))),
        is_chosen: entry.is_some(),
        gone,
        stage: staged,
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

/// The entry drawn by default: the thief's last attempt at the checking door.
fn is_worth_drawing(entry: &Entry) -> bool {
    entry.exchange.who == Asker::Thief
        && entry.node == Node::This
        && matches!(entry.exchange.asked, Asked::AskingDoor | Asked::Refresh)
}

/// Whether the thief's last attempt was refused because a store was down.
fn found_the_store_down(state: &RobberyState) -> bool {
    let tried = state.tried.as_ref();
    tried.is_some_and(|tried| tried.asking.exchange.outcome == Outcome::CannotTell)
}

/// A row for each node, and a summary.
fn nodes(scene: &Scene, facts: &Facts, stores: &Stores) -> Option<NodesView> {
    let state = &scene.state;
    let tried = state.tried.as_ref().filter(|tried| !tried.elsewhere.is_empty())?;
    let is_stale = state.ended_at().is_some() && !state.tried_after_end();
    let row = |name: String, own, attempt: &Attempt| Row {
        name,
        own,
        exchange: attempt.exchange.clone(),
        said: if is_stale {
            VerdictColour::Unknown
        } else {
            VerdictColour::of(&attempt.exchange)
        },
    };
    let own = match &stores.node {
        Some(node) => format!("Node {node}"),
        None => "This node".to_owned(),
    };
    let mut rows = vec![(stores.node.as_deref(), row(own, true, &tried.asking))];
    rows.extend(tried.elsewhere.iter().map(|at| {
        let name = format!("Node {}", at.name());
        (at.attempt.node.as_deref(), row(name, false, &at.attempt))
    }));
    // By name, so that a node keeps its place on every node's page; nodes without a name come last.
    rows.sort_by_key(|(name, _)| (name.is_none(), *name));
    let tried_when = if state.tried_after_end() { "after" } else { "before" };
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
