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
    heist::Heist,
    log::{ASKING_DOOR, SIGNATURE_DOOR},
    peers::Attempt,
    scene::Scene,
    words::WORDS,
};
use crate::{
    content::{Facts, say, word, yes},
    pages::{read, times::Time},
    trace::Said as Colour,
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
    let me = Me::of(rescind, claims).await?;
    let mut notes = NOTES.into_iter();
    let note = notes.find(|(name, _)| *name == me.username).map(|(_, note)| note);
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(MeAndMyNote { me, note }))
}

pub(super) struct DoorView {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    pub(super) path: &'static str,
    pub(super) asks: String,
    pub(super) said: Said,
    /// The note that the thief reads behind it.
    pub(super) note: Option<String>,
    pub(super) why: String,
    /// A command with which the reader can try the token.
    pub(super) command: Option<String>,
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

impl DoorView {
    /// Both doors, the checking one first.
    pub(super) fn both(scene: &Scene, facts: &Facts) -> [Self; 2] {
        let check = scene.rescind.service().policy().check;
        [
            Self::of(scene, facts, ASKING_DOOR, check),
            Self::of(scene, facts, SIGNATURE_DOOR, Check::Nothing),
        ]
    }

    /// `check`: what this door checks after signature and expiry.
    fn of(scene: &Scene, facts: &Facts, path: &'static str, check: Check) -> Self {
        let first = path == ASKING_DOOR;
        let tried = scene.heist.and_then(|heist| Some((heist, heist.doors.as_ref()?)));
        let ended_at = scene.heist.and_then(|heist| heist.ended_at);
        let (mut said, mut note) = (Said::Nothing, None);
        let mut facts = facts.clone();
        if let Some((heist, tried)) = tried {
            let attempt = if first { &tried.asking } else { &tried.signature };
            said = match ended_at {
                Some(ended) if tried.at < ended => Said::Stale,
                ended => Said::of(attempt, ended.is_some(), heist.claims.expires_at, scene.now),
            };
            note = attempt.note.clone().filter(|_| said.colour() == Colour::ThiefIn);
        }
        if let Said::Refused { status, code } = &said {
            facts.set("code", code.as_str());
            facts.set("status", status.to_string());
        }
        facts.set("door", if first { "first" } else { "second" });
        facts.set("said", word(&said));
        facts.set("asked", word(check));
        facts.set("bought", yes(scene.heist.is_some_and(|heist| heist.refresh.is_some())));
        let (id, name) = match first {
            true => ("door-blacklist", "The first door"),
            false => ("door-signature", "The second door"),
        };
        Self {
            id,
            name,
            path,
            asks: say(&WORDS.asks, &facts),
            why: say(&WORDS.why, &facts),
            said,
            note,
            command: scene.heist.map(|heist| command(scene, path, heist)),
        }
    }
}

/// For the reader's own terminal. Neither token nor address contains a character that a shell interprets.
fn command(scene: &Scene, path: &str, heist: &Heist) -> String {
    let origin = scene.rescind.settings().public_url.origin().ascii_serialization();
    let token = heist.access.expose_secret();
    format!("curl -s {origin}{path} -H \"Authorization: Bearer {token}\"")
}
