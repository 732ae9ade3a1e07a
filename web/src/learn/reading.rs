//! `/learn/{chapter}`: prose, an experiment, the source, and an exercise.

use actix_web::{HttpResponse, http::StatusCode, web};
use askama::Template;
use rescind_api::Problem;

use super::{
    chapters::{Chapter, Part},
    excerpt::Listing,
    exercises,
    experiment::Experiment,
};
use crate::pages::{Reader, draw, failed, frame::Frame};

#[derive(Template)]
#[template(path = "learn/chapter.html")]
struct Page {
    frame: Frame,
    chapter: Chapter,
    solved: bool,
    /// The text on the source, as HTML.
    of_the_source: String,
    listing: Option<Listing>,
    /// As HTML, like the exercise.
    experiment: String,
    exercise: String,
}

pub(super) async fn show(reader: Reader, slug: web::Path<String>) -> actix_web::Result<HttpResponse> {
    let request = &reader.request;
    let chapter = Chapter::of_slug(&slug).ok_or(Problem::NotFound)?;
    let page = Page {
        frame: reader.frame(chapter.title.as_str()).await,
        chapter,
        solved: exercises::is_solved(chapter, request),
        of_the_source: code_in(&chapter.source.says),
        listing: chapter.source.cut(),
        experiment: experiment(chapter, request.query_string()).await?,
        exercise: exercises::for_chapter(chapter, request).await?,
    };
    draw(StatusCode::OK, &page)
}

async fn experiment(chapter: Chapter, query: &str) -> actix_web::Result<String> {
    let played = Experiment::play(chapter, query).await?;
    played.render().map_err(failed("an experiment could not be drawn"))
}

/// Text with `code` between backticks, as HTML. It is our own text, without characters to escape.
pub(super) fn code_in(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for (n, part) in text.split('`').enumerate() {
        match n % 2 {
            0 => html.push_str(part),
            _ => html.extend(["<code>", part, "</code>"]),
        }
    }
    html
}
