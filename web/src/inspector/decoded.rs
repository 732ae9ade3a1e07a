//! Header and claims as they were written: in their order, with duplicates.
//!
//! [`TokenParts`] decides whether a text has the form of a token. It sorts the members, and keeps only the last of duplicates.
//! A reader wants to see all of them, so here they are parsed again, as a list.

use std::fmt;

use actix_web::{ResponseError, http::StatusCode};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use rescind_session::token::{PartsError, SessionId, TokenParts};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeOwned, MapAccess, Visitor},
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

impl Decoded {
    pub(crate) fn of(token: &str) -> Result<Self, Refusal> {
        match TokenParts::split_without_verifying(token) {
            Ok(_) => Self::split(token).ok_or_else(|| Refusal::of_three(token)),
            Err(error) => Err(Refusal::undecodable(token, error)),
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

/// The longest value that can be written into a token, in characters.
pub(crate) const LONGEST_VALUE: usize = 200;

/// Why no token is shown. It contains no part of the token, and the field comes back empty: a token is a secret.
#[derive(Debug, Clone)]
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

    fn undecodable(token: &str, error: PartsError) -> Self {
        let why = match token.split('.').count() {
            _ if token.is_empty() => "Empty",
            _ if error == PartsError::TooLong => "TooLong",
            _ if token.starts_with(REFRESH) => "RefreshToken",
            _ if token.contains(char::is_whitespace) => "InPieces",
            1 => "OnePart",
            3 => return Self::of_three(token),
            // Five parts alone are no encryption.
            5 if is_encrypted(token) => "Encrypted",
            parts => return Self::with("Parts", Facts::default().with("parts", parts.to_string())),
        };
        Self::because(why)
    }

    /// Names the first part that is to blame.
    fn of_three(token: &str) -> Self {
        let named = token.split('.').zip(["first", "second"]);
        let mut faults = named.filter_map(|(part, name)| {
            let why = match read(part) {
                None => "NotJson",
                Some(Value::Object(_)) => return None,
                Some(_) => "NoObject",
            };
            Some(Self::with(why, Facts::default().with("part", name)))
        });
        faults.next().unwrap_or_else(|| Self::because("Malformed"))
    }
}

/// The JSON of a part.
fn read<T: DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

fn is_encrypted(token: &str) -> bool {
    let header: Option<Value> = token.split('.').next().and_then(read);
    header.is_some_and(|header| header.get("enc").is_some())
}

/// For `?`: the page shows it beside the field.
impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        StatusCode::UNPROCESSABLE_ENTITY
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Part {
    fn decode(raw: &str) -> Option<Self> {
        Some(Self {
            raw: raw.to_owned(),
            members: read(raw)?,
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

    /// For people.
    pub(crate) fn pretty(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
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
