//! The two questions of a chapter: what the reader predicts before the experiment, and whether they would choose the answer.
//!
//! Each option is a button of a form. The reader's cookie keeps it, beside the progress in the exercises.

use std::sync::LazyLock;

use actix_web::{HttpRequest, HttpResponse, web};
use rescind_api::{Form, Problem, Rescind};
use serde::Deserialize;

use super::{
    COURSE,
    chapters::{Chapter, Text},
    exercises::progress::{Of, progress_of},
};
use crate::{
    content::{file, word},
    pages::{see_other, with_cookies},
};

/// `content/course.toml`: what all answers are asked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Decide {
    pub(super) question: String,
    pub(super) options: Vec<String>,
}

pub(super) static DECIDE: LazyLock<Decide> = LazyLock::new(|| file!("course.toml").data());

#[derive(Debug, Clone, Copy)]
enum QuestionKind {
    Predict,
    Decide,
}

#[derive(Deserialize)]
struct Chosen {
    /// From 1.
    option: u8,
}

/// Adds the routes of the forms.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    for asked in [QuestionKind::Predict, QuestionKind::Decide] {
        let path = format!("{COURSE}/{{chapter}}/{}", word(asked));
        let route = web::post().to(move |request, rescind, slug, form| answered(asked, request, rescind, slug, form));
        cfg.service(web::resource(path).route(route));
    }
}

async fn answered(
    asked: QuestionKind,
    request: HttpRequest,
    rescind: Rescind,
    slug: web::Path<String>,
    Form(chosen): Form<Chosen>,
) -> actix_web::Result<HttpResponse> {
    let chapter = Chapter::of_slug(&slug).ok_or(Problem::NotFound)?;
    let reply = see_other(&format!("{}#{}", chapter.address(), word(asked)));
    let options = match asked {
        QuestionKind::Predict => chapter.predict.options.len(),
        QuestionKind::Decide => chapter.verdict.as_ref().map_or(0, |_| DECIDE.options.len()),
    };
    let mut progress = progress_of(&request);
    match progress.at(chapter) {
        Some(of) if (1..=options).contains(&usize::from(chosen.option)) => match asked {
            QuestionKind::Predict => of.predicted = chosen.option,
            QuestionKind::Decide => of.decided = chosen.option,
        },
        _ => return Ok(reply),
    }
    with_cookies(reply, &[progress.cookie(rescind.settings())])
}

/// The option with a number from 1.
pub(super) fn option(options: &[String], number: u8) -> Option<&String> {
    options.get(usize::from(number).checked_sub(1)?)
}

impl Text {
    /// The predicted option, and whether it is the right one.
    pub(super) fn predicted(&self, of: &Of) -> Option<(&String, bool)> {
        let predicted = option(&self.predict.options, of.predicted)?;
        Some((predicted, usize::from(of.predicted) == self.predict.right))
    }
}
