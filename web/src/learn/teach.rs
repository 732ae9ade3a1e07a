//! `/learn/teach`: lesson plans, questions and hosting, for those who teach with this program.

use std::sync::LazyLock;

use actix_web::{HttpResponse, http::StatusCode};
use askama::Template;
use serde::Deserialize;

use crate::{
    content::file,
    pages::{Reader, draw, frame::Frame},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    title: String,
    lead: String,
    /// As HTML.
    #[serde(skip)]
    prose: String,
}

static TEXT: LazyLock<Text> = LazyLock::new(|| {
    let (front, prose) = file!("teach.md").text();
    Text { prose, ..front }
});

#[derive(Template)]
#[template(path = "learn/teach.html")]
struct Teach {
    frame: Frame,
    text: &'static Text,
}

pub(super) async fn show(reader: Reader) -> actix_web::Result<HttpResponse> {
    let page = Teach {
        frame: reader.frame(&TEXT.title).await,
        text: &TEXT,
    };
    draw(StatusCode::OK, &page)
}
