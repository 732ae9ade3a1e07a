//! The glossary, with an anchor for each term.
//!
//! One word for one thing: code, pages and errors use a term as it is defined here. The chapters that use a term are found by
//! the links in their prose, not listed by hand. The search needs no script: it is a GET form.

use std::sync::LazyLock;

use actix_web::{HttpResponse, http::StatusCode, web};
use askama::Template;
use serde::Deserialize;

use super::chapters::Chapter;
use crate::{
    content::{Source, file},
    pages::{Reader, draw, frame::Frame},
};

const LONGEST_QUERY: usize = 60;

#[derive(Debug, Deserialize)]
pub(crate) struct Term {
    /// Its anchor: `/glossary#anchor`.
    pub(crate) anchor: String,
    pub(crate) name: String,
    /// Its other names, and words by which people look for it.
    #[serde(default)]
    pub(crate) also: Vec<String>,
    pub(crate) says: String,
    #[serde(default)]
    pub(crate) sources: Vec<Source>,
}

static TERMS: LazyLock<Vec<Term>> = LazyLock::new(|| {
    #[derive(Deserialize)]
    struct File {
        term: Vec<Term>,
    }
    file!("glossary.toml").data::<File>().term
});

impl Term {
    pub(crate) fn of(anchor: &str) -> Option<&'static Self> {
        TERMS.iter().find(|term| term.anchor == anchor)
    }

    fn chapters(&self) -> Vec<Chapter> {
        Chapter::all().filter(|chapter| chapter.uses(&self.anchor)).collect()
    }

    /// Its name and its other names.
    fn names(&self) -> impl Iterator<Item = &str> {
        [&self.name].into_iter().chain(&self.also).map(String::as_str)
    }

    /// Whether somebody who looks for these words means this term: a name contains them, or they contain a name.
    fn is_meant_by(&self, words: &str) -> bool {
        let contains = |name: String| name.contains(words) || format!(" {words} ").contains(&format!(" {name} "));
        self.names().map(plain).any(contains)
    }
}

/// Letters and digits in lower case, one space between words.
fn plain(text: &str) -> String {
    let letters = text.to_lowercase().replace(|c: char| !c.is_alphanumeric(), " ");
    letters.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[derive(Template)]
#[template(path = "learn/glossary.html")]
struct Glossary {
    frame: Frame,
    terms: Vec<&'static Term>,
    /// Each name with its anchor, in the order of the alphabet, where all terms are shown.
    names: Vec<(&'static str, &'static str)>,
    /// What was looked for, and whether it was found.
    query: String,
    is_found: bool,
}

#[derive(Deserialize)]
pub(super) struct Search {
    #[serde(default)]
    q: String,
}

pub(super) async fn show(reader: Reader, search: Option<web::Query<Search>>) -> actix_web::Result<HttpResponse> {
    let query: String = search.map(|search| search.into_inner().q).unwrap_or_default();
    let query: String = query.chars().take(LONGEST_QUERY).collect();
    let words = plain(&query);
    let named = |term: &'static Term| term.names().map(|name| (name, term.anchor.as_str()));
    let is_meant = |term: &&Term| !words.is_empty() && term.is_meant_by(&words);
    let mut found: Vec<_> = TERMS.iter().filter(is_meant).collect();
    let is_found = !found.is_empty();
    if !is_found {
        // Perhaps it is explained under another name.
        found = TERMS.iter().filter(|term| plain(&term.says).contains(&words)).collect();
    }
    let mut names = Vec::new();
    if found.is_empty() || words.is_empty() {
        found = TERMS.iter().collect();
        names.extend(TERMS.iter().flat_map(named));
        names.sort_by_key(|(name, _)| plain(name));
    }
    let page = Glossary {
        frame: reader.frame("Glossary").await,
        terms: found,
        names,
        query,
        is_found,
    };
    draw(StatusCode::OK, &page)
}
