//! `/learn/summary`: what the reader predicted, solved and decided, on a page that can be printed.

use actix_web::{HttpResponse, http::StatusCode};
use askama::Template;

use super::{
    chapters::Chapter,
    exercises::progress::{Of, progress_of},
    questions::{DECIDE, option},
};
use crate::pages::{Reader, draw, frame::Frame};

#[derive(Template)]
#[template(path = "learn/summary.html")]
struct Summary {
    frame: Frame,
    /// The chapters on answers that can be chosen.
    answers: Vec<(Chapter, Of)>,
    predicted: usize,
    right: usize,
    solved: usize,
}

impl Summary {
    fn decided(of: &Of) -> Option<&'static String> {
        option(&DECIDE.options, of.decided)
    }
}

pub(super) async fn show(reader: Reader) -> actix_web::Result<HttpResponse> {
    let progress = progress_of(&reader.request);
    let all = || Chapter::all().map(|chapter| (chapter, progress.of(chapter)));
    let predicted = || all().filter_map(|(chapter, of)| chapter.text().predicted(&of));
    let page = Summary {
        frame: reader.frame("What you decided").await,
        answers: all().filter(|(chapter, _)| chapter.verdict.is_some()).collect(),
        predicted: predicted().count(),
        right: predicted().filter(|(_, is_right)| *is_right).count(),
        solved: all().filter(|(_, of)| of.solved).count(),
    };
    draw(StatusCode::OK, &page)
}
