//! `/learn/teach` and `/learn/hand-out`: for those who teach with this program, and what they print for their students.

use std::sync::LazyLock;

use actix_web::{HttpResponse, http::StatusCode};
use askama::Template;
use serde::Deserialize;

use crate::{
    content::{File, file},
    pages::{Reader, draw, frame::Frame},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    title: String,
    lead: String,
    place: String,
    /// As HTML.
    #[serde(skip)]
    prose: String,
}

static TEACH: LazyLock<Text> = LazyLock::new(|| Text::of(file!("teach.md")));
static HAND_OUT: LazyLock<Text> = LazyLock::new(|| Text::of(file!("hand-out.md")));

impl Text {
    fn of(file: File) -> Self {
        let (front, prose) = file.text();
        Self { prose, ..front }
    }
}

#[derive(Template)]
#[template(path = "learn/teach.html")]
struct Teach {
    frame: Frame,
    text: &'static Text,
}

pub(super) async fn show(reader: Reader) -> actix_web::Result<HttpResponse> {
    page(reader, &TEACH).await
}

pub(super) async fn hand_out(reader: Reader) -> actix_web::Result<HttpResponse> {
    page(reader, &HAND_OUT).await
}

async fn page(reader: Reader, text: &'static Text) -> actix_web::Result<HttpResponse> {
    let frame = reader.frame(&text.title).await;
    draw(StatusCode::OK, &Teach { frame, text })
}
