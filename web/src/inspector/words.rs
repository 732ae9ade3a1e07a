//! The sentences on checks and refusals, and on the members of a token.

use std::{collections::BTreeMap, sync::LazyLock};

use rescind_session::token::MAX_TOKEN_BYTES;
use serde::Deserialize;

use crate::content::{Case, Source, file};

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

/// A header parameter or a claim: its purpose and its specification.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Member {
    pub(crate) name: String,
    /// The name in full.
    pub(crate) full: String,
    pub(crate) source: Source,
    pub(crate) says: String,
    /// To the owner of one of our tokens.
    pub(crate) own: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Members {
    pub(crate) parameter: Vec<Member>,
    pub(crate) claim: Vec<Member>,
}

pub(crate) static MEMBERS: LazyLock<Members> = LazyLock::new(|| file!("members.toml").data());

pub(super) fn longest() -> String {
    format!("{} KiB", MAX_TOKEN_BYTES / 1024)
}
