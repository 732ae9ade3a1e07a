//! What an exercise is: data, and one check that is run on whatever a learner tries.

use std::{sync::LazyLock, time::Duration};

use rescind_lab::{Action, Answer};
use serde::{Deserialize, Deserializer, de::Error};

use super::goals;
use crate::{
    choices::Control,
    content::{all_named, named},
    learn::{chapters::Chapter, glossary::TERMS},
    pages::times::length,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exercise {
    pub(crate) chapter: Chapter,
    /// What is to be reached, and not how. Code stands between backticks.
    #[serde(default)]
    pub(crate) task: String,
    pub(crate) kind: Kind,
    /// To be opened one by one. Each leads closer, and the tests follow it.
    pub(crate) hints: [Hint; 3],
    pub(crate) solution: Solution,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// With buttons, pressed one after the other in a sandbox under one answer.
    Sandbox {
        #[serde(deserialize_with = "named")]
        answer: Answer,
        #[serde(deserialize_with = "all_named")]
        buttons: Vec<Action>,
        /// To be reached in this order.
        goals: Vec<Goal>,
    },
    /// By choosing. What was chosen is then run and measured. The names of the settings begin with `my-`: the chapter's
    /// experiment has controls of its own.
    Parameters {
        settings: Vec<Control>,
        run: Measure,
        bounds: Vec<Bound>,
    },
    /// By saying of each statement whether it is so.
    Statements(Vec<Statement>),
    /// In an editor. The run in the terminal ends with a word.
    Code(#[serde(deserialize_with = "in_code")] &'static rescind_exercises::Exercise),
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Measure {
    /// An hour of work, and a theft at its end.
    AnHour,
    /// One story at two services.
    TwoServices,
    /// A signing key is replaced while people are logged in.
    NewKey,
}

/// A condition on what happened in a sandbox.
#[derive(Deserialize)]
pub(crate) struct Goal {
    pub(crate) what: String,
    #[serde(deserialize_with = "named")]
    pub(crate) met: goals::Condition,
    /// What is missing, to be told to whoever has not reached it.
    pub(crate) missing: String,
}

/// How much is allowed of something that was measured.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bound {
    /// The figure's name, which stands for it in the sentences too.
    pub(super) of: String,
    pub(super) at_most: u64,
    pub(super) what: String,
    pub(super) missing: String,
}

#[derive(Deserialize)]
pub(crate) struct Statement {
    pub(crate) name: String,
    pub(crate) says: String,
    pub(crate) is_so: bool,
    /// For whoever got it wrong, and afterwards for whoever got it right.
    pub(crate) because: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hint {
    /// Code stands between backticks.
    #[serde(default)]
    pub(crate) text: String,
    /// Nowhere in an exercise in code: there it is followed by the tests of that exercise, file by file.
    pub(crate) leads: Option<Try>,
    pub(crate) read: Place,
}

#[derive(Deserialize)]
pub(crate) struct Solution {
    pub(crate) text: String,
    pub(crate) steps: Try,
}

/// What a learner would send, as data.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Try {
    /// Buttons, in this order.
    Steps(#[serde(deserialize_with = "all_named")] Vec<Action>),
    /// Name and value of each choice.
    Chosen(Vec<(String, String)>),
    /// The word with which the run of the chapter's code ends.
    Word,
}

/// Where to read on. Its address is put together from the routes, and so never typed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Place {
    Chapter(Chapter),
    /// An entry of the glossary.
    Term(String),
}

impl Place {
    pub(crate) fn address(&self) -> String {
        match self {
            Self::Chapter(chapter) => chapter.address(),
            Self::Term(anchor) => format!("{}#{anchor}", super::super::GLOSSARY),
        }
    }

    pub(crate) fn name(&self) -> String {
        match self {
            Self::Chapter(chapter) => format!("chapter {}, {}", chapter.number(), chapter.title),
            Self::Term(anchor) => {
                let term = TERMS.iter().find(|term| term.anchor == *anchor);
                format!("“{}” in the glossary", term.map_or(anchor, |term| &term.name))
            }
        }
    }
}

pub(super) const TEXT: &str = include_str!("../../../content/exercises.toml");

static TWELVE: LazyLock<Vec<Exercise>> = LazyLock::new(|| {
    #[expect(
        clippy::expect_used,
        reason = "the file is a part of the program, and the tests read it"
    )]
    read(TEXT).expect("content/exercises.toml is valid")
});

/// Reads such a file. An exercise in code gets its task and its hints from that exercise.
///
/// # Errors
/// The text cannot be read, or names what does not exist.
pub(super) fn read(text: &str) -> Result<Vec<Exercise>, toml::de::Error> {
    #[derive(Deserialize)]
    struct File {
        exercise: Vec<Exercise>,
    }
    let mut file: File = toml::from_str(text)?;
    for exercise in &mut file.exercise {
        if let Kind::Code(code) = exercise.kind {
            code.task.clone_into(&mut exercise.task);
            for (hint, told) in exercise.hints.iter_mut().zip(&code.hints) {
                told.text.clone_into(&mut hint.text);
            }
        }
    }
    Ok(file.exercise)
}

/// Reads the number of a chapter whose exercise is done in code.
fn in_code<'de, D: Deserializer<'de>>(from: D) -> Result<&'static rescind_exercises::Exercise, D::Error> {
    let code = rescind_exercises::Exercise::of_chapter(u8::deserialize(from)?);
    code.ok_or_else(|| D::Error::custom("the exercise of this chapter is not done in code"))
}

impl Exercise {
    pub(crate) fn of(chapter: Chapter) -> &'static Self {
        let found = TWELVE.iter().find(|exercise| exercise.chapter == chapter);
        #[expect(clippy::expect_used, reason = "the tests ask for that of every chapter")]
        found.expect("every chapter has an exercise")
    }
}

pub(super) const fn minutes(n: u64) -> Duration {
    Duration::from_secs(n * 60)
}

/// Something that was measured: its name, how much of it there is, and the same in words.
pub(super) type Figure = (&'static str, u64, String);

pub(super) fn number(name: &'static str, number: usize) -> Figure {
    (name, u64::try_from(number).unwrap_or(u64::MAX), number.to_string())
}

pub(super) fn time(name: &'static str, time: Duration) -> Figure {
    (name, time.as_secs(), length(time))
}
