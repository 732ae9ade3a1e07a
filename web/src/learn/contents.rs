//! `/learn`: what there is to read, and how far one has come.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use rescind_api::{Problem, Rescind, Visitor};

use super::{
    chapters::{Chapter, Part},
    exercises,
};
use crate::pages::{
    Site, draw,
    frame::{Frame, Who},
};

#[derive(Template)]
#[template(path = "learn/contents.html")]
struct Contents {
    frame: Frame,
    solved: Vec<Chapter>,
    /// The first chapter whose exercise is not solved.
    next: Chapter,
    begun: bool,
}

/// `GET /learn`
pub(super) async fn show(
    request: HttpRequest,
    visitor: Result<Visitor, Problem>,
    site: web::Data<Site>,
    rescind: Rescind,
) -> actix_web::Result<HttpResponse> {
    let (solved, open): (Vec<_>, Vec<_>) = Chapter::all().partition(|chapter| exercises::is_solved(*chapter, &request));
    let page = Contents {
        frame: site.frame(&request, "The course", site.who_if_known(&rescind, &visitor).await),
        begun: !solved.is_empty(),
        next: open.first().copied().unwrap_or(Chapter::FIRST),
        solved,
    };
    draw(StatusCode::OK, &page)
}
