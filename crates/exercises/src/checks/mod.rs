//! Checks of the learner's code.
//!
//! Each exercise is checked in two ways. First by *stories*, reported in sentences: what happened to alice and to the
//! thief, and what should have happened. A learner repairs a symptom, so the report describes symptoms. Then by the
//! suite of [`rescind_conformance`], which every adapter must pass: with the stories alone a learner would solve only
//! the stories.
//!
//! The stories that the delivered file passes have a purpose too. They fail for a repair that goes too far: a blacklist
//! that never prunes, a refresh without a grace.
//!
//! Rejected: the `#[test]`s that the suite's macros create. Their output is for programmers who know the code: a panic,
//! its location, two values that differ.

mod blacklist;
mod refreshing;
mod report;
mod rows;
mod trial;

pub use blacklist::try_blacklist;
pub use refreshing::{Answer, Refreshing, SessionsOf, try_refreshing};
pub use report::{Outcome, Report, tell};
pub use rows::{GRACE, Rows, Where};
