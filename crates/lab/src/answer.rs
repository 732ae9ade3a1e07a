//! The answers: the five with tokens, two for a service elsewhere, and plain sessions without any token.
//!
//! An answer is a row of [`Answer::ALL`] here, and a section of texts in the pages' content.

use std::{fmt, str::FromStr};

use rescind_session::Preset;
use serde::{Deserialize, Deserializer, de::Error};

/// How to log a user out: one of the five policies, a message to a service elsewhere, or no JSON Web Token at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answer {
    /// With JSON Web Tokens, under this policy.
    Tokens(Preset),
    /// With JSON Web Tokens of [`Answer::ISSUER`], which another service checks by itself.
    Elsewhere(News),
    /// Plain server sessions: a random number in a cookie, and a row that is looked up on every request.
    Sessions,
}

/// How another service learns of ended sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum News {
    /// The issuer pushes a security event.
    Event,
    /// The service reads the issuer's status list.
    List,
}

impl Answer {
    /// All of them, in the order of the pages: the article's five, the newer two, and the one without tokens.
    pub const ALL: [Self; 8] = [
        Self::Tokens(Preset::Stored),
        Self::Tokens(Preset::ClientDelete),
        Self::Tokens(Preset::ShortLived),
        Self::Tokens(Preset::Rotation),
        Self::Tokens(Preset::Blacklist),
        Self::Elsewhere(News::Event),
        Self::Elsewhere(News::List),
        Self::Sessions,
    ];

    /// The policy of the issuer whose tokens a service elsewhere checks.
    pub const ISSUER: Preset = Preset::Rotation;

    /// The name in addresses, and of its texts.
    #[must_use]
    pub fn slug(self) -> &'static str {
        self.names().0
    }

    /// The name for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.names().1
    }

    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Tokens(Preset::Stored) => ("stored", "Stored tokens"),
            Self::Tokens(Preset::ClientDelete) => ("client-delete", "Delete on the client"),
            Self::Tokens(Preset::ShortLived) => ("short-lived", "Short-lived tokens"),
            Self::Tokens(Preset::Rotation) => ("rotation", "Rotation"),
            Self::Tokens(Preset::Blacklist) => ("blacklist", "Blacklist"),
            Self::Elsewhere(News::Event) => ("pushed-event", "Pushed event"),
            Self::Elsewhere(News::List) => ("status-list", "Status list"),
            Self::Sessions => ("sessions", "Plain server sessions"),
        }
    }

    /// The policy, if there are tokens.
    #[must_use]
    pub fn preset(self) -> Option<Preset> {
        match self {
            Self::Tokens(preset) => Some(preset),
            Self::Elsewhere(_) => Some(Self::ISSUER),
            Self::Sessions => None,
        }
    }

    /// How the service that is asked learns of ended sessions, if it is another one than the issuer.
    #[must_use]
    pub fn news(self) -> Option<News> {
        match self {
            Self::Elsewhere(news) => Some(news),
            Self::Tokens(_) | Self::Sessions => None,
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.slug())
    }
}

impl FromStr for Answer {
    type Err = &'static str;

    fn from_str(slug: &str) -> Result<Self, Self::Err> {
        let mut all = Self::ALL.into_iter();
        all.find(|answer| answer.slug() == slug).ok_or("no such answer")
    }
}

impl<'de> Deserialize<'de> for Answer {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}
