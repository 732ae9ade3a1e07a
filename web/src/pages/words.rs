//! The sentences of these pages: `content/pages.toml`.

use std::sync::LazyLock;

use rescind_session::Policy;
use serde::Deserialize;

use crate::content::{Case, Facts, file, word, yes};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Words {
    /// Of the whole site.
    pub(super) description: String,
    pub(super) error: Vec<Case<PageText>>,
    pub(super) ended: Vec<Case<PageText>>,
    pub(super) notice: Vec<Case<PageText>>,
    pub(super) promise: Vec<Case<String>>,
    pub(super) logout: Vec<Case<String>>,
    pub(super) no_devices: Vec<Case<String>>,
    pub(super) check: Vec<Question>,
    pub(super) taken_back: Vec<Case<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageText {
    pub(crate) heading: String,
    #[serde(default)]
    pub(crate) detail: String,
    /// Whether a login is the remedy.
    #[serde(default)]
    pub(crate) login: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Question {
    pub(super) question: String,
    pub(super) found: String,
}

pub(super) static WORDS: LazyLock<Words> = LazyLock::new(|| file!("pages.toml").data());

pub(super) fn facts(policy: &Policy) -> Facts {
    Facts::default()
        .with("check", word(policy.check))
        .with("preset", word(policy.preset))
        .with("refreshes", yes(policy.refresh.is_some()))
}
