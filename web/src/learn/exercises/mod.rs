//! The exercises: a condition that the server checks, three hints that open one by one, an answer, and progress without an
//! account.
//!
//! | | |
//! | --- | --- |
//! | [`exercise`] | the data of an exercise (they are in `content/exercises.toml`), and one check |
//! | [`attempt`] | what a learner tries, in the address |
//! | [`running`] | runs an attempt, in a sandbox or on its own key rings |
//! | [`goals`] | conditions on a sandbox's steps |
//! | [`progress`] | what was solved, in a cookie |
//! | [`page`] | what is drawn |
//!
//! **The server stores no attempt.** It is run from its beginning when it is first drawn or checked; the result belongs to
//! its address, and is [kept](crate::computed). Rejected: a sandbox that waits for its learner. It would have to be bounded and forgotten, an exercise could
//! be lost by waiting, and trying a hint would lose the learner's own steps. In the lab sandboxes do wait; a learner can have
//! their current one there judged.
//!
//! A wrong attempt is answered with the first thing that is missing, not only that it is wrong.

mod attempt;
mod exercise;
mod goals;
mod page;
pub(super) mod progress;
mod running;

use actix_web::{HttpRequest, HttpResponse, web};
use rescind_api::{Problem, Rescind};

use super::chapters::Chapter;
use crate::{
    content::word,
    pages::{see_other, with_cookies},
};
use attempt::Attempt;
use exercise::Exercise;
use progress::{Deed, progress_of};

/// Adds the routes of the exercises' forms.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    for deed in Deed::ALL {
        let path = format!("{}/{{chapter}}/{}", super::COURSE, word(deed));
        let route = web::post().to(move |request, rescind, slug, body| done(deed, request, rescind, slug, body));
        cfg.service(web::resource(path).route(route));
    }
}

/// Does it, and leads back to the exercise with the same attempt.
async fn done(
    deed: Deed,
    request: HttpRequest,
    rescind: Rescind,
    slug: web::Path<String>,
    body: web::Bytes,
) -> actix_web::Result<HttpResponse> {
    let chapter = Chapter::of_slug(&slug).ok_or(Problem::NotFound)?;
    let exercise = Exercise::of(chapter);
    let mut attempt = Attempt::read(exercise, &body);
    let before = progress_of(&request);
    let mut progress = before;
    attempt.is_checked = deed == Deed::Check;
    match deed {
        Deed::Check => {
            let reached = running::run(exercise, &attempt, Some(&request)).await?;
            if reached.missing().is_none() {
                progress.note(chapter, deed);
            }
        }
        Deed::Hint | Deed::Answer => progress.note(chapter, deed),
    }
    let reply = see_other(&address_of(chapter, &attempt));
    if progress == before {
        return Ok(reply);
    }
    with_cookies(reply, &[progress.cookie(rescind.settings())])
}

fn address_of(chapter: Chapter, attempt: &Attempt) -> String {
    match attempt.query() {
        query if query.is_empty() => format!("{}#exercise", chapter.address()),
        query => format!("{}?{query}#exercise", chapter.address()),
    }
}

/// The exercise at the end of a chapter, for a request's sender: HTML that begins with an `h2`.
pub(super) async fn for_chapter(chapter: Chapter, request: &HttpRequest) -> actix_web::Result<String> {
    let exercise = Exercise::of(chapter);
    let attempt = Attempt::read(exercise, request.query_string().as_bytes());
    page::draw(exercise, attempt, request).await
}
