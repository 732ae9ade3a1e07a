//! The purpose and specification of each header parameter and claim.

use std::sync::LazyLock;

use serde::Deserialize;

use super::tampering::Place;
use crate::content::{Source, file};

#[derive(Deserialize)]
pub(crate) struct Meaning {
    name: String,
    /// The name in full.
    pub(crate) full: String,
    pub(crate) source: Source,
    pub(crate) says: String,
}

#[derive(Deserialize)]
struct Members {
    parameter: Vec<Meaning>,
    claim: Vec<Meaning>,
}

static MEMBERS: LazyLock<Members> = LazyLock::new(|| file!("members.toml").data());

pub(crate) fn of(place: Place, name: &str) -> Option<&'static Meaning> {
    let table = match place {
        Place::Header => &MEMBERS.parameter,
        Place::Claims => &MEMBERS.claim,
        Place::Signature => return None,
    };
    table.iter().find(|meaning| meaning.name == name)
}
