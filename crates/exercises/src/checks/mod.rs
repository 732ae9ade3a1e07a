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
//! In a browser a learner chooses lines instead of writing them ([`play_chosen`]). The same stories are played on them,
//! without the suite: its cases fail by a panic, and the program is built without it.
//!
//! Rejected: the `#[test]`s that the suite's macros create. Their output is for programmers who know the code: a panic,
//! its location, two values that differ.

/// Names the functions that tell a story. `$begin` is the future of the world in which each begins.
macro_rules! stories {
    ($begin:expr; $($case:ident)*) => {
        vec![$({
            let world = $begin;
            $crate::checks::Story { case: stringify!($case), told: Box::pin(async move { $case(&world.await?).await }) }
        }),*]
    };
}

mod blacklist;
mod chosen;
mod refreshing;
#[cfg(feature = "checks")]
mod report;
mod rows;
#[cfg(feature = "checks")]
mod trial;

use std::pin::Pin;

#[cfg(feature = "checks")]
pub use blacklist::try_blacklist;
pub use chosen::{Line, play_chosen};
pub use refreshing::{Answer, Refreshing};
#[cfg(feature = "checks")]
pub use refreshing::{SessionsOf, try_refreshing};
#[cfg(feature = "checks")]
pub use report::{Report, tell};
pub use rows::{GRACE, Rows, Where};

use jiff::Timestamp;

/// When every story begins.
const NOON: Timestamp = Timestamp::constant(1_767_268_800, 0);

/// The error of a story is a sentence.
type Told = Result<(), String>;

/// A story that has not been played yet.
struct Story {
    case: &'static str,
    told: Pin<Box<dyn Future<Output = Told> + Send>>,
}

/// The outcome of one case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The name of its function, which states what it proves.
    pub case: &'static str,
    /// The error, if it failed.
    pub failure: Option<String>,
}

/// An error with this sentence, unless the condition holds.
fn tell_unless(is_as_it_should_be: bool, otherwise: &str) -> Told {
    if is_as_it_should_be {
        Ok(())
    } else {
        Err(otherwise.into())
    }
}
