//! What happened, as every page that tells of it draws it. All of it is drawn from the [`Exchange`]s that were recorded:
//!
//! | | |
//! | --- | --- |
//! | [`sequence`] | who said what to whom, in one or several of them |
//! | [`wire`] | what went over the wire |
//! | [`cost`] | what the stores were asked |
//! | [`timeline`] | one story under several answers, along one axis of time |
//! | [`Moment`], [`Finding`] | a story as a list, and what it shows |

pub(crate) mod cost;
pub(crate) mod sequence;
pub(crate) mod timeline;
pub(crate) mod wire;

use std::{ops::Deref, time::Duration};

use rescind_lab::{Exchange, Outcome, Who};
use serde::Deserialize;

use crate::{
    content::{Case, Facts, first},
    pages::times::to_the_second,
};

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

impl Finding {
    /// The first that holds, with the facts filled in.
    pub(crate) fn of(cases: &[Case<Self>], facts: &Facts) -> Self {
        let found = first(cases, facts);
        Self {
            said: found.map_or(Said::Nothing, |finding| finding.said),
            says: found.map_or_else(String::new, |finding| facts.fill(&finding.says)),
        }
    }
}

/// An exchange, for a template.
pub(crate) struct Shown<'a>(pub(crate) &'a Exchange);

impl Deref for Shown<'_> {
    type Target = Exchange;

    fn deref(&self) -> &Exchange {
        self.0
    }
}

impl Shown<'_> {
    pub(crate) fn who(&self) -> &'static str {
        name(self.who)
    }

    pub(crate) fn class(&self) -> &'static str {
        class(self.outcome)
    }

    pub(crate) fn word(&self) -> &'static str {
        match self.outcome {
            Outcome::Accepted => "Accepted",
            Outcome::Refused => "Refused",
            Outcome::CannotTell => "Refused, since nobody can tell",
            Outcome::NoServer => "No answer",
        }
    }

    pub(crate) fn asked(&self) -> String {
        format!("{} {}", self.request.method, self.request.path)
    }

    pub(crate) fn replied(&self) -> String {
        reply(self)
    }
}

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

/// The colour of an outcome.
pub(crate) fn class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Accepted => "accepted",
        Outcome::Refused | Outcome::CannotTell => "refused",
        Outcome::NoServer => "",
    }
}

pub(crate) fn name(who: Who) -> &'static str {
    match who {
        Who::You => "You",
        Who::Browser => "Your browser",
        Who::Thief => "The thief",
    }
}

/// The class of whatever belongs to somebody.
pub(crate) fn class_of(who: Who) -> &'static str {
    match who {
        Who::You => "you",
        Who::Browser => "browser",
        Who::Thief => "thief",
    }
}

/// Status and code, or that there was none.
pub(crate) fn reply(exchange: &Exchange) -> String {
    let Some(reply) = &exchange.reply else {
        return "no answer".to_owned();
    };
    let status = reply.status.as_u16();
    match exchange.code() {
        Some(code) => format!("{status} {code}"),
        None => status.to_string(),
    }
}

/// The same, and in a word where a redirect leads.
pub(crate) fn outcome(exchange: &Exchange) -> String {
    let told = reply(exchange);
    match (exchange.code(), exchange.leads_to()) {
        (None, Some("/login")) => format!("{told}, sent to log in"),
        (None, Some("/refresh")) => format!("{told}, sent to refresh"),
        (None, Some(_)) => format!("{told}, sent on"),
        _ => told,
    }
}

/// A moment of the sandbox: "t + 5 min 30 s".
pub(crate) fn moment(at: Duration) -> String {
    format!("t + {}", to_the_second(at))
}

/// How long something took, for people.
pub(crate) fn milliseconds(took: Duration) -> String {
    let ms = took.as_secs_f64() * 1000.0;
    match ms {
        ..0.05 => "less than 0.1 ms".to_owned(),
        ..10.0 => format!("{ms:.1} ms"),
        _ => format!("{ms:.0} ms"),
    }
}
