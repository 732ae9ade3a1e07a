//! `/learn`: the table of contents, with the reader's progress.

use actix_web::{HttpResponse, http::StatusCode};
use askama::Template;

use super::{
    chapters::{Chapter, Part},
    exercises,
};
use crate::pages::{Reader, draw, frame::Frame};

#[derive(Template)]
#[template(path = "learn/contents.html")]
struct Contents {
    frame: Frame,
    solved: Vec<Chapter>,
    next: Chapter,
    begun: bool,
}

pub(super) async fn show(reader: Reader) -> actix_web::Result<HttpResponse> {
    let is_solved = |chapter: &Chapter| exercises::is_solved(*chapter, &reader.request);
    let (solved, open): (Vec<_>, Vec<_>) = Chapter::all().partition(is_solved);
    let page = Contents {
        frame: reader.frame("The course").await,
        begun: !solved.is_empty(),
        next: open.first().copied().unwrap_or(Chapter::FIRST),
        solved,
    };
    draw(StatusCode::OK, &page)
}
