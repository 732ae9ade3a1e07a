//! The exercises: a condition that the server checks, three hints that open one by one, an answer, and progress without an
//! account.
//!
//! | | |
//! | --- | --- |
//! | [`exercise`] | the data of an exercise (they are in `content/exercises.toml`), and one check |
//! | [`attempt`] | what a learner tries, in the address |
//! | [`running`] | plays and judges an attempt |
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
pub(super) use page::for_chapter;
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
    if deed != Deed::Check || running::run(exercise, &attempt, &request).await?.missing().is_none() {
        progress.note(chapter, deed);
    }
    let reply = see_other(&address_of(chapter, &attempt.query()));
    if progress == before {
        return Ok(reply);
    }
    with_cookies(reply, &[progress.cookie(rescind.settings())])
}

/// The exercise with an attempt.
fn address_of(chapter: Chapter, query: &str) -> String {
    match query {
        "" => format!("{}#exercise", chapter.address()),
        query => format!("{}?{query}#exercise", chapter.address()),
    }
}
