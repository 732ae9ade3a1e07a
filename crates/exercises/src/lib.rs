//! The exercises of the course that are done in code.
//!
#![doc = include_str!("../README.md")]
//!
//! # For the page of a chapter
//!
//! The crate has two halves. Without features it has only texts: [`Exercise::of_chapter`] returns a chapter's exercise
//! if it is done in code, with its task, its three hints, the file as delivered and as solved, and a check of the typed
//! word. This half has no dependencies, and the program may use it. The feature `checks` adds the other half, which
//! tries the learner's code, and its dependency on the conformance suite; the program is built without.
//!
//! The learner's own files belong to neither: they are in the test targets `exercise_6` and `exercise_8`, which are
//! only built by name. A file that is broken on purpose, or does not compile during the work on it, must not break the
//! program or its tests.

mod chapter;
#[cfg(feature = "checks")]
pub mod checks;
mod exercise;

pub use chapter::{SLUGS, chapter_path};
pub use exercise::{Exercise, Hint, IN_CODE, UnknownExercise, completion_word};
