//! Two doors at which a token can be tried: their handlers, and how the screen shows them.
//!
//! Both answer "who am I?" with a private note, so that it is plain what being in means. The first is the API's own `/api/me`
//! with that note added, and checks what the policy checks. The second checks only signature and expiry, like every service
//! that has a public key and no memory. It exists in the demo only.

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use jiff::Timestamp;
use rescind_api::{Authenticated, Me, Problem, Rescind, bearer_token};
use rescind_session::{Check, token::AccessClaims};
use serde::Serialize;

use super::{
    log::{ASKING_DOOR, SIGNATURE_DOOR},
    peers::Attempt,
    robbery::RobberyState,
    scene::Scene,
    words::WORDS,
};
use crate::{
    accounts::shown,
    content::{Facts, say, word, yes},
    pages::{read, times::Time},
    trace::{VerdictColour, reply, stage::Door},
};

/// Adds both doors. Call it before the API, whose `/api/me` the first one replaces.
pub(crate) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource(ASKING_DOOR).route(read().to(asking)))
        .service(web::resource(SIGNATURE_DOOR).route(read().to(signature_only)));
}

#[derive(Serialize)]
struct MeAndMyNote {
    #[serde(flatten)]
    me: Me,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'static String>,
}

async fn asking(rescind: Rescind, caller: Authenticated) -> Result<HttpResponse, Problem> {
    who(&rescind, caller.claims()).await
}

async fn signature_only(request: HttpRequest, rescind: Rescind) -> Result<HttpResponse, Problem> {
    let token = bearer_token(&request)?.ok_or(Problem::TokenMissing)?;
    let claims = rescind.service().verify_signature_only(token.expose_secret())?;
    who(&rescind, &claims).await
}

async fn who(rescind: &Rescind, claims: &AccessClaims) -> Result<HttpResponse, Problem> {
    let mut me = Me::of(rescind, claims).await?;
    me.username = shown(&me.username).to_owned();
    let note = WORDS.notes.get(&me.username);
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(MeAndMyNote { me, note }))
}

/// A door's answer.
#[derive(Debug, Clone, Copy)]
enum DoorResult {
    /// The token was not tried yet.
    Nothing,
    /// It was tried before the session ended, and not since.
    Stale,
    /// In, as expected.
    In,
    /// In, although the session was ended, until the token expires.
    StillIn,
    /// In when it was tried; the token has expired since.
    WasIn,
    Refused,
    NoAnswer,
}

impl DoorResult {
    fn at(state: &RobberyState, first: bool, now: Timestamp) -> Self {
        let (Some(tried), Some(thief)) = (&state.tried, &state.thief) else {
            return Self::Nothing;
        };
        let (exchange, ended) = (&tried.at_door(first).exchange, state.ended_at());
        match exchange.reply {
            _ if ended.is_some_and(|ended| tried.at < ended) => Self::Stale,
            None => Self::NoAnswer,
            Some(_) if exchange.is_refused() => Self::Refused,
            Some(_) if now >= thief.expires_at => Self::WasIn,
            Some(_) if ended.is_some() => Self::StillIn,
            Some(_) => Self::In,
        }
    }

    /// What it means, which sets its colour.
    fn colour(self) -> VerdictColour {
        match self {
            Self::In | Self::StillIn => VerdictColour::ThiefIn,
            Self::Refused => VerdictColour::KeptOut,
            Self::Nothing | Self::Stale | Self::WasIn | Self::NoAnswer => VerdictColour::Unknown,
        }
    }
}

/// Both doors, the checking one first.
pub(super) fn both(scene: &Scene, facts: &Facts) -> [Door; 2] {
    let check = scene.rescind.service().policy().check;
    [
        door(scene, facts, ASKING_DOOR, check),
        door(scene, facts, SIGNATURE_DOOR, Check::Nothing),
    ]
}

/// The verdict of each door after some moments: for the time line.
pub(super) fn verdicts(state: &RobberyState, now: Timestamp) -> Vec<Option<VerdictColour>> {
    let doors = [true, false].map(|first| DoorResult::at(state, first, now).colour());
    doors.map(|said| state.thief.is_some().then_some(said)).into()
}

/// `check`: what this door checks after signature and expiry.
fn door(scene: &Scene, facts: &Facts, path: &'static str, check: Check) -> Door {
    let first = path == ASKING_DOOR;
    let state = &scene.state;
    let said = DoorResult::at(state, first, scene.now);
    let answer = state.tried.as_ref().map(|tried| tried.at_door(first));
    let answer = answer.filter(|_| !matches!(said, DoorResult::Stale | DoorResult::NoAnswer));
    let note = answer.and_then(|answer| answer.note.as_deref());
    let note = note.filter(|_| said.colour() == VerdictColour::ThiefIn);
    let code = answer.and_then(|answer| answer.exchange.code());
    let facts = facts
        .clone()
        .with("door", if first { "first" } else { "second" })
        .with("said", word(said))
        .with("code", code.unwrap_or_default())
        .with("status", answer.map_or_else(String::new, Attempt::status))
        .with("asked", word(check))
        .with("bought", yes(state.both_refresh()))
        .with("note", note.unwrap_or_default())
        .with("read", yes(note.is_some()));
    let (id, name) = match first {
        true => ("door-blacklist", "Door 1"),
        false => ("door-signature", "Door 2"),
    };
    let until = state.thief.as_ref().filter(|_| matches!(said, DoorResult::StillIn));
    Door {
        id,
        name,
        asks: say(&WORDS.asks, &facts),
        said: said.colour(),
        word: say(&WORDS.verdict, &facts),
        why: say(&WORDS.why, &facts),
        status: answer.map_or_else(String::new, |answer| reply(&answer.exchange)),
        until: until.map(|thief| Time {
            counts_down: !scene.is_past,
            ..Time::countdown(thief.expires_at, scene.now)
        }),
    }
}

/// For the reader's own terminal: for each door its id, its name and a command. Neither token nor address contains a
/// character that a shell interprets.
pub(super) fn commands(scene: &Scene, doors: &[Door]) -> Vec<(&'static str, &'static str, String)> {
    let Some(robbery) = scene.robbery else {
        return Vec::new();
    };
    let origin = scene.rescind.settings().public_url.origin().ascii_serialization();
    let token = robbery.access.expose_secret();
    let command = |(door, path): (&Door, &str)| {
        let command = format!("curl -s {origin}{path} -H \"Authorization: Bearer {token}\"");
        (door.id, door.name, command)
    };
    doors.iter().zip([ASKING_DOOR, SIGNATURE_DOOR]).map(command).collect()
}
