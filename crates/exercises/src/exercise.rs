//! The texts of an exercise, for its page and for the terminal.

use std::sync::LazyLock;

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
    /// What is broken, as a heading.
    pub title: String,
    /// The symptoms, and what to do. Code is between backticks.
    pub task: String,
    /// The file to repair, from the root of the workspace.
    pub file: String,
    /// The file as it is delivered, from the root of the workspace.
    pub delivered: String,
    /// The command that prints what fails.
    pub recipe: String,
    pub command: String,
    /// The command that restores the delivered file, after a confirmation.
    pub reset: String,
    /// The cases of the suite that it must pass, from the root of the workspace.
    pub suite: String,
    /// Opened one by one. Following all of them solves the exercise.
    pub hints: [Hint; 3],
    word: String,
}

/// A hint, and the cases that it repairs.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hint {
    /// Code is between backticks.
    pub text: String,
    /// The cases that fail before the hint is followed and pass after it. Tests check this.
    pub mends: Vec<String>,
}

#[derive(Deserialize)]
struct Texts {
    chapters: Vec<String>,
    in_code: Vec<Exercise>,
}

static TEXTS: LazyLock<Texts> = LazyLock::new(|| {
    #[expect(
        clippy::expect_used,
        reason = "the file is part of the program, and every test reads it"
    )]
    toml::from_str(include_str!("../exercises.toml")).expect("exercises.toml is as described here")
});

/// All exercises in code, in the order of their chapters.
#[must_use]
pub fn in_code() -> &'static [Exercise] {
    &TEXTS.in_code
}

/// The path of a chapter's page in the demo. The first chapter is 1.
#[must_use]
pub fn chapter_path(number: u8) -> Option<String> {
    let slug = TEXTS.chapters.get(usize::from(number).checked_sub(1)?)?;
    Some(format!("/learn/{slug}"))
}

impl Exercise {
    /// The chapter's exercise, if it is done in code.
    #[must_use]
    pub fn of_chapter(number: u8) -> Option<&'static Self> {
        in_code().iter().find(|exercise| exercise.chapter == number)
    }

    /// The exercise with that number, for the terminal.
    ///
    /// # Errors
    /// [`UnknownExercise`], whose text explains what to do instead.
    pub fn asked_for(number: &str) -> Result<&'static Self, UnknownExercise> {
        let nothing = || UnknownExercise::NoSuchNumber(number.to_owned());
        let chapter = number.parse().map_err(|_| nothing())?;
        let path = chapter_path(chapter).ok_or_else(nothing)?;
        Self::of_chapter(chapter).ok_or(UnknownExercise::InTheBrowser { chapter, path })
    }

    /// The path of its chapter's page.
    #[must_use]
    pub fn page(&self) -> String {
        chapter_path(self.chapter).unwrap_or_default()
    }

    /// The word that a passing run prints, to be typed on the chapter's page.
    #[must_use]
    pub fn word(&self) -> &str {
        &self.word
    }

    /// Whether the text is the word, ignoring case and surrounding space.
    #[must_use]
    pub fn is_completed_by(&self, typed: &str) -> bool {
        typed.trim().eq_ignore_ascii_case(&self.word)
    }
}

/// The word of a chapter's exercise; `None` if that exercise is not done in code.
#[must_use]
pub fn completion_word(chapter: u8) -> Option<&'static str> {
    Exercise::of_chapter(chapter).map(Exercise::word)
}

/// No exercise in code has this number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownExercise {
    #[error("Exercise {chapter} is done in the browser: cargo run, then http://127.0.0.1:8080{path}")]
    InTheBrowser { chapter: u8, path: String },
    #[error(
        "There is no exercise “{0}”: they have the numbers of the chapters, 1 to {last}.",
        last = TEXTS.chapters.len()
    )]
    NoSuchNumber(String),
}
