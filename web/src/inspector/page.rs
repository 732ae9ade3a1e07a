//! What is drawn: the form, what was decoded, what was verified, and what could be changed.

use askama::Template;
use jiff::Timestamp;
use rescind_session::token::AccessToken;
use serde_json::Value;

use super::{
    decoded::{Decoded, Part, Refusal},
    meaning,
    meaning::Meaning,
    own::Own,
    tampering::{Marks, Place},
    verified::{Outcome, Verified},
    words::longest,
};
use crate::pages::{
    frame::{Frame, Who},
    times::{Time, span},
};

#[derive(Template)]
#[template(path = "inspector/page.html")]
pub(crate) struct Page<'a> {
    frame: Frame,
    own: &'a Own,
    longest: String,
    refusal: Option<Refusal>,
    shown: Option<View>,
}

/// A token, and what is to be said of it.
pub(crate) struct Result {
    /// What can be changed: which token was chosen, and the token as it was.
    pub(crate) base: Option<(String, AccessToken)>,
    pub(crate) token: AccessToken,
    pub(crate) decoded: Decoded,
    pub(crate) verified: Verified,
    pub(crate) marks: Option<Marks>,
    pub(crate) now: Timestamp,
}

/// The same, for the template.
struct View {
    parts: [PartView; 2],
    signature: String,
    bytes: usize,
    verified: Verified,
    marks: Option<Marks>,
    base: Option<Base>,
}

struct PartView {
    number: u8,
    name: &'static str,
    class: &'static str,
    says: &'static str,
    raw: String,
    json: String,
    changed: bool,
    entries: Vec<Entry>,
}

/// One member.
struct Entry {
    name: String,
    value: String,
    meaning: Option<&'static Meaning>,
    unknown: &'static str,
    time: Option<Time>,
    twice: bool,
    /// Whether this is what was changed.
    changed: bool,
}

/// What the form for changes sends.
struct Base {
    which: String,
    token: Option<String>,
    members: Vec<String>,
}

impl Result {
    pub(crate) fn strangers(token: AccessToken, decoded: Decoded, now: Timestamp) -> Self {
        Self {
            base: None,
            token,
            decoded,
            verified: Verified::Strangers,
            marks: None,
            now,
        }
    }
}

impl<'a> Page<'a> {
    pub(crate) fn empty(frame: Frame, own: &'a Own) -> Self {
        Self {
            frame,
            own,
            longest: longest(),
            refusal: None,
            shown: None,
        }
    }

    pub(crate) fn refusing(mut self, refusal: Refusal) -> Self {
        self.frame.title.insert_str(0, "Nothing to inspect: ");
        self.refusal = Some(refusal);
        self
    }

    pub(crate) fn showing(mut self, result: Result) -> Self {
        self.shown = Some(View::of(result));
        self
    }
}

impl View {
    fn of(result: Result) -> Self {
        let Result {
            base,
            token,
            decoded,
            verified,
            marks,
            now,
        } = result;
        let base = base.map(|(which, token)| Base {
            // A token that was chosen is chosen again, and does not have to stand in the page once more.
            token: (which == super::PASTED).then(|| token.expose_secret().to_owned()),
            which,
            members: members(&decoded),
        });
        let changed = |place| marks.as_ref().filter(|marks| marks.place == place && marks.anything());
        let header = PartView {
            number: 1,
            name: "Header",
            class: "header",
            says: "How it wants to be checked.",
            ..PartView::of(&decoded.header, changed(Place::Header), |name, value| {
                Entry::new(name, value, meaning::of_parameter(name), meaning::UNKNOWN_PARAMETER)
            })
        };
        let claims = PartView {
            number: 2,
            name: "Payload",
            class: "claims",
            says: "The claims: what it says.",
            ..PartView::of(&decoded.claims, changed(Place::Claims), |name, value| Entry {
                time: time(name, value, now),
                ..Entry::new(name, value, meaning::of_claim(name), meaning::UNKNOWN_CLAIM)
            })
        };
        Self {
            parts: [header, claims],
            signature: decoded.signature,
            bytes: token.expose_secret().len(),
            verified,
            marks,
            base,
        }
    }

    fn signature_changed(&self) -> bool {
        self.marks.as_ref().is_some_and(|marks| marks.place == Place::Signature)
    }
}

impl PartView {
    fn of(part: &Part, marks: Option<&Marks>, entry: impl Fn(&str, &Value) -> Entry) -> Self {
        let entries = part.members.iter().map(|(name, value)| Entry {
            twice: part.members.stands_twice(name),
            changed: marks.is_some_and(|marks| marks.member.as_deref() == Some(name)),
            ..entry(name, value)
        });
        Self {
            number: 0,
            name: "",
            class: "",
            says: "",
            raw: part.raw.clone(),
            json: part.members.pretty(),
            changed: marks.is_some(),
            entries: entries.collect(),
        }
    }
}

impl Entry {
    fn new(name: &str, value: &Value, meaning: Option<&'static Meaning>, unknown: &'static str) -> Self {
        Self {
            name: name.to_owned(),
            value: value.as_str().map_or_else(|| value.to_string(), str::to_owned),
            meaning,
            unknown,
            time: None,
            twice: false,
            changed: false,
        }
    }
}

/// What may be changed of a token; the session is left out, see [`tampering`](super::tampering).
fn members(decoded: &Decoded) -> Vec<String> {
    let header = decoded.header.members.iter().map(|(name, _)| format!("header.{name}"));
    let claims = decoded.claims.members.iter().map(|(name, _)| format!("claims.{name}"));
    header.chain(claims).filter(|member| member != "claims.sid").collect()
}

/// The instant of a claim that is one. Its words do not count down: they are about the moment of the inspection.
fn time(name: &str, value: &Value, now: Timestamp) -> Option<Time> {
    let at = Timestamp::from_second(value.as_i64()?).ok()?;
    if !meaning::is_instant(name) {
        return None;
    }
    let ahead = at.duration_since(now);
    Some(if ahead.is_positive() {
        Time {
            words: format!("in {}", span(ahead)),
            ..Time::exactly(at)
        }
    } else {
        Time::ago(at, now)
    })
}
