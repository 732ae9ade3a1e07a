//! The course: twelve short chapters and a glossary, for somebody who knows what a login is.
//!
//! | | |
//! | --- | --- |
//! | [`chapters`] | what each chapter is called, asks, shows and lets one try; its prose is a template |
//! | [`excerpt`] | pieces of our own source, cut out by the names of items when the program is built |
//! | [`experiment`] | what runs under the prose, drawn by the lab |
//! | [`exercises`] | what is to be solved, and what was |
//! | [`contents`], [`reading`], [`glossary`] | the pages |
//!
//! Text and program must not drift apart: a chapter shows the source that runs, draws an experiment that is run for it, and
//! every link that it holds is followed in a test.
//!
//! Whoever reads is not sent away. A page of the account sends a browser whose access token has run out to be refreshed, and
//! from there, if need be, to the login; here nothing depends on who it is, so the page says that it does not know.

pub(crate) mod chapters;
mod contents;
mod excerpt;
mod exercises;
mod experiment;
mod glossary;
mod reading;

use actix_web::{guard, web};
use rescind_api::{Problem, Rescind, Visitor};

use crate::pages::{Site, frame::Who};

/// Where the course is.
const COURSE: &str = "/learn";
/// Where its words are explained.
const GLOSSARY: &str = "/glossary";

/// Adds the course to an application.
pub(crate) fn configure(cfg: &mut web::ServiceConfig) {
    let read = || web::route().guard(guard::Any(guard::Get()).or(guard::Head()));
    cfg.configure(exercises::configure)
        .service(web::resource(COURSE).route(read().to(contents::show)))
        .service(web::resource("/learn/{chapter}").route(read().to(reading::show)))
        .service(web::resource(GLOSSARY).route(read().to(glossary::show)));
}

/// Whose name stands in the frame. Nobody's, if that would take a refresh, or a store that does not answer.
async fn who(site: &Site, rescind: &Rescind, visitor: Result<Visitor, Problem>) -> Who {
    match visitor {
        Ok(Visitor::Stale) | Err(_) => Who::Unknown,
        Ok(visitor) => site.who(rescind, &visitor).await.unwrap_or(Who::Unknown),
    }
}
