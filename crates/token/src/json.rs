//! JSON read strictly and without copies: as far as the text allows it, strings are borrowed from it.
//!
//! Not by `serde_json::Value` alone: where another crate of the program enables `raw_value`, its reader takes an object with
//! one certain member for the JSON in that member's string. A stranger's header would then have two readings.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{
        DeserializeOwned, MapAccess, SeqAccess, Visitor,
        value::{CowStrDeserializer, Error},
    },
};
use serde_json::{Map, Value};

/// A value. Strings stand apart, since most members of a token are strings.
pub(crate) enum Json<'a> {
    Text(Cow<'a, str>),
    Other(Value),
}

impl Json<'_> {
    pub(crate) fn read<T: DeserializeOwned>(self) -> Option<T> {
        match self {
            Self::Text(text) => T::deserialize(CowStrDeserializer::<Error>::new(text)).ok(),
            Self::Other(value) => serde_json::from_value(value).ok(),
        }
    }

    pub(crate) fn into_value(self) -> Value {
        match self {
            Self::Text(text) => Value::String(text.into_owned()),
            Self::Other(value) => value,
        }
    }
}

/// A member's name.
#[derive(Deserialize)]
pub(crate) struct Name<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Json<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;

        impl<'de> Visitor<'de> for Read {
            type Value = Json<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Json::Text(text.into()))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Json::Text(text.to_owned().into()))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
                Ok(Json::Other(value.into()))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
                Ok(Json::Other(number.into()))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
                Ok(Json::Other(number.into()))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
                Ok(Json::Other(number.into()))
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Json::Other(Value::Null))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = seq.next_element::<Json<'de>>()? {
                    values.push(value.into_value());
                }
                Ok(Json::Other(values.into()))
            }

            /// Of a member that is named twice the last one counts, as usual. The members of a token itself are read by
            /// others, who refuse that.
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Map::new();
                while let Some((name, value)) = map.next_entry::<String, Json<'de>>()? {
                    members.insert(name, value.into_value());
                }
                Ok(Json::Other(members.into()))
            }
        }

        deserializer.deserialize_any(Read)
    }
}
