//! How an exercise is drawn.

use std::sync::Arc;

use actix_web::HttpRequest;
use askama::Template;
use rescind_lab::{Action, Answer};

use super::{
    address_of,
    attempt::{ADD, Attempt, FROM, LAB, MOST_STEPS, STEPS, UNDO, WORD},
    exercise::{Code, Exercise, Hint, Kind, Try},
    progress::{Deed, progress_of},
    running::{Reached, run, steps_in_the_lab},
};
use crate::{lab::label, learn::reading::code_in, pages::failed};

#[derive(Template)]
#[template(path = "learn/exercise.html")]
struct Drawn {
    exercise: &'static Exercise,
    attempt: Attempt,
    /// The result, if there was an attempt.
    reached: Option<Arc<Reached>>,
    is_solved: bool,
    shows_answer: bool,
    /// How many steps the learner has done in the lab, if the exercise can be done there.
    in_the_lab: usize,
    hints: &'static [Hint],
}

impl Drawn {
    fn action(&self, deed: Deed) -> String {
        deed.address(self.exercise.chapter)
    }

    fn here(&self) -> String {
        format!("{}#exercise", self.exercise.chapter.address())
    }

    /// The page with a hint's attempt.
    fn tried(&self, leads: &Try) -> String {
        address_of(self.exercise.chapter, &leads.attempt())
    }

    /// Text with `code` between backticks, as HTML.
    fn html(text: &str) -> String {
        code_in(text)
    }

    fn button(action: &Action) -> &'static str {
        label(*action)
    }

    fn lab(answer: &Answer) -> String {
        format!("/lab/{}", answer.slug())
    }

    fn is_in_a_sandbox(&self) -> bool {
        matches!(self.exercise.kind, Kind::Sandbox { .. })
    }

    fn is_full(&self) -> bool {
        self.attempt.steps.len() >= MOST_STEPS
    }

    fn hints_left(&self) -> bool {
        self.hints.len() < self.exercise.hints.len()
    }

    /// The buttons' labels of a list of steps.
    fn in_words(steps: &[Action]) -> Vec<&'static str> {
        steps.iter().map(|step| label(*step)).collect()
    }

    /// The choices' labels.
    fn chosen(&self, chosen: &[(String, String)]) -> Vec<String> {
        let words = |(name, value): &(String, String)| match &self.exercise.kind {
            Kind::Parameters { settings, .. } | Kind::Code(Code { lines: settings, .. }) => {
                let setting = settings.iter().find(|setting| setting.name == *name)?;
                let (_, words) = setting.options.iter().find(|(offered, _)| offered == value)?;
                Some(format!("{}: {words}", setting.label))
            }
            Kind::Statements(statements) => {
                let n = statements.iter().position(|statement| statement.name == *name)?;
                Some(format!(
                    "Statement {}: {}",
                    n + 1,
                    if *value == "yes" { "it is so" } else { "it is not so" }
                ))
            }
            Kind::Sandbox { .. } => None,
        };
        chosen.iter().filter_map(words).collect()
    }
}

pub(super) async fn draw(
    exercise: &'static Exercise,
    attempt: Attempt,
    request: &HttpRequest,
) -> actix_web::Result<String> {
    let progress = progress_of(request).of(exercise.chapter);
    let is_to_be_run = match exercise.kind {
        // The steps so far are shown, but not judged.
        Kind::Sandbox { .. } => !attempt.is_empty() || attempt.is_checked,
        _ => attempt.is_checked,
    };
    let mut attempt = attempt;
    let reached = if is_to_be_run {
        Some(run(exercise, &attempt, Some(request)).await?)
    } else {
        None
    };
    // A step that was not possible is no part of the attempt.
    if let (Some(reached), Kind::Sandbox { .. }, false) = (&reached, &exercise.kind, attempt.is_in_the_lab) {
        attempt.steps.truncate(reached.done);
    }
    let open = usize::from(progress.hints).min(exercise.hints.len());
    let drawn = Drawn {
        exercise,
        attempt,
        reached,
        is_solved: progress.solved,
        in_the_lab: match exercise.kind {
            Kind::Sandbox { answer, .. } => steps_in_the_lab(answer, request).await,
            _ => 0,
        },
        shows_answer: progress.shown,
        hints: exercise.hints.get(..open).unwrap_or_default(),
    };
    drawn.render().map_err(failed("an exercise could not be drawn"))
}
