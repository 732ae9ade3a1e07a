//! What a learner tries: pressed buttons, choices, or a word.
//!
//! It is in the address, and the server stores none of it. So the back button undoes a step, an attempt can be shared, and
//! there is no memory to bound. Values that cannot be read are left out.

use rescind_lab::Action;
use url::form_urlencoded;

use super::exercise::{Exercise, Kind, Try};
use crate::choices::Choices;

/// How many buttons one attempt may press. The longest answer needs eight.
pub(crate) const MOST_STEPS: usize = 20;
/// How long a word may be. The existing ones have less than twenty letters.
const LONGEST_WORD: usize = 60;

pub(crate) const STEPS: &str = "steps";
/// A button of the stage.
const ADD: &str = "action";
pub(crate) const UNDO: &str = "undo";
pub(crate) const WORD: &str = "word";
/// The step that is shown, if it is not the last one.
const SHOWN: &str = "my-step";
/// Judges the learner's own sandbox in the lab instead of the steps in the query.
pub(crate) const FROM: &str = "from";
pub(crate) const LAB: &str = "lab";
/// Judges the attempt instead of only showing it.
pub(crate) const CHECKED: &str = "checked";

/// Separates steps in an address, without escaping.
const BETWEEN: char = '.';

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Attempt {
    pub(crate) steps: Vec<Action>,
    pub(super) shown: Option<usize>,
    pub(crate) choices: Choices,
    pub(crate) word: String,
    pub(crate) is_checked: bool,
    /// Whether the sandbox in the lab is judged.
    pub(crate) is_in_the_lab: bool,
}

impl Try {
    /// As a learner would send it.
    pub(super) fn query(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        match self {
            Self::Steps(steps) => query.append_pair(STEPS, &written(steps)),
            Self::Chosen(chosen) => query.extend_pairs(chosen),
        };
        query.finish()
    }
}

impl Attempt {
    /// Reads a query, or the body of a form.
    pub(super) fn read(exercise: &'static Exercise, encoded: &[u8]) -> Self {
        let mut attempt = Self {
            steps: Vec::new(),
            shown: None,
            choices: Choices::read(&exercise.controls, &String::from_utf8_lossy(encoded)),
            word: String::new(),
            is_checked: false,
            is_in_the_lab: false,
        };
        let mut undo = false;
        let mut added: Option<Action> = None;
        for (name, value) in form_urlencoded::parse(encoded) {
            match &*name {
                STEPS => attempt.steps = value.split(BETWEEN).filter_map(|slug| slug.parse().ok()).collect(),
                ADD => added = value.parse().ok(),
                SHOWN => attempt.shown = value.parse().ok(),
                UNDO => undo = true,
                WORD => attempt.word = value.chars().take(LONGEST_WORD).collect(),
                CHECKED => attempt.is_checked = true,
                FROM => attempt.is_in_the_lab = *value == *LAB,
                _ => {}
            }
        }
        attempt.steps.extend(added);
        if undo {
            attempt.steps.pop();
        }
        match &exercise.kind {
            Kind::Sandbox { buttons, .. } => attempt.steps.retain(|step| buttons.contains(step)),
            _ => (attempt.steps, attempt.shown) = (Vec::new(), None),
        }
        attempt.steps.truncate(MOST_STEPS);
        attempt
    }

    pub(crate) fn query(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(self.choices.query());
        if !self.steps.is_empty() {
            query.append_pair(STEPS, &written(&self.steps));
        }
        if let Some(step) = self.shown {
            query.append_pair(SHOWN, &step.to_string());
        }
        if !self.word.is_empty() {
            query.append_pair(WORD, &self.word);
        }
        if self.is_in_the_lab {
            query.append_pair(FROM, LAB);
        }
        if self.is_checked {
            query.append_pair(CHECKED, "1");
        }
        query.finish()
    }
}

/// Steps, for a hidden field.
pub(crate) fn written(steps: &[Action]) -> String {
    let slugs: Vec<_> = steps.iter().map(|step| step.slug()).collect();
    slugs.join(&BETWEEN.to_string())
}
