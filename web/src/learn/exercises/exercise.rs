//! The data of an exercise, with one check that is run on each attempt.

use std::sync::LazyLock;

use rescind_lab::{Action, Answer};
use serde::{Deserialize, Deserializer, de::Error};

use super::goals;
use crate::{
    choices::Control,
    content::file,
    learn::{chapters::Chapter, experiment::script::Script, glossary::Term},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exercise {
    pub(crate) chapter: Chapter,
    /// The goal, not the way to it. Code stands between backticks.
    #[serde(default)]
    pub(crate) task: String,
    pub(crate) kind: Kind,
    /// What there is to choose. The names begin with `my-`: the chapter's experiment has its own controls. Code stands between
    /// backticks.
    #[serde(default)]
    pub(crate) controls: Vec<Control>,
    /// Opened one by one. Each leads closer, and the tests follow it.
    pub(crate) hints: [Hint; 3],
    pub(crate) solution: Solution,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// Buttons, pressed one after the other in a sandbox under one answer.
    Sandbox {
        answer: Answer,
        buttons: Vec<Action>,
        /// Reached in this order.
        goals: Vec<Goal>,
    },
    /// Choices, with which stories are then played.
    Measured(Vec<Measured>),
    /// A statement for each control, to be marked as true or false.
    Statements(Vec<Statement>),
    /// Lines of code, chosen here; or a file in an editor, whose run in the terminal ends with a word.
    Code(#[serde(deserialize_with = "in_code")] &'static rescind_exercises::Exercise),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Measured {
    pub(super) story: Script,
    pub(super) bounds: Vec<Bound>,
}

/// A condition on what happened in a sandbox.
#[derive(Deserialize)]
pub(crate) struct Goal {
    pub(crate) what: String,
    pub(crate) met: goals::Condition,
    /// What is missing, for a learner who has not reached it.
    pub(crate) missing: String,
}

/// A bound on a fact that is a number.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bound {
    pub(super) of: String,
    pub(super) at_most: u64,
    pub(super) what: String,
    pub(super) missing: String,
}

#[derive(Deserialize)]
pub(crate) struct Statement {
    pub(crate) is_so: bool,
    /// The explanation, after a wrong answer and then after a right one.
    pub(crate) because: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hint {
    /// Code stands between backticks.
    #[serde(default)]
    pub(crate) text: String,
    /// `None` if the hint says it all.
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
    Steps(Vec<Action>),
    /// Name and value of each choice.
    Chosen(Vec<(String, String)>),
}

/// Where to read on. Its address is built from the routes.
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
                let name = Term::of(anchor).map_or(anchor, |term| &term.name);
                format!("“{name}” in the glossary")
            }
        }
    }
}

/// The task and hints of an exercise in code come from `rescind-exercises`.
static ALL: LazyLock<Vec<Exercise>> = LazyLock::new(|| {
    #[derive(Deserialize)]
    struct File {
        exercise: Vec<Exercise>,
    }
    let mut all = file!("exercises.toml").data::<File>().exercise;
    for exercise in &mut all {
        if let Kind::Code(file) = exercise.kind {
            file.task.clone_into(&mut exercise.task);
            for (hint, told) in exercise.hints.iter_mut().zip(&file.hints) {
                told.text.clone_into(&mut hint.text);
            }
        }
    }
    all
});

/// Reads the number of a chapter whose exercise is done in code.
fn in_code<'de, D: Deserializer<'de>>(from: D) -> Result<&'static rescind_exercises::Exercise, D::Error> {
    let code = rescind_exercises::Exercise::of_chapter(u8::deserialize(from)?);
    code.ok_or_else(|| D::Error::custom("the exercise of this chapter is not done in code"))
}

impl Exercise {
    pub(crate) fn of(chapter: Chapter) -> &'static Self {
        let found = ALL.iter().find(|exercise| exercise.chapter == chapter);
        #[expect(clippy::expect_used, reason = "the tests ask for that of every chapter")]
        found.expect("every chapter has an exercise")
    }
}
