//! The exercises of the course that are done in code.
//!
#![doc = include_str!("../README.md")]
//!
//! # For the page of a chapter
//!
//! The crate has three parts. Without features it has only texts: [`Exercise::of_chapter`] returns a chapter's exercise
//! if it is done in code, with its task, its three hints and a check of the typed word. The feature `stories` adds the
//! stories and the lines that a learner chooses in a browser; the program uses these two. The feature `checks` adds the
//! check of the learner's own file, with the conformance suite; the program is built without.
//!
//! The learner's own files belong to none of them: they are in the test targets `exercise_6` and `exercise_8`, which are
//! only built by name. A file that is broken on purpose, or does not compile during the work on it, must not break the
//! program or its tests.

#[cfg(feature = "stories")]
pub mod checks;
mod exercise;

pub use exercise::{Exercise, Hint, UnknownExercise, chapter_path, completion_word, in_code};
