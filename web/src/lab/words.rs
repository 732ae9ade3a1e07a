//! The lab's texts: the answers, the actions, and the sentences on what happened.

use std::{collections::BTreeMap, sync::LazyLock};

use rescind_lab::{Action, Answer};
use serde::Deserialize;

use crate::{
    content::{Case, file},
    trace::sequence::Lane,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AnswerWords {
    /// The chapter, if it has another name than the answer.
    #[serde(default)]
    pub(super) chapter: Option<String>,
    pub(crate) what: String,
    /// What a door asks under it.
    pub(super) asks: String,
    pub(crate) choose: String,
    pub(crate) price: String,
    pub(crate) sessions: String,
    /// The glossary terms: anchor and name.
    pub(crate) terms: Vec<(String, String)>,
    /// Why a stolen token is refused after the logout, and why it is accepted.
    pub(super) refuses: String,
    pub(super) lets_in: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ActionWords {
    /// The group of its button.
    #[serde(default)]
    pub(crate) group: String,
    pub(crate) button: String,
    pub(super) deed: String,
    /// The same on the time line; of time that passes, how much does.
    #[serde(default)]
    pub(super) mark: String,
    /// What happened, if no request was sent, and what that means.
    #[serde(default)]
    pub(super) done: String,
    #[serde(default)]
    pub(super) means: String,
    /// A message in the diagram, if no request makes one: from where to where, and what it says.
    pub(super) message: Option<(Lane, Lane, String)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sentences {
    pub(super) why_in: Vec<Case<String>>,
    pub(super) why_out: Vec<Case<String>>,
    pub(super) outcome: Vec<Case<String>>,
    pub(super) both: Vec<Case<String>>,
    pub(super) meaning: Vec<Case<String>>,
    pub(super) blacklist: Vec<Case<String>>,
    /// What the service elsewhere knows, and what it has learnt while time passed.
    pub(super) heard: Vec<Case<String>>,
    pub(super) news: Vec<Case<String>>,
    /// How long everything lives in a sandbox.
    pub(super) lives: Vec<Case<String>>,
    /// On the stage.
    pub(super) stage: Vec<Case<String>>,
    /// Why something was revoked or closed.
    pub(super) causes: BTreeMap<String, String>,
}

static ANSWERS: LazyLock<BTreeMap<String, AnswerWords>> = LazyLock::new(|| file!("answers.toml").data());
static ACTIONS: LazyLock<BTreeMap<String, ActionWords>> = LazyLock::new(|| file!("actions.toml").data());
pub(super) static SENTENCES: LazyLock<Sentences> = LazyLock::new(|| file!("lab.toml").data());

pub(crate) fn of_answer(answer: Answer) -> &'static AnswerWords {
    named(&ANSWERS, answer.slug())
}

/// Depends on the answer: what the thief copies has another name under plain sessions.
pub(crate) fn of_action(action: Action, answer: Answer) -> &'static ActionWords {
    match (action, answer) {
        (Action::CopyAccess, Answer::Sessions) => named(&ACTIONS, "copy-session"),
        _ => named(&ACTIONS, action.slug()),
    }
}

pub(crate) fn label(action: Action) -> &'static str {
    &named(&ACTIONS, action.slug()).button
}

#[expect(clippy::expect_used, reason = "the tests ask for every name that there is")]
fn named<T>(all: &'static BTreeMap<String, T>, name: &str) -> &'static T {
    all.get(name).expect("everything has its words")
}
