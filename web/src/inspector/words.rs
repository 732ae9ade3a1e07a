//! The sentences on checks and refusals.

use std::{collections::BTreeMap, sync::LazyLock};

use rescind_session::token::MAX_TOKEN_BYTES;
use serde::Deserialize;

use crate::content::{Case, file};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Words {
    pub(super) questions: BTreeMap<String, String>,
    pub(super) passed: BTreeMap<String, String>,
    pub(super) failed: BTreeMap<String, String>,
    pub(super) last_question: String,
    pub(super) last: Vec<Case<String>>,
    pub(super) refusals: BTreeMap<String, String>,
}

pub(super) static WORDS: LazyLock<Words> = LazyLock::new(|| file!("inspector.toml").data());

pub(super) fn longest() -> String {
    format!("{} KiB", MAX_TOKEN_BYTES / 1024)
}
