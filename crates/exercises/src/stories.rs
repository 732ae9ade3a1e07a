//! What all stories have in common.
//!
//! A story tells what happened to alice and to the thief, and what should have happened. A learner repairs a symptom, so
//! stories describe symptoms. Their sentences are in `exercises.toml`.
//!
//! The stories that the delivered file passes have a purpose too. They fail for a repair that goes too far: a blacklist
//! that never prunes, a refresh without a grace.

use std::pin::Pin;

use jiff::Timestamp;
use rescind_session::ports::StoreError;

use crate::exercise::Exercise;

/// When every story begins.
pub(crate) const NOON: Timestamp = Timestamp::constant(1_767_268_800, 0);

/// Which of a story's conditions hold.
pub(crate) type Held = Result<Vec<bool>, StoreError>;

/// A story that has not been played yet.
pub struct Story {
    /// The name of its function, which states what it proves.
    pub case: &'static str,
    pub(crate) held: Pin<Box<dyn Future<Output = Held> + Send>>,
}

/// Names the functions that play a story. `$begin` is the future of the world in which each begins.
macro_rules! tell {
    ($begin:expr; $($case:ident)*) => {
        vec![$({
            let world = $begin;
            $crate::stories::Story { case: stringify!($case), held: Box::pin(async move { $case(&world.await?).await }) }
        }),*]
    };
}
pub(crate) use tell;

/// The outcome of one case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseResult {
    pub case: &'static str,
    /// What went wrong, if it failed.
    pub failure: Option<String>,
}

impl Story {
    /// Plays it. The first condition that does not hold has a sentence.
    pub async fn play(self, exercise: &Exercise) -> CaseResult {
        let case = self.case;
        let failure = match self.held.await {
            Ok(conditions) => conditions.iter().position(|holds| !holds).map(|broken| {
                let sentence = exercise.stories.get(case).and_then(|told| told.get(broken));
                sentence.cloned().unwrap_or_default()
            }),
            Err(error) => Some(format!("The store could not answer: {error}.")),
        };
        CaseResult { case, failure }
    }
}
