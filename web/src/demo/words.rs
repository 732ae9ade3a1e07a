//! The sentences of the demo's pages: `content/robbery.toml`.

use std::{collections::BTreeMap, sync::LazyLock};

use serde::Deserialize;

use crate::content::{Case, file};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Words {
    pub(super) story: Vec<Case<StoryText>>,
    pub(super) doors: Vec<Case<StoryText>>,
    pub(super) asks: Vec<Case<String>>,
    pub(super) why: Vec<Case<String>>,
    pub(super) nodes: Vec<Case<String>>,
    pub(super) verdict: Vec<Case<String>>,
    pub(super) stores: Vec<Case<String>>,
    pub(super) keeping: Vec<Case<String>>,
    pub(super) mark: Vec<Case<String>>,
    pub(super) ends: Vec<Case<String>>,
    pub(super) you: Vec<Case<String>>,
    pub(super) thief: Vec<Case<String>>,
    pub(super) refreshed: Vec<Case<Refreshed>>,
    pub(super) moment: Vec<Case<String>>,
    pub(super) causes: BTreeMap<String, String>,
    pub(super) next: Vec<Case<Next>>,
    pub(super) you_may: Vec<Case<Vec<String>>>,
    pub(super) thief_may: Vec<Case<Vec<String>>>,
    pub(super) buttons: BTreeMap<String, Labelled>,
    pub(super) asked: BTreeMap<String, String>,
    pub(super) notes: BTreeMap<String, String>,
}

pub(super) static WORDS: LazyLock<Words> = LazyLock::new(|| file!("robbery.toml").data());

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoryText {
    pub(super) heading: String,
    pub(super) lead: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Next {
    pub(super) button: String,
    pub(super) to_come: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Labelled {
    pub(super) action: String,
    pub(super) label: String,
}

/// The outcome of a refresh, beside its actor and as a moment.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Refreshed {
    pub(super) state: String,
    pub(super) moment: String,
}
