//! What is to be tried under a chapter's prose.
//!
//! Each chapter names a place of the lab and what to look for there.

/// A place of the lab, and how it is set when one comes from a chapter.
#[expect(dead_code, reason = "the lab does not draw them yet")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Experiment {
    /// One story under every answer, side by side.
    Compare,
    /// One answer, step by step.
    Answer(&'static str),
    /// Two tabs that refresh at once.
    Race,
    /// A token taken apart, and checked.
    Inspector,
}
