//! The drawings of what happened, shared by all pages and made from the recorded [`Exchange`]s:
//!
//! | | |
//! | --- | --- |
//! | [`sequence`] | the messages of one or several exchanges |
//! | [`wire`] | requests and replies as sent |
//! | [`cost`] | the store calls |
//! | [`stage`] | a story at one of its steps: both sides, the doors, the stores, and the time |
//! | [`timeline`] | one story under several answers, along one time axis |
//! | [`Finding`] | a story's conclusion |

pub(crate) mod cost;
pub(crate) mod sequence;
pub(crate) mod stage;
pub(crate) mod timeline;
pub(crate) mod wire;

use std::{collections::BTreeMap, ops::Deref, sync::LazyLock, time::Duration};

use rescind_lab::{Exchange, Outcome, Who};
use serde::Deserialize;

use crate::{
    content::{Case, Facts, file, first, of, word},
    pages::times::to_the_second,
};

/// An outcome, for a class, an icon and a word. Only the first three have a colour: red, green and blue on every page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum VerdictColour {
    ThiefIn,
    KeptOut,
    /// You are let in.
    You,
    Passed,
    Refused,
    /// Unknown, or not checked.
    #[default]
    Unknown,
}

#[derive(Deserialize)]
struct Words {
    word: String,
    sign: String,
    band: String,
}

static SAID: LazyLock<BTreeMap<String, Words>> = LazyLock::new(|| file!("said.toml").data());

impl VerdictColour {
    pub(crate) fn of(exchange: &Exchange) -> Self {
        match (exchange.who, exchange.outcome) {
            (_, Outcome::NoServer) => Self::Unknown,
            (Who::Thief, Outcome::Accepted) => Self::ThiefIn,
            (Who::Thief, _) => Self::KeptOut,
            (Who::Issuer | Who::Service, Outcome::Accepted) => Self::Passed,
            (_, Outcome::Accepted) => Self::You,
            _ => Self::Refused,
        }
    }

    /// In a word, for people who do not see the icon.
    pub(crate) fn word(self) -> &'static str {
        &self.words().word
    }

    /// The same before a reply, where there is only text.
    pub(crate) fn sign(self) -> &'static str {
        &self.words().sign
    }

    /// The same in a band of a time line.
    pub(crate) fn in_a_band(self) -> &'static str {
        &self.words().band
    }

    #[expect(clippy::expect_used, reason = "the tests draw each")]
    fn words(self) -> &'static Words {
        SAID.get(&self.class()).expect("each outcome has its words")
    }

    pub(crate) fn class(self) -> String {
        word(self)
    }
}

/// A story's conclusion, in a sentence.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Finding {
    pub(crate) said: VerdictColour,
    pub(crate) says: String,
}

impl Finding {
    /// The first that holds, with the facts filled in.
    pub(crate) fn of(cases: &[Case<Self>], facts: &Facts) -> Self {
        let found = first(cases, facts);
        Self {
            said: found.map_or(VerdictColour::Unknown, |finding| finding.said),
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
        &names(self.who).name
    }

    pub(crate) fn said(&self) -> VerdictColour {
        VerdictColour::of(self)
    }

    pub(crate) fn asked(&self) -> String {
        format!("{} {}", self.request.method, self.request.path)
    }

    pub(crate) fn replied(&self) -> String {
        reply(self)
    }

    pub(crate) fn decided_by(&self) -> &'static str {
        decided_by(self)
    }
}

/// `content/exchange.toml`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExchangeWords {
    operation: BTreeMap<String, String>,
    reply: BTreeMap<String, String>,
    decided: BTreeMap<String, String>,
    thought: Vec<Case<String>>,
}

static WORDS: LazyLock<ExchangeWords> = LazyLock::new(|| file!("exchange.toml").data());

/// Which check decided it, to be read after "decided by".
pub(crate) fn decided_by(exchange: &Exchange) -> &'static str {
    of(&WORDS.decided, exchange.decided)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Names {
    pub(crate) name: String,
    pub(crate) subject: String,
    pub(crate) in_the_log: String,
}

static NAMES: LazyLock<BTreeMap<String, Names>> = LazyLock::new(|| file!("who.toml").data());

#[expect(clippy::expect_used, reason = "the tests name each")]
pub(crate) fn names(who: Who) -> &'static Names {
    NAMES.get(&word(who)).expect("each has its names")
}

pub(crate) fn class_of(who: Who) -> &'static str {
    match who {
        Who::You => "you",
        Who::Browser => "browser",
        Who::Thief => "thief",
        Who::Issuer | Who::Service => "service",
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

/// The same, and a word on the target of a redirect.
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
