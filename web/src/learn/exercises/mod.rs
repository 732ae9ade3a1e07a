//! The exercises: a condition that the server checks, three hints that open one by one, an answer, and progress that is
//! kept without an account.
//!
//! The course asks this module for three things and knows nothing else of it.

use actix_web::{HttpRequest, web};

use super::chapters::Chapter;

/// Adds the addresses to which the exercises' forms are sent.
pub(super) fn configure(_: &mut web::ServiceConfig) {}

/// The exercise at the end of a chapter, drawn for whoever asks: a piece of HTML that begins with an `h2`.
pub(super) fn for_chapter(_: Chapter, _: &HttpRequest) -> Option<String> {
    None
}

/// Whether whoever asks has solved a chapter's exercise: for the marks of the contents.
pub(super) fn is_solved(_: Chapter, _: &HttpRequest) -> bool {
    false
}
