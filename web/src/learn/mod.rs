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

use actix_web::web;

use crate::pages::read;

const COURSE: &str = "/learn";
const GLOSSARY: &str = "/glossary";

pub(crate) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.configure(exercises::configure)
        .service(web::resource(COURSE).route(read().to(contents::show)))
        .service(web::resource("/learn/{chapter}").route(read().to(reading::show)))
        .service(web::resource(GLOSSARY).route(read().to(glossary::show)));
}
