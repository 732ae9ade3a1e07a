//! The texts of an exercise, for its page and for the terminal.

use std::fmt::{self, Display, Formatter};

use crate::{SLUGS, chapter_path};

/// An exercise that is done in code: a file to repair, and a run that prints what fails.
///
/// A passing run prints a word, which the learner types on the page: the two share no state. The word is readable here,
/// since cheating at an exercise gains nothing. Rejected: a word computed from the learner's file. The page would have
/// to know all files that pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exercise {
    /// The number of its chapter, and its own.
    pub chapter: u8,
    /// What is broken, as a heading.
    pub title: &'static str,
    /// The symptoms, and what to do. Code is between backticks.
    pub task: &'static str,
    /// The file to repair, from the root of the workspace.
    pub file: &'static str,
    /// The command that prints what fails.
    pub recipe: &'static str,
    pub command: &'static str,
    /// The command that restores the delivered file, after a confirmation.
    pub reset: &'static str,
    /// The cases of the suite that it must pass, from the root of the workspace.
    pub suite: &'static str,
    /// Opened one by one. Following all of them solves the exercise.
    pub hints: [Hint; 3],
    /// The file as it is delivered.
    pub delivered: &'static str,
    /// One possible solution.
    pub solved: &'static str,
    word: &'static str,
}

/// A hint, and the cases that it repairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hint {
    /// Code is between backticks.
    pub text: &'static str,
    /// The cases that fail before the hint is followed and pass after it. Tests check this.
    pub mends: &'static [&'static str],
}

/// All exercises in code, in the order of their chapters.
pub const IN_CODE: [Exercise; 2] = [
    Exercise {
        chapter: 6,
        title: "A blacklist that lets people back in",
        task: "This blacklist was tried by its author with one token, once. Its users are logged out and let in again: with \
               other tokens of the same session, after the next round of pruning, or at the end of the first of two \
               revocations. Repair `insert`, `check` and `prune`.",
        file: "crates/exercises/mend/blacklist.rs",
        recipe: "just exercise 6",
        command: "cargo test -p rescind-exercises --test exercise_6",
        reset: "just exercise-reset 6",
        suite: "crates/conformance/src/blacklist.rs",
        hints: [
            Hint {
                text: "A logout does not revoke a token. It revokes the session, and so every token of it, with one entry: \
                       `Scope::Session`. `check` is given both ids. Which entries does it look for?",
                mends: &[
                    "a_logout_refuses_every_token_of_the_session",
                    "a_session_entry_refuses_every_token_of_it",
                    "one_insert_takes_many_entries",
                    "an_entry_past_its_until_refuses_until_it_is_pruned",
                    "a_pruned_batch_is_bounded",
                    "an_entry_refuses_in_an_incomplete_blacklist",
                    "a_blacklist_filled_to_the_end_is_complete",
                ],
            },
            Hint {
                text: "A revocation carries two times. `at` is when it was made, and lies in the past from the first moment \
                       on. `until` is when the last token that it covers is dead. Only one of them permits `prune` to \
                       remove anything, and from that moment on, not before.",
                mends: &[
                    "pruning_forgets_nothing_that_may_still_be_alive",
                    "of_two_revocations_the_later_end_counts_even_if_it_came_first",
                    "an_entry_is_pruned_at_its_until_and_not_before",
                    "one_scope_stays_when_the_other_is_removed",
                    "what_was_inserted_is_seen_by_every_later_check",
                ],
            },
            Hint {
                text: "The same token may be revoked again, for longer or for shorter. `insert` keeps whichever came first. \
                       Neither the first nor the last is right: keep the later `until`.",
                mends: &[
                    "of_two_revocations_of_one_token_the_later_end_counts",
                    "the_later_until_is_kept",
                ],
            },
        ],
        delivered: include_str!("../stages/blacklist/delivered.rs"),
        solved: include_str!("../stages/blacklist/solved.rs"),
        word: "quince-lantern",
    },
    Exercise {
        chapter: 8,
        title: "A refresh that loses races",
        task: "This refresh serves one tab well. With two tabs, people are logged out. A thief is not noticed. And one used \
               token is answered for as long as somebody goes on presenting it. Repair `rotate`, then `refresh`.",
        file: "crates/exercises/mend/rotation.rs",
        recipe: "just exercise 8",
        command: "cargo test -p rescind-exercises --test exercise_8",
        reset: "just exercise-reset 8",
        suite: "crates/conformance/src/rotating.rs",
        hints: [
            Hint {
                text: "What `rotate` has read is old by the time it writes: others wrote in between. Let the table do both at \
                       once, with `Where::Generation`, and believe the number of rows that `update` has changed. Where it \
                       is none, somebody else was faster, or the session is closed: that is `Rotated::Lost`.",
                mends: &[
                    "two_who_rotate_at_once_are_not_both_told_that_they_did",
                    "a_copy_two_generations_old_buys_nothing_however_slow_it_comes",
                    "a_logout_beside_a_refresh_wins",
                    "exactly_one_of_a_hundred_rotations_of_one_generation_wins",
                    "a_session_without_a_refresh_token_does_not_rotate",
                    "a_revocation_outlives_the_tokens_of_rotations_that_race_it",
                    "a_rotation_that_races_close_all_reopens_nothing",
                ],
            },
            Hint {
                text: "To lose a race proves no theft: a second tab loses as well. In `refresh`, after \
                       `Rotated::Lost`, look at the row again, and judge by what the winner wrote.",
                mends: &["two_tabs_at_once_both_stay_logged_in"],
            },
            Hint {
                text: "The grace is counted from the first exchange, whose `rotate` has written its end. An answer to \
                       `Judgement::Repeat` has nothing to write.",
                mends: &["the_grace_ends_ten_seconds_after_the_first_exchange"],
            },
        ],
        delivered: include_str!("../stages/rotation/delivered.rs"),
        solved: include_str!("../stages/rotation/solved.rs"),
        word: "marble-ferry",
    },
];

impl Exercise {
    /// The chapter's exercise, if it is done in code.
    #[must_use]
    pub fn of_chapter(number: u8) -> Option<&'static Self> {
        IN_CODE.iter().find(|exercise| exercise.chapter == number)
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
    pub fn word(&self) -> &'static str {
        self.word
    }

    /// Whether the text is the word, ignoring case and surrounding space.
    #[must_use]
    pub fn is_completed_by(&self, typed: &str) -> bool {
        typed.trim().eq_ignore_ascii_case(self.word)
    }
}

/// The word of a chapter's exercise; `None` if that exercise is not done in code.
#[must_use]
pub fn completion_word(chapter: u8) -> Option<&'static str> {
    Exercise::of_chapter(chapter).map(Exercise::word)
}

/// No exercise in code has this number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnknownExercise {
    /// The exercise is done in the browser.
    InTheBrowser {
        chapter: u8,
        path: String,
    },
    NoSuchNumber(String),
}

impl Display for UnknownExercise {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::InTheBrowser { chapter, path } => write!(
                f,
                "Exercise {chapter} is done in the browser: cargo run, then http://127.0.0.1:8080{path}"
            ),
            Self::NoSuchNumber(number) => write!(
                f,
                "There is no exercise “{number}”: they have the numbers of the chapters, 1 to {}.",
                SLUGS.len()
            ),
        }
    }
}

impl std::error::Error for UnknownExercise {}
