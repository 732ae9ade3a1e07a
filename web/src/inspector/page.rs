//! The page: the form, the decoded token, its checks, and the changes to try.

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
    frame::Frame,
    times::{Time, span},
};

#[derive(Template)]
#[template(path = "inspector/page.html")]
pub(crate) struct Page<'a> {
    frame: Frame,
    own: &'a Own,
    longest: String,
    refusal: Option<Refusal>,
    shown: Option<Shown>,
    is_example: bool,
}

pub(crate) struct Shown {
    /// The choice and the original token, for the changes.
    pub(crate) base: Option<(String, AccessToken)>,
    pub(crate) token: AccessToken,
    pub(crate) decoded: Decoded,
    pub(crate) verified: Verified,
    pub(crate) marks: Option<Marks>,
    pub(crate) now: Timestamp,
}

struct PartShown<'a> {
    place: Place,
    part: &'a Part,
    marks: Option<&'a Marks>,
    now: Timestamp,
}

struct Entry<'a> {
    name: &'a str,
    value: String,
    meaning: Option<&'static Meaning>,
    time: Option<Time>,
    twice: bool,
    changed: bool,
}

impl<'a> Page<'a> {
    pub(crate) fn empty(frame: Frame, own: &'a Own) -> Self {
        Self {
            frame,
            own,
            longest: longest(),
            refusal: None,
            shown: None,
            is_example: false,
        }
    }

    pub(crate) fn with_example(mut self, now: Timestamp) -> Self {
        let token = AccessToken::from(super::EXAMPLE.to_owned());
        self.shown = Decoded::of(super::EXAMPLE)
            .ok()
            .map(|decoded| Shown::strangers(token, decoded, now));
        self.is_example = true;
        self
    }

    pub(crate) fn refusing(mut self, refusal: Refusal) -> Self {
        self.frame.title.insert_str(0, "Nothing to inspect: ");
        self.refusal = Some(refusal);
        self
    }

    pub(crate) fn showing(mut self, shown: Shown) -> Self {
        self.shown = Some(shown);
        self
    }
}

impl Shown {
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

    /// Whether it says that it needs no signature.
    fn says_none(&self) -> bool {
        let alg = self.decoded.header.members.text("alg");
        alg.is_some_and(|alg| alg.eq_ignore_ascii_case("none"))
    }

    fn changed(&self, place: Place) -> Option<&Marks> {
        let marks = self.marks.as_ref();
        marks.filter(|marks| marks.place == place && marks.anything())
    }

    fn parts(&self) -> [PartShown<'_>; 2] {
        let parts = [
            (Place::Header, &self.decoded.header),
            (Place::Claims, &self.decoded.claims),
        ];
        parts.map(|(place, part)| PartShown {
            place,
            part,
            marks: self.changed(place),
            now: self.now,
        })
    }

    /// The members that may be changed; not the session, see [`tampering`](super::tampering).
    fn members(&self) -> Vec<String> {
        let header = self
            .decoded
            .header
            .members
            .iter()
            .map(|(name, _)| format!("header.{name}"));
        let claims = self
            .decoded
            .claims
            .members
            .iter()
            .map(|(name, _)| format!("claims.{name}"));
        header.chain(claims).filter(|member| member != "claims.sid").collect()
    }
}

impl<'a> PartShown<'a> {
    fn class(&self) -> &'static str {
        match self.place {
            Place::Header => "header",
            Place::Claims | Place::Signature => "claims",
        }
    }

    fn entries(&self) -> impl Iterator<Item = Entry<'a>> {
        self.part.members.iter().map(|(name, value)| Entry {
            name,
            value: value.as_str().map_or_else(|| value.to_string(), str::to_owned),
            meaning: meaning::of(self.place, name),
            time: time(name, value, self.now).filter(|_| self.place == Place::Claims),
            twice: self.part.members.stands_twice(name),
            changed: self.marks.is_some_and(|marks| marks.member.as_deref() == Some(name)),
        })
    }
}

/// The instant of a claim that is one. Its words do not count down: they are relative to the inspection.
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
