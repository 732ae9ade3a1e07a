//! The texts of an exercise, for its page and for the terminal.

use std::{collections::BTreeMap, sync::LazyLock};

use serde::Deserialize;

/// An exercise that is done in code: a file to repair, and a run that prints what fails.
///
/// A passing run prints a word, which the learner types on the page: the two share no state. The word is readable in
/// `exercises.toml`, since cheating at an exercise gains nothing. Rejected: a word computed from the learner's file. The
/// page would have to know all files that pass.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exercise {
    /// The number of its chapter, and its own.
    pub chapter: u8,
    /// The path of that chapter's page.
    pub page: String,
    /// What is broken, as a heading.
    pub title: String,
    /// The symptoms, and what to do. Code is between backticks.
    pub task: String,
    /// The file to repair, from the root of the workspace. The recipe copies it from `stages/`.
    pub file: String,
    /// The command that prints what fails.
    pub recipe: String,
    /// The same without `just`, once the file is there.
    pub command: String,
    /// The command that restores the delivered file, after a confirmation.
    pub reset: String,
    /// The cases of the suite that it must pass, from the root of the workspace.
    pub suite: String,
    /// Opened one by one. Following all of them solves the exercise.
    pub hints: [Hint; 3],
    /// By the case of a story: what went wrong, a sentence for each of its conditions.
    pub stories: BTreeMap<String, Vec<String>>,
    /// What a passing run prints, to be typed on the chapter's page.
    pub word: String,
}

/// A hint, and the cases that it repairs.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hint {
    /// Code is between backticks.
    pub text: String,
    /// The cases that fail before the hint is followed and pass after it. Tests check this.
    pub repairs: Vec<String>,
}

/// All exercises in code, in the order of their chapters.
#[must_use]
pub fn in_code() -> &'static [Exercise] {
    #[derive(Deserialize)]
    struct Texts {
        in_code: Vec<Exercise>,
    }
    static TEXTS: LazyLock<Texts> = LazyLock::new(|| {
        #[expect(
            clippy::expect_used,
            reason = "the file is part of the program, and every test reads it"
        )]
        toml::from_str(include_str!("../exercises.toml")).expect("exercises.toml is as described here")
    });
    &TEXTS.in_code
}

impl Exercise {
    /// The chapter's exercise, if it is done in code.
    #[must_use]
    pub fn of_chapter(number: u8) -> Option<&'static Self> {
        in_code().iter().find(|exercise| exercise.chapter == number)
    }

    /// Whether the text is the word, ignoring case and surrounding space.
    #[must_use]
    pub fn is_completed_by(&self, typed: &str) -> bool {
        typed.trim().eq_ignore_ascii_case(&self.word)
    }
}
