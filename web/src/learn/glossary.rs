//! The glossary, with an anchor for each term.
//!
//! One word for one thing: code, pages and errors use a term as it is defined here. The chapters that use a term are found by
//! the links in their prose, not listed by hand.

use std::sync::LazyLock;

use actix_web::{HttpResponse, http::StatusCode};
use askama::Template;
use serde::Deserialize;

use super::chapters::Chapter;
use crate::{
    content::{Source, file},
    pages::{Reader, draw, frame::Frame},
};

#[derive(Debug, Deserialize)]
pub(crate) struct Term {
    /// Its anchor: `/glossary#anchor`.
    pub(crate) anchor: String,
    pub(crate) name: String,
    /// Its other names.
    pub(crate) also: Option<String>,
    pub(crate) says: String,
    #[serde(default)]
    pub(crate) sources: Vec<Source>,
}

pub(crate) static TERMS: LazyLock<Vec<Term>> = LazyLock::new(|| {
    #[derive(Deserialize)]
    struct File {
        term: Vec<Term>,
    }
    file!("glossary.toml").data::<File>().term
});

#[derive(Template)]
#[template(path = "learn/glossary.html")]
struct Glossary {
    frame: Frame,
    terms: Vec<Drawn>,
}

struct Drawn {
    term: &'static Term,
    chapters: Vec<Chapter>,
}

impl Drawn {
    fn of(term: &'static Term) -> Self {
        let link = format!("\"/glossary#{}\"", term.anchor);
        Self {
            term,
            chapters: Chapter::all().filter(|chapter| chapter.prose.contains(&link)).collect(),
        }
    }
}

pub(crate) async fn show(reader: Reader) -> actix_web::Result<HttpResponse> {
    let page = Glossary {
        frame: reader.frame("Glossary").await,
        terms: TERMS.iter().map(Drawn::of).collect(),
    };
    draw(StatusCode::OK, &page)
}
