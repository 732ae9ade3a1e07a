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
    scene::Scene,
    standing::Standing,
    words::WORDS,
};
use crate::{
    accounts::shown,
    content::{Facts, say, word, yes},
    pages::{read, times::Time},
    trace::{Said as Colour, stage::Door},
};

/// The private notes of the demo's users.
const NOTES: [(&str, &str); 2] = [
    ("alice", "The spare key is under the blue flower pot."),
    ("bob", "I have not read a single book of the book club."),
];

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
    note: Option<&'static str>,
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
    let mut notes = NOTES.into_iter();
    let note = notes.find(|(name, _)| *name == me.username).map(|(_, note)| note);
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(MeAndMyNote { me, note }))
}

/// A door's answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// The token was not tried yet.
    Nothing,
    /// It was tried before the session ended, and not since.
    Stale,
    /// In, as expected.
    In,
    /// In, although the session was ended, until the token expires.
    StillIn(Time),
    /// In when it was tried; the token has expired since.
    WasIn,
    Refused {
        status: u16,
        code: String,
    },
    NoAnswer,
}

impl Said {
    /// A door's answer after some moments.
    fn at(standing: &Standing, first: bool, now: Timestamp) -> Self {
        let (Some(tried), Some(thief)) = (&standing.tried, &standing.thief) else {
            return Self::Nothing;
        };
        let attempt = if first { &tried.asking } else { &tried.signature };
        match standing.ended_at() {
            Some(ended) if tried.at < ended => Self::Stale,
            ended => Self::of(attempt, ended.is_some(), thief.expires_at, now),
        }
    }

    fn of(attempt: &Attempt, ended: bool, expires_at: Timestamp, now: Timestamp) -> Self {
        let exchange = &attempt.exchange;
        match &exchange.reply {
            None => Self::NoAnswer,
            Some(reply) if exchange.is_refused() => Self::Refused {
                status: reply.status.as_u16(),
                code: exchange.code().unwrap_or_default().to_owned(),
            },
            Some(_) if now >= expires_at => Self::WasIn,
            Some(_) if ended => Self::StillIn(Time::countdown(expires_at, now)),
            Some(_) => Self::In,
        }
    }

    /// What it means, which sets its colour.
    pub(super) fn colour(&self) -> Colour {
        match self {
            Self::In | Self::StillIn(_) => Colour::ThiefIn,
            Self::Refused { .. } => Colour::KeptOut,
            Self::Nothing | Self::Stale | Self::WasIn | Self::NoAnswer => Colour::Unknown,
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
pub(super) fn verdicts(standing: &Standing, now: Timestamp) -> Vec<Option<Colour>> {
    let doors = [true, false].map(|first| Said::at(standing, first, now).colour());
    doors.map(|said| standing.thief.is_some().then_some(said)).into()
}

/// `check`: what this door checks after signature and expiry.
fn door(scene: &Scene, facts: &Facts, path: &'static str, check: Check) -> Door {
    let first = path == ASKING_DOOR;
    let said = Said::at(&scene.standing, first, scene.now);
    let tried = scene.standing.tried.as_ref();
    let attempt = tried.map(|tried| if first { &tried.asking } else { &tried.signature });
    let mut facts = facts.clone();
    let mut status = match &said {
        Said::In | Said::StillIn(_) | Said::WasIn => "200".to_owned(),
        _ => String::new(),
    };
    if let Said::Refused { status: number, code } = &said {
        facts.set("code", code.as_str());
        facts.set("status", number.to_string());
        status = format!("{number} {code}");
    }
    facts.set("door", if first { "first" } else { "second" });
    facts.set("said", word(&said));
    facts.set("asked", word(check));
    facts.set("bought", yes(scene.standing.both_refresh()));
    let note = attempt.and_then(|attempt| attempt.note.as_ref());
    let note = note.filter(|_| said.colour() == Colour::ThiefIn);
    facts.set("note", note.map_or("", String::as_str));
    facts.set("read", yes(note.is_some()));
    let (id, name) = match first {
        true => ("door-blacklist", "Door 1"),
        false => ("door-signature", "Door 2"),
    };
    Door {
        id,
        name,
        asks: say(&WORDS.asks, &facts),
        said: said.colour(),
        word: say(&WORDS.verdict, &facts),
        why: say(&WORDS.why, &facts),
        status,
        until: match said {
            Said::StillIn(time) => Some(Time {
                counts_down: !scene.is_past,
                ..time
            }),
            _ => None,
        },
    }
}

/// For the reader's own terminal: for each door its id, its name and a command. Neither token nor address contains a
/// character that a shell interprets.
pub(super) fn commands(scene: &Scene, doors: &[Door]) -> Vec<(&'static str, &'static str, String)> {
    let Some(heist) = scene.heist else { return Vec::new() };
    let origin = scene.rescind.settings().public_url.origin().ascii_serialization();
    let token = heist.access.expose_secret();
    let command = |(door, path): (&Door, &str)| {
        let command = format!("curl -s {origin}{path} -H \"Authorization: Bearer {token}\"");
        (door.id, door.name, command)
    };
    doors.iter().zip([ASKING_DOOR, SIGNATURE_DOOR]).map(command).collect()
}
