//! The words of the pages, each with an anchor that other pages lead to.
//!
//! One word for one thing: what stands here is what code, pages and errors mean by it. The chapters that use a word are not
//! listed by hand; they are those whose prose leads here.

use std::sync::LazyLock;

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use rescind_api::{Problem, Rescind, Visitor};
use serde::Deserialize;

use super::chapters::Chapter;
use crate::{
    content::file,
    pages::{
        Site, draw,
        frame::{Frame, Who},
    },
};

/// A word, and what is meant by it.
#[derive(Debug, Deserialize)]
pub(crate) struct Term {
    /// Its anchor: `/glossary#anchor`.
    pub(crate) anchor: String,
    pub(crate) name: String,
    /// What else it is called.
    pub(crate) also: Option<String>,
    pub(crate) says: String,
    #[serde(default)]
    pub(crate) sources: Vec<Source>,
}

/// Where a word comes from.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Source {
    /// An RFC and its section.
    Rfc { rfc: u16, section: String },
    /// Another document.
    Other { name: String, address: String },
}

impl Source {
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Rfc { rfc, section } => format!("RFC {rfc}, section {section}"),
            Self::Other { name, .. } => name.clone(),
        }
    }

    pub(crate) fn address(&self) -> String {
        match self {
            Self::Rfc { rfc, section } => format!("https://www.rfc-editor.org/rfc/rfc{rfc}#section-{section}"),
            Self::Other { address, .. } => address.clone(),
        }
    }
}

/// All of them, in the order of the alphabet.
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

/// A term, and the chapters that use it.
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

/// `GET /glossary`
pub(crate) async fn show(
    request: HttpRequest,
    visitor: Result<Visitor, Problem>,
    site: web::Data<Site>,
    rescind: Rescind,
) -> actix_web::Result<HttpResponse> {
    let page = Glossary {
        frame: site.frame(&request, "Glossary", site.who_if_known(&rescind, &visitor).await),
        terms: TERMS.iter().map(Drawn::of).collect(),
    };
    draw(StatusCode::OK, &page)
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeSet,
        fs,
        path::{Path, PathBuf},
    };

    use super::*;

    #[test]
    fn terms_stand_in_the_order_of_the_alphabet_and_each_has_an_anchor_of_its_own() {
        let names: Vec<_> = TERMS
            .iter()
            .map(|term| term.name.trim_start_matches('_').to_lowercase())
            .collect();
        assert!(names.is_sorted(), "{names:?}");
        let anchors: BTreeSet<_> = TERMS.iter().map(|term| term.anchor.as_str()).collect();
        assert_eq!(anchors.len(), TERMS.len());
    }

    #[test]
    fn a_term_is_explained_in_one_to_four_sentences() {
        for term in &*TERMS {
            let sentences = term
                .says
                .split(['.', ';'])
                .filter(|part| !part.trim().is_empty())
                .count();
            assert!((1..=5).contains(&sentences), "{}: {sentences}", term.name);
            assert!(term.says.ends_with('.'), "{}", term.name);
        }
    }

    fn templates(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                templates(&path, found);
            } else {
                found.push(path);
            }
        }
    }

    #[test]
    fn every_link_into_the_glossary_has_its_anchor() {
        let mut files = Vec::new();
        for folder in ["templates", "content"] {
            templates(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut files);
        }
        let anchors: BTreeSet<_> = TERMS.iter().map(|term| term.anchor.as_str()).collect();
        let mut links = 0;
        for file in files {
            let html = fs::read_to_string(&file).unwrap();
            for link in html.split("/glossary#").skip(1) {
                let anchor = link.split(['"', '\'', ')']).next().unwrap();
                // The glossary itself makes its links from the terms.
                if !anchor.starts_with("{{") {
                    assert!(anchors.contains(anchor), "{} leads to {anchor}", file.display());
                    links += 1;
                }
            }
        }
        assert!(links > 40, "{links} links: are they written as they are read?");
    }

    #[test]
    fn every_term_of_the_design_is_there() {
        for name in [
            "access token",
            "refresh token",
            "session",
            "generation",
            "rotation",
            "reuse",
            "grace",
            "revocation",
            "blacklist",
            "policy",
        ] {
            assert!(TERMS.iter().any(|term| term.name == name), "{name}");
        }
    }
}
