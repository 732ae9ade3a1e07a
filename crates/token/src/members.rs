//! The members of a signed JSON object, read one by one, so that an error can name the claim.
//!
//! A string is copied once: into its place in the claims.

use std::{borrow::Cow, fmt};

use jiff::Timestamp;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, MapAccess, Visitor},
};
use serde_json::{Map, Value};

use crate::{
    VerifyError,
    json::{Json, Name},
};

/// Only of what a key has signed: there are few members, so each is looked for from the first on.
pub(crate) struct Members<'a> {
    members: Vec<(Cow<'a, str>, Json<'a>)>,
    has_duplicate: bool,
}

impl<'a> Members<'a> {
    /// Reads a JSON object that names no member twice.
    pub(crate) fn read(json: &'a [u8]) -> Result<Self, VerifyError> {
        let read: Self = serde_json::from_slice(json).map_err(|_| VerifyError::Malformed)?;
        match read.has_duplicate {
            true => Err(VerifyError::DuplicateMember),
            false => Ok(read),
        }
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.members.iter().position(|(known, _)| known == name)
    }

    pub(crate) fn claim<T: DeserializeOwned>(&mut self, name: &'static str) -> Result<T, VerifyError> {
        let place = self.place(name).ok_or(VerifyError::MissingClaim(name))?;
        let (_, value) = self.members.swap_remove(place);
        value.read().ok_or(VerifyError::MalformedClaim(name))
    }

    /// A NumericDate of RFC 7519 section 2, in whole seconds: fractions are allowed there and never signed here.
    pub(crate) fn instant(&mut self, name: &'static str) -> Result<Timestamp, VerifyError> {
        Timestamp::from_second(self.claim(name)?).map_err(|_| VerifyError::MalformedClaim(name))
    }

    /// The same, if there is one.
    pub(crate) fn instant_if_any(&mut self, name: &'static str) -> Result<Option<Timestamp>, VerifyError> {
        self.place(name).map(|_| self.instant(name)).transpose()
    }

    /// The members that were not asked for.
    pub(crate) fn others(self) -> Map<String, Value> {
        let others = self.members.into_iter();
        others
            .map(|(name, value)| (name.into_owned(), value.into_value()))
            .collect()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;

        impl<'de> Visitor<'de> for Read {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut read = Members {
                    members: Vec::with_capacity(12),
                    has_duplicate: false,
                };
                while let Some((Name(name), value)) = map.next_entry()? {
                    read.has_duplicate |= read.place(&name).is_some();
                    read.members.push((name, value));
                }
                Ok(read)
            }
        }

        deserializer.deserialize_map(Read)
    }
}
