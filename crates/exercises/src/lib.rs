//! The exercises of the course that are done in code.
//!
#![doc = include_str!("../README.md")]

mod blacklist;
mod chosen;
mod exercise;
mod refresh;
mod rows;
mod stories;

pub use blacklist::blacklist_stories;
pub use chosen::play_chosen;
pub use exercise::{Exercise, Hint, in_code};
pub use refresh::{Answer, Refreshing, SessionsOf, refresh_stories};
pub use rows::{Rows, Where};
pub use stories::{CaseResult, Story};
