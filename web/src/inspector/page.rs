//! The page: the form, the decoded token, its checks, and the changes to try.

use askama::Template;
use jiff::Timestamp;
use rescind_session::token::AccessToken;
use serde_json::Value;

use super::{
    decoded::{Decoded, Part, Refusal},
    own::Own,
    tampering::{Marks, Place},
    verified::{TokenOutcome, Verified},
    words::{MEMBERS, Member},
};
use crate::pages::{
    frame::{Frame, Who},
    times::{Time, span},
};

#[derive(Template)]
#[template(path = "inspector/page.html")]
pub(crate) struct Page<'a> {
    pub(crate) frame: Frame,
    pub(crate) own: &'a Own,
    pub(crate) refusal: Option<Refusal>,
    pub(crate) shown: Option<Shown>,
    pub(crate) is_example: bool,
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

struct Entry<'a> {
    name: &'a str,
    value: String,
    meaning: Option<&'static Member>,
    time: Option<Time>,
    twice: bool,
    changed: bool,
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

    fn parts(&self) -> [(Place, &Part); 2] {
        [
            (Place::Header, &self.decoded.header),
            (Place::Claims, &self.decoded.claims),
        ]
    }

    /// The members that may be changed; not the session, see [`tampering`](super::tampering).
    fn members(&self) -> Vec<String> {
        let names = self.parts().into_iter().flat_map(|(place, part)| {
            let names = part.members.iter();
            names.map(move |(name, _)| format!("{}.{name}", place.class()))
        });
        names.filter(|member| member != "claims.sid").collect()
    }

    fn entries<'a>(&self, place: Place, part: &'a Part) -> Vec<Entry<'a>> {
        let changed = self.changed(place).and_then(|marks| marks.member.as_deref());
        let known = match place {
            Place::Header => &MEMBERS.parameter,
            _ => &MEMBERS.claim,
        };
        let entry = |(name, value): (&'a str, &Value)| Entry {
            name,
            value: value.as_str().map_or_else(|| value.to_string(), str::to_owned),
            meaning: known.iter().find(|member| member.name == name),
            time: time(name, value, self.now).filter(|_| place == Place::Claims),
            twice: part.members.stands_twice(name),
            changed: changed == Some(name),
        };
        part.members.iter().map(entry).collect()
    }
}

/// The instant of a claim that is one. Its words do not count down: they are relative to the inspection.
fn time(name: &str, value: &Value, now: Timestamp) -> Option<Time> {
    let at = Timestamp::from_second(value.as_i64()?).ok()?;
    if !matches!(name, "exp" | "nbf" | "iat" | "auth_time") {
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
