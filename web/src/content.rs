//! The texts under `content/`: Markdown for prose, TOML for data. They are built into the program.
//!
//! A sentence often depends on what happened. Such sentences are [cases](Case): each has the [facts](Facts) under which it
//! holds, the first that holds is used, and `{name}` in it is replaced by a fact. The code supplies the facts, and the file
//! the sentences.

use std::{
    collections::BTreeMap,
    fmt::{Debug, Display},
};

use pulldown_cmark::{Options, Parser, html};
use serde::{Deserialize, de::DeserializeOwned};

/// Embeds a file under `content/`.
macro_rules! file {
    ($($name:expr),+) => {
        ($crate::content::File {
            name: concat!($($name),+),
            text: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/content/", $($name),+)),
        })
    };
}
pub(crate) use file;

#[derive(Clone, Copy)]
pub(crate) struct File {
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
}

impl File {
    /// Reads a file of data. Panics if it cannot be parsed; the tests read each file.
    pub(crate) fn data<T: DeserializeOwned>(self) -> T {
        toml::from_str(self.text).unwrap_or_else(|error| self.is_wrong(&error))
    }

    /// Reads a text with TOML front matter between two lines of `+++`: the front matter, and the text as HTML.
    pub(crate) fn text<T: DeserializeOwned>(self) -> (T, String) {
        let parts = self
            .text
            .strip_prefix("+++\n")
            .and_then(|text| text.split_once("\n+++\n"));
        let (front, body) = parts.unwrap_or_else(|| self.is_wrong(&"it has no front matter"));
        let mut prose = String::new();
        html::push_html(&mut prose, Parser::new_ext(body, Options::ENABLE_TABLES));
        (
            toml::from_str(front).unwrap_or_else(|error| self.is_wrong(&error)),
            prose,
        )
    }

    #[expect(clippy::panic, reason = "the file is a part of the program, and the tests read it")]
    fn is_wrong(self, error: &dyn Display) -> ! {
        panic!("content/{}: {error}", self.name)
    }
}

/// A value that holds under some facts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case<T> {
    #[serde(default)]
    when: When,
    pub(crate) then: T,
}

/// The facts that something depends on, each with the accepted values. If empty, it always holds.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct When(BTreeMap<String, OneOf>);

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOf {
    One(String),
    Several(Vec<String>),
}

impl<T> Case<T> {
    pub(crate) fn holds(&self, facts: &Facts) -> bool {
        self.when.holds(facts)
    }
}

impl When {
    pub(crate) fn holds(&self, facts: &Facts) -> bool {
        self.0.iter().all(|(name, values)| {
            facts.get(name).is_some_and(|fact| match values {
                OneOf::One(value) => value == fact,
                OneOf::Several(values) => values.iter().any(|value| value == fact),
            })
        })
    }
}

pub(crate) fn first<'a, T>(cases: &'a [Case<T>], facts: &Facts) -> Option<&'a T> {
    cases.iter().find(|case| case.holds(facts)).map(|case| &case.then)
}

/// The first sentence that holds, with the facts filled in; empty if none does.
pub(crate) fn say(cases: &[Case<String>], facts: &Facts) -> String {
    first(cases, facts).map_or_else(String::new, |sentence| facts.fill(sentence))
}

/// A file's text for a variant of the code.
pub(crate) fn of(names: &BTreeMap<String, String>, what: impl Debug) -> &str {
    names.get(&format!("{what:?}")).map_or("", String::as_str)
}

/// The name of a variant, as files write it: `CannotTell` is `cannot-tell`.
pub(crate) fn word(variant: impl Debug) -> String {
    let name = format!("{variant:?}");
    let mut word = String::new();
    for letter in name.chars().take_while(|letter| letter.is_alphanumeric()) {
        if letter.is_uppercase() && !word.is_empty() {
            word.push('-');
        }
        word.extend(letter.to_lowercase());
    }
    word
}

pub(crate) fn yes(is: bool) -> &'static str {
    if is { "yes" } else { "no" }
}

/// A specification.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Source {
    Rfc { rfc: u16, section: String },
    Other { name: String, address: String },
}

impl Source {
    /// "RFC 9068, section 2.1"
    pub(crate) fn name(&self) -> String {
        self.short().replace(" §", ", section ")
    }

    /// "RFC 9068 §2.1"
    pub(crate) fn short(&self) -> String {
        match self {
            Self::Rfc { rfc, section } => format!("RFC {rfc} §{section}"),
            Self::Other { name, .. } => name.clone(),
        }
    }

    pub(crate) fn address(&self) -> String {
        match self {
            Self::Rfc { rfc, section } => format!("https://www.rfc-editor.org/rfc/rfc{rfc}#section-{section}"),
            Self::Other { address, .. } => address.clone(),
        }
    }
}

/// The facts, by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts(BTreeMap<&'static str, String>);

impl Facts {
    pub(crate) fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.0.insert(name, value.into());
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.set(name, value);
        self
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Replaces each `{name}` in a text by that fact.
    pub(crate) fn fill(&self, text: &str) -> String {
        let put = |text: String, (name, value): (&&str, &String)| text.replace(&format!("{{{name}}}"), value);
        self.0.iter().fold(text.to_owned(), put)
    }
}
