//! `/learn`: the table of contents, with the reader's progress.

use actix_web::{HttpResponse, http::StatusCode};
use askama::Template;

use super::{
    chapters::{Chapter, Part},
    exercises::progress::{Of, Progress, progress_of},
};
use crate::pages::{Reader, draw, frame::Frame};

#[derive(Template)]
#[template(path = "learn/contents.html")]
struct Contents {
    frame: Frame,
    progress: Progress,
    /// The first chapter that is not solved.
    next: Option<Chapter>,
    begun: bool,
}

impl Contents {
    fn of(&self, chapter: &Chapter) -> Of {
        self.progress.of(*chapter)
    }

    /// How long some chapters take, in minutes.
    fn minutes(chapters: impl Iterator<Item = Chapter>) -> usize {
        chapters.map(|chapter| chapter.minutes).sum()
    }
}

pub(super) async fn show(reader: Reader) -> actix_web::Result<HttpResponse> {
    let progress = progress_of(&reader.request);
    let next = Chapter::all().find(|chapter| !progress.of(*chapter).solved);
    let page = Contents {
        frame: reader.frame("The course").await,
        begun: progress != Progress::default(),
        next,
        progress,
    };
    draw(StatusCode::OK, &page)
}
