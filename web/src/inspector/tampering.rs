//! One change to a token, with its signature kept.
//!
//! An attacker without the key can do no more, and the checks show how far that gets. The rest is encoded byte for byte as it
//! was, so that only the change can be the reason for the refusal.

use rescind_session::token::AccessToken;
use serde_json::Value;

use super::decoded::{Decoded, LONGEST_VALUE, Part, Refusal};
use crate::content::word;

const A_DAY: i64 = 24 * 60 * 60;
/// The session's claim. A visitor who could change it could query others' sessions.
const SESSION: &str = "sid";
/// A user that does not exist.
const SOMEBODY_ELSE: &str = "00000000-0000-7000-8000-000000000000";

#[derive(Debug, PartialEq)]
pub(crate) enum Change {
    Later,
    /// A header parameter or a claim; no value removes it.
    Member(Place, String, Option<Value>),
    /// The first letter of the signature.
    Signature,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Header,
    Claims,
    Signature,
}

impl Place {
    /// As in the form and in the stylesheet.
    pub(crate) fn class(self) -> String {
        word(self)
    }
}

/// The change, to be marked.
pub(crate) struct Marks {
    pub(crate) place: Place,
    pub(crate) member: Option<String>,
    /// The old value as JSON; `None` if it was missing.
    pub(crate) was: Option<String>,
    /// The new value as JSON; `None` if it was removed.
    pub(crate) is: Option<String>,
}

impl Marks {
    pub(crate) fn anything(&self) -> bool {
        self.was != self.is
    }
}

pub(crate) struct Tampered {
    pub(crate) token: AccessToken,
    pub(crate) marks: Marks,
}

impl Change {
    /// `button`: the pressed one; `member` and `value`: the fields beside the last one.
    pub(crate) fn read(button: &str, member: &str, value: &str) -> Result<Self, Refusal> {
        match button {
            "later" => Ok(Self::Later),
            "somebody" => Self::of_member("claims.sub", SOMEBODY_ELSE),
            "none" => Self::of_member("header.alg", "none"),
            "letter" => Ok(Self::Signature),
            _ => Self::of_member(member, value),
        }
    }

    fn of_member(member: &str, value: &str) -> Result<Self, Refusal> {
        if value.chars().count() > LONGEST_VALUE {
            return Err(Refusal::because("LongValue"));
        }
        let value = match value.trim() {
            "" => None,
            value => Some(serde_json::from_str(value).unwrap_or_else(|_| Value::from(value))),
        };
        let (place, name) = match member.split_once('.') {
            None | Some((_, "") | ("claims", SESSION)) => return Err(Refusal::because("NoSuchMember")),
            Some(("header", name)) => (Place::Header, name),
            Some(("claims", name)) => (Place::Claims, name),
            Some(_) => return Err(Refusal::because("NoSuchMember")),
        };
        Ok(Self::Member(place, name.to_owned(), value))
    }
}

impl Tampered {
    pub(crate) fn new(decoded: &Decoded, change: Change) -> Self {
        let (header, claims, signature) = (&decoded.header.raw, &decoded.claims.raw, &decoded.signature);
        let (place, name, value) = match change {
            Change::Later => {
                let exp = decoded.claims.members.get("exp").and_then(Value::as_i64);
                let later = exp.unwrap_or_default().saturating_add(A_DAY);
                (Place::Claims, "exp".to_owned(), Some(later.into()))
            }
            Change::Member(place, name, value) => (place, name, value),
            Change::Signature => {
                let is = with_another_first_letter(signature);
                return Self {
                    token: format!("{header}.{claims}.{is}").into(),
                    marks: Marks {
                        place: Place::Signature,
                        member: None,
                        was: Some(signature.clone()),
                        is: Some(is),
                    },
                };
            }
        };
        let in_header = place == Place::Header;
        let part = if in_header { &decoded.header } else { &decoded.claims };
        let mut members = part.members.clone();
        let was = members.get(&name).map(ToString::to_string);
        let is = value.as_ref().map(ToString::to_string);
        members.set(&name, value);
        let part = Part::encode(members).raw;
        let token = match in_header {
            true => format!("{part}.{claims}.{signature}"),
            false => format!("{header}.{part}.{signature}"),
        };
        Self {
            token: token.into(),
            marks: Marks {
                place,
                member: Some(name),
                was,
                is,
            },
        }
    }
}

fn with_another_first_letter(signature: &str) -> String {
    let rest = signature.get(1..).unwrap_or_default();
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    format!("{first}{rest}")
}
