//! Six answers: the five with tokens, and plain sessions without any.

use std::{fmt, str::FromStr};

use rescind_session::Preset;

/// How to log a user out: one of the five policies, or no JSON Web Token at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answer {
    /// With JSON Web Tokens, under this policy.
    Tokens(Preset),
    /// Plain server sessions: a random number in a cookie, and a row that is looked up on every request.
    Sessions,
}

impl Answer {
    /// All six, in the article's order; it ends with the sixth.
    pub const ALL: [Self; 6] = [
        Self::Tokens(Preset::Stored),
        Self::Tokens(Preset::ClientDelete),
        Self::Tokens(Preset::ShortLived),
        Self::Tokens(Preset::Rotation),
        Self::Tokens(Preset::Blacklist),
        Self::Sessions,
    ];

    /// The name in addresses.
    #[must_use]
    pub fn slug(self) -> &'static str {
        match self {
            Self::Tokens(Preset::Stored) => "stored",
            Self::Tokens(Preset::ClientDelete) => "client-delete",
            Self::Tokens(Preset::ShortLived) => "short-lived",
            Self::Tokens(Preset::Rotation) => "rotation",
            Self::Tokens(Preset::Blacklist) => "blacklist",
            Self::Sessions => "sessions",
        }
    }

    /// The name for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tokens(Preset::Stored) => "Stored tokens",
            Self::Tokens(Preset::ClientDelete) => "Delete on the client",
            Self::Tokens(Preset::ShortLived) => "Short-lived tokens",
            Self::Tokens(Preset::Rotation) => "Rotation",
            Self::Tokens(Preset::Blacklist) => "Blacklist",
            Self::Sessions => "Plain server sessions",
        }
    }

    /// The policy, if there are tokens.
    #[must_use]
    pub fn preset(self) -> Option<Preset> {
        match self {
            Self::Tokens(preset) => Some(preset),
            Self::Sessions => None,
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.slug())
    }
}

/// The name is none of the six.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no such answer; it is one of stored, client-delete, short-lived, rotation, blacklist, sessions")]
pub struct UnknownAnswer;

impl FromStr for Answer {
    type Err = UnknownAnswer;

    fn from_str(slug: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|answer| answer.slug() == slug)
            .ok_or(UnknownAnswer)
    }
}
