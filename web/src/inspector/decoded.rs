//! Header and claims as they were written: in their order, with duplicates.
//!
//! [`TokenParts`] decides whether a text has the form of a token. It sorts the members, and keeps only the last of duplicates.
//! A reader wants to see all of them, so here they are parsed again, as a list.

use std::fmt;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use rescind_session::token::{PartsError, SessionId, TokenParts};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, Visitor},
};
use serde_json::Value;

use super::words::{WORDS, longest};
use crate::content::Facts;

/// The prefix of this program's refresh tokens.
const REFRESH: &str = "rrt_";

/// A token, decoded and **not verified**.
pub(crate) struct Decoded {
    pub(crate) header: Part,
    pub(crate) claims: Part,
    /// In base64url, as sent.
    pub(crate) signature: String,
}

pub(crate) struct Part {
    pub(crate) raw: String,
    pub(crate) members: Members,
}

/// Why a text cannot be decoded. It contains no part of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Undecodable {
    Empty,
    TooLong,
    /// It has a space or a line break in it.
    InPieces,
    RefreshToken,
    /// Another number of parts than three.
    Parts(usize),
    /// Three parts, but the first or the second is not JSON in base64url.
    NotJson,
}

impl Decoded {
    pub(crate) fn of(token: &str) -> Result<Self, Undecodable> {
        match TokenParts::split_without_verifying(token) {
            Ok(_) => Self::split(token).ok_or(Undecodable::NotJson),
            Err(error) => Err(Undecodable::because(token, error)),
        }
    }

    fn split(token: &str) -> Option<Self> {
        let mut parts = token.splitn(3, '.');
        Some(Self {
            header: Part::decode(parts.next()?)?,
            claims: Part::decode(parts.next()?)?,
            signature: parts.next()?.to_owned(),
        })
    }

    pub(crate) fn unverified_session(&self) -> Option<SessionId> {
        self.claims.members.text("sid")?.parse().ok()
    }
}

impl Undecodable {
    fn because(token: &str, error: PartsError) -> Self {
        if token.is_empty() {
            return Self::Empty;
        }
        if error == PartsError::TooLong {
            return Self::TooLong;
        }
        if token.starts_with(REFRESH) {
            return Self::RefreshToken;
        }
        if token.contains(char::is_whitespace) {
            return Self::InPieces;
        }
        match token.split('.').count() {
            3 => Self::NotJson,
            parts => Self::Parts(parts),
        }
    }
}

/// The longest value that can be written into a token, in characters.
pub(crate) const LONGEST_VALUE: usize = 200;

/// Why no token is shown. It contains no part of the token, and the field comes back empty: a token is a secret.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal(pub(super) String);

impl Refusal {
    /// `why`: its name in `content/inspector.toml`.
    pub(crate) fn because(why: &str) -> Self {
        Self::with(why, Facts::default())
    }

    fn with(why: &str, facts: Facts) -> Self {
        let facts = facts
            .with("longest", longest())
            .with("longest_value", LONGEST_VALUE.to_string());
        Self(facts.fill(WORDS.refusals.get(why).map_or("", String::as_str)))
    }

    pub(crate) fn undecodable(why: Undecodable) -> Self {
        match why {
            Undecodable::Parts(5) => Self::because("FiveParts"),
            Undecodable::Parts(1) => Self::because("OnePart"),
            Undecodable::Parts(parts) => Self::with("Parts", Facts::default().with("parts", parts.to_string())),
            why => Self::because(&format!("{why:?}")),
        }
    }
}

impl Part {
    fn decode(raw: &str) -> Option<Self> {
        let json = BASE64_URL_SAFE_NO_PAD.decode(raw).ok()?;
        Some(Self {
            raw: raw.to_owned(),
            members: serde_json::from_slice(&json).ok()?,
        })
    }

    /// A part with these members, in our compact form.
    pub(crate) fn encode(members: Members) -> Self {
        Self {
            raw: BASE64_URL_SAFE_NO_PAD.encode(members.to_string()),
            members,
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Members(Vec<(String, Value)>);

impl Members {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The last member of this name, the one that most parsers use.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0
            .iter()
            .rev()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value)
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// Whether parsers could disagree on this member.
    pub(crate) fn stands_twice(&self, name: &str) -> bool {
        self.0.iter().filter(|(found, _)| found == name).count() > 1
    }

    /// Replaces a member, or appends it; `None` removes it.
    pub(crate) fn set(&mut self, name: &str, value: Option<Value>) {
        match (self.0.iter().rposition(|(found, _)| found == name), value) {
            (Some(at), Some(value)) => {
                if let Some((_, old)) = self.0.get_mut(at) {
                    *old = value;
                }
            }
            (Some(_), None) => self.0.retain(|(found, _)| found != name),
            (None, Some(value)) => self.0.push((name.to_owned(), value)),
            (None, None) => {}
        }
    }

    /// One line per member, for people.
    pub(crate) fn pretty(&self) -> String {
        let lines: Vec<_> = self
            .iter()
            .map(|(name, value)| {
                let value = serde_json::to_string_pretty(value).unwrap_or_default();
                format!("  {}: {}", Value::from(name), value.replace('\n', "\n  "))
            })
            .collect();
        match lines.as_slice() {
            [] => "{}".to_owned(),
            lines => format!("{{\n{}\n}}", lines.join(",\n")),
        }
    }
}

impl fmt::Display for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

impl Serialize for Members {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Object)
    }
}
