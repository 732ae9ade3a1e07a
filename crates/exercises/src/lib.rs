//! The exercises of the course that are done in code.
//!
#![doc = include_str!("../README.md")]
//!
//! # For the page of a chapter
//!
//! The crate has two halves. Without features it is texts alone: [`Exercise::of_chapter`] says whether a chapter's exercise
//! is done in code, and gives its task, its three hints, the file as delivered and as solved, and whether a word that
//! somebody typed is the one that the run gives. This half depends on nothing, and the program may take it. Feature
//! `checks` adds the other half, which tries the learner's code, and brings the suite for adapters with it; the program
//! is shipped without.
//!
//! The learner's own files belong to neither: they are parts of the test targets `exercise_6` and `exercise_8`, which
//! nobody builds unless asked. A file that is broken on purpose, or does not even compile while somebody works on it,
//! must not break the program or its tests.

mod chapter;
#[cfg(feature = "checks")]
pub mod checks;
mod exercise;

pub use chapter::{SLUGS, chapter_path};
pub use exercise::{Exercise, Hint, IN_CODE, UnknownExercise, completion_word};
