//! What tries the learner's code.
//!
//! Each exercise is tried twice over. First by *stories*, told in sentences: what happened to alice and to the thief, and
//! what should have. A learner mends a symptom, so the report speaks of symptoms. Then by the suite of
//! [`rescind_conformance`], which any stranger's adapter runs: an exercise that only its own stories judged would
//! be mended for the stories.
//!
//! The stories that the delivered file passes are there for a reason, too. They fail for whoever mends too much: a
//! blacklist that never forgets, a refresh without a grace.
//!
//! Rejected: the `#[test]`s that the suite's macros make. Their output is one for programmers who know the code: a panic,
//! its place, two values that differ.

mod blacklist;
mod refreshing;
mod report;
mod rows;
mod trial;

pub use blacklist::try_blacklist;
pub use refreshing::{Answer, Refreshing, SessionsOf, try_refreshing};
pub use report::{Outcome, Report, tell};
pub use rows::{GRACE, Rows, Where};
