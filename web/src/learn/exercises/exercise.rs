//! What an exercise is: data, and one check that is run on whatever a learner tries.

use std::time::Duration;

use actix_web::HttpRequest;
use rescind_lab::{Action, Answer, SandboxError, Step};

use super::{attempt::Attempt, running::Reached};
use crate::learn::{chapters::Chapter, glossary::TERMS};

/// What is to be solved at the end of a chapter.
pub(crate) struct Exercise {
    pub(crate) chapter: Chapter,
    /// What is to be reached, and not how. Code stands between backticks.
    pub(crate) task: &'static str,
    pub(crate) kind: Kind,
    /// To be opened one by one. Each leads closer, and the tests follow it.
    pub(crate) hints: [Hint; 3],
    pub(crate) solution: Solution,
}

/// How it is solved.
pub(crate) enum Kind {
    /// With buttons, pressed one after the other in a sandbox under one answer.
    Sandbox {
        answer: Answer,
        buttons: &'static [Action],
        /// To be reached in this order.
        goals: &'static [Goal],
    },
    /// By choosing. What was chosen is then run and measured.
    Parameters { settings: &'static [Setting], run: Measure },
    /// By saying of each statement whether it is so.
    Statements(&'static [Statement]),
    /// In an editor. The run in the terminal ends with a word.
    Code(&'static rescind_exercises::Exercise),
}

/// Something to be measured under what was chosen.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Measure {
    /// An hour of work, and a theft at its end.
    AnHour,
    /// One story at two services.
    TwoServices,
    /// A signing key is replaced while people are logged in.
    NewKey,
}

/// A condition on what happened in a sandbox.
pub(crate) struct Goal {
    pub(crate) what: &'static str,
    pub(crate) met: fn(&[Step]) -> bool,
    /// What is missing, to be told to whoever has not reached it.
    pub(crate) missing: &'static str,
}

/// A list of choices.
pub(crate) struct Setting {
    /// Its name in forms and addresses. It begins with `my-`: the chapter's experiment has controls of its own.
    pub(crate) name: &'static str,
    pub(crate) label: &'static str,
    /// The value, and what is read. The first is chosen where nothing else is.
    pub(crate) options: &'static [(&'static str, &'static str)],
}

/// Something that is so, or is not.
pub(crate) struct Statement {
    pub(crate) name: &'static str,
    pub(crate) says: &'static str,
    pub(crate) is_so: bool,
    /// For whoever got it wrong, and afterwards for whoever got it right.
    pub(crate) because: &'static str,
}

/// A hint, and where it leads.
pub(crate) struct Hint {
    /// Code stands between backticks.
    pub(crate) text: &'static str,
    pub(crate) leads: Option<Try>,
    pub(crate) read: Place,
}

/// The answer.
pub(crate) struct Solution {
    pub(crate) text: &'static str,
    pub(crate) steps: Try,
}

/// What a learner would send, as data.
#[derive(Clone, Copy)]
pub(crate) enum Try {
    /// Buttons, in this order.
    Steps(&'static [Action]),
    /// Name and value of each choice.
    Chosen(&'static [(&'static str, &'static str)]),
    /// The word with which the run of the chapter's code ends.
    Word,
}

/// Where to read on. Its address is put together from the routes, and so never typed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place {
    Chapter(Chapter),
    /// An entry of the glossary.
    Term(&'static str),
    /// One answer, step by step.
    Lab(Answer),
}

impl Place {
    pub(crate) fn address(self) -> String {
        match self {
            Self::Chapter(chapter) => chapter.address(),
            Self::Term(anchor) => format!("{}#{anchor}", super::super::GLOSSARY),
            Self::Lab(answer) => format!("/lab/{}", answer.slug()),
        }
    }

    pub(crate) fn name(self) -> String {
        match self {
            Self::Chapter(chapter) => format!("chapter {}, {}", chapter.number(), chapter.title()),
            Self::Term(anchor) => {
                let term = TERMS.iter().find(|term| term.anchor == *anchor);
                format!("“{}” in the glossary", term.map_or(anchor, |term| &term.name))
            }
            Self::Lab(answer) => format!("“{}” in the lab", answer.name()),
        }
    }
}

impl Try {
    /// The fields of the form that does the same.
    pub(crate) fn attempt(self, exercise: &Exercise) -> Attempt {
        match (self, &exercise.kind) {
            (Self::Steps(steps), _) => Attempt::of_steps(steps),
            (Self::Chosen(chosen), _) => Attempt::of_choices(chosen),
            (Self::Word, Kind::Code(code)) => Attempt::of_word(code.word()),
            (Self::Word, _) => Attempt::default(),
        }
    }
}

impl Exercise {
    /// What is tried, run and held against every condition. `whose`: from whom it came, for their sandboxes in the lab.
    ///
    /// # Errors
    /// A sandbox could not be set up.
    pub(super) async fn run(&self, attempt: &Attempt, whose: Option<&HttpRequest>) -> Result<Reached, SandboxError> {
        super::running::run(self, attempt, whose).await
    }
}

/// A length of time in a condition.
pub(super) const fn minutes(n: u64) -> Duration {
    Duration::from_secs(n * 60)
}
