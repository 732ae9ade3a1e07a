//! The compact serialization of RFC 7515 section 7.1, read strictly: three parts and two dots.
//!
//! This module knows no keys and no claims. It decides which text is a token at all. It is stricter than common JSON
//! and base64 readers where leniency gives one token two readings:
//! - trailing bits, padding and line breaks in base64url are refused, or one signature would have many spellings;
//! - a duplicate JSON member is noticed. Readers differ on which one counts, and an attacker can use that (RFC 7515
//!   section 4 and RFC 7519 section 4 let a reader refuse it, and this one does).

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::Header;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Map, Value};

use crate::{Algorithm, json::Json};

/// The longest token that is decoded, in bytes. Ours have about 500. The limit bounds the work that a stranger can
/// cause.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// The media type of an access token in its header (RFC 9068 section 2.1).
pub(crate) const TOKEN_TYPE: &str = "at+jwt";

/// A token cut at its dots, nothing decoded.
pub(crate) struct Compact<'a> {
    /// `header.claims`: the bytes that the signature covers.
    pub(crate) signed: &'a str,
    pub(crate) header: &'a str,
    pub(crate) claims: &'a str,
    pub(crate) signature: &'a str,
}

impl<'a> Compact<'a> {
    /// `None` unless there are exactly three parts.
    pub(crate) fn split(token: &'a str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        (!claims.contains('.')).then_some(Self {
            signed,
            header,
            claims,
            signature,
        })
    }
}

/// The header of a token that this crate signs, in base64url.
pub(crate) fn header(algorithm: Algorithm, kid: &str, typ: &str) -> Option<String> {
    let mut header = Header::new(algorithm.of_library());
    header.typ = Some(typ.to_owned());
    header.kid = Some(kid.to_owned());
    serde_json::to_vec(&header).ok().map(|json| encode(&json))
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// `None` unless `text` is the one canonical spelling of some bytes.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// A JSON object that records whether it named a member twice.
pub(crate) struct Object {
    pub(crate) members: Map<String, Value>,
    pub(crate) has_duplicate: bool,
}

impl Object {
    /// `None` unless `part` is base64url of a JSON object.
    pub(crate) fn decode(part: &str) -> Option<Self> {
        serde_json::from_slice(&decode(part)?).ok()
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut object = Object {
                    members: Map::new(),
                    has_duplicate: false,
                };
                while let Some((name, value)) = map.next_entry::<String, Json<'de>>()? {
                    object.has_duplicate |= object.members.insert(name, value.into_value()).is_some();
                }
                Ok(object)
            }
        }

        deserializer.deserialize_map(Members)
    }
}
