//! `/learn/{chapter}`: a prediction, an experiment, a short text, an exercise, and what goes deeper.

use actix_web::{HttpResponse, http::StatusCode, web};
use askama::{
    Template,
    filters::{Escaper, Html},
};
use rescind_api::Problem;

use super::{
    chapters::{Chapter, Part},
    excerpt::Line,
    exercises::{
        self,
        progress::{Of, progress_of},
    },
    experiment::Experiment,
    prose::{Heading, with_anchors, with_cards},
    questions::{DECIDE, Decide},
};
use crate::pages::{Reader, draw, failed, frame::Frame};

#[derive(Template)]
#[template(path = "learn/chapter.html")]
struct Page {
    frame: Frame,
    chapter: Chapter,
    progress: Of,
    /// As HTML.
    short: String,
    deeper: String,
    headings: Vec<Heading>,
    /// The text on the source, as HTML.
    of_the_source: String,
    listing: Option<Vec<Vec<Line>>>,
    /// As HTML, once there is a prediction, or for somebody who does not want to predict.
    experiment: Option<String>,
    /// As HTML.
    exercise: String,
    decide: &'static Decide,
}

impl Page {
    fn is_decided(&self, option: &usize) -> bool {
        *option == usize::from(self.progress.decided)
    }
}

pub(super) async fn show(reader: Reader, slug: web::Path<String>) -> actix_web::Result<HttpResponse> {
    let request = &reader.request;
    let chapter = Chapter::of_slug(&slug).ok_or(Problem::NotFound)?;
    let progress = progress_of(request).of(chapter);
    let is_played = progress.predicted > 0 || !request.query_string().is_empty();
    let mut frame = reader.frame(chapter.title.as_str()).await;
    frame.description = &chapter.text().question;
    let (deeper, headings) = with_anchors(&chapter.deeper);
    let page = Page {
        frame,
        chapter,
        progress,
        short: with_cards(&chapter.short, "word"),
        deeper: with_cards(&deeper, "more"),
        headings,
        of_the_source: code_in(&chapter.source.says),
        listing: chapter.source.cut(),
        experiment: if is_played {
            Some(experiment(chapter, request.query_string()).await?)
        } else {
            None
        },
        exercise: exercises::for_chapter(chapter, request).await?,
        decide: &DECIDE,
    };
    draw(StatusCode::OK, &page)
}

async fn experiment(chapter: Chapter, query: &str) -> actix_web::Result<String> {
    let played = Experiment::play(chapter, query).await?;
    played.render().map_err(failed("an experiment could not be drawn"))
}

/// Text with `code` between backticks, as HTML.
pub(super) fn code_in(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for (n, part) in text.split('`').enumerate() {
        let (begin, end) = if n % 2 == 1 { ("<code>", "</code>") } else { ("", "") };
        html.push_str(begin);
        // Writing to a text does not fail.
        let _ = Html.write_escaped_str(&mut html, part);
        html.push_str(end);
    }
    html
}
