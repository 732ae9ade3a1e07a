//! What happened, as every page that tells of it draws it.

use rescind_lab::Outcome;
use serde::Deserialize;

/// What came of something, for an icon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Said {
    Accepted,
    Refused,
    /// Nobody could tell, or nobody was asked.
    #[serde(rename = "unknown")]
    Nothing,
}

impl Said {
    pub(crate) fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Accepted => Self::Accepted,
            Outcome::Refused => Self::Refused,
            Outcome::CannotTell | Outcome::NoServer => Self::Nothing,
        }
    }

    /// The class of what is drawn of it.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Nothing => "unknown",
        }
    }
}

/// What a story shows, in a sentence.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Finding {
    pub(crate) said: Said,
    pub(crate) says: String,
}

/// One thing that happened, in a list of what happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moment {
    /// When, in the time of the story.
    pub(crate) at: String,
    pub(crate) who: Option<&'static str>,
    pub(crate) words: String,
    pub(crate) said: Option<Said>,
    /// What was answered, and what was asked for it.
    pub(crate) answer: Option<String>,
}
