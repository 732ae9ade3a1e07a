//! The course: thirteen short chapters and a glossary, for readers who know what a login is.
//!
//! | | |
//! | --- | --- |
//! | [`chapters`] | each chapter's text, question, excerpts and experiment, from `content/chapters` |
//! | [`excerpt`] | pieces of our own source, cut at marks when the program is built |
//! | [`experiment`] | the story under the prose, played in a sandbox |
//! | [`questions`] | what the reader predicts and decides |
//! | [`exercises`] | the exercises, and the reader's progress |
//! | [`prose`] | the text, with cards for words of the glossary |
//! | [`contents`], [`reading`], [`summary`], [`glossary`], [`teach`] | the pages; the last is for teachers |
//!
//! A chapter's page has one order: predict, play, at most 150 words, the exercise, and then what goes deeper.
//!
//! Text and program must not drift apart: a chapter shows the source that runs, draws an experiment that is run for it, and a
//! test follows each of its links.
//!
//! A reader is never redirected. An account page sends a browser with an expired access token to be refreshed, and from there,
//! if need be, to the login. These pages do not depend on the reader, so they only show that the login is unknown.

pub(crate) mod chapters;
mod contents;
mod excerpt;
mod exercises;
mod experiment;
mod glossary;
mod prose;
mod questions;
mod reading;
mod summary;
mod teach;

use actix_web::web;

use crate::pages::read;

const COURSE: &str = "/learn";
const GLOSSARY: &str = "/glossary";

pub(crate) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.configure(exercises::configure)
        .configure(questions::configure)
        .service(web::resource(COURSE).route(read().to(contents::show)))
        .service(web::resource("/learn/teach").route(read().to(teach::show)))
        .service(web::resource("/learn/hand-out").route(read().to(teach::hand_out)))
        .service(web::resource("/learn/summary").route(read().to(summary::show)))
        .service(web::resource("/learn/{chapter}").route(read().to(reading::show)))
        .service(web::resource(GLOSSARY).route(read().to(glossary::show)));
}
