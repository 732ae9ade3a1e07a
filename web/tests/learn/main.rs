//! The course and the glossary, from outside: every page exists, every link has a target, and a chapter shows the
//! repository's own source.
//!
//! The program is the real one. Readers have a cookie jar, and no scripts.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, its helpers included"
)]

mod chapters;
mod content;
mod demo_off;
mod exercises;
mod experiments;
mod glossary;
mod links;
mod look;
mod questions;
mod reader;
