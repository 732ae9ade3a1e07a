//! How an exercise is drawn.

use std::sync::Arc;

use actix_web::HttpRequest;
use askama::Template;
use rescind_lab::{Action, Answer};

use super::{
    address_of,
    attempt::{Attempt, FROM, LAB, MOST_STEPS, STEPS, UNDO, WORD},
    exercise::{Code, Exercise, Hint, Kind, Try},
    progress::{Deed, progress_of},
    running::{Reached, Tried, run, steps_in_the_lab, tried},
};
use crate::{
    lab::label,
    learn::reading::code_in,
    pages::failed,
    trace::stage::{Button, Stage},
};

#[derive(Template)]
#[template(path = "learn/exercise.html")]
struct Drawn {
    exercise: &'static Exercise,
    attempt: Attempt,
    /// What the attempt has done, if it is one of buttons.
    stage: Option<Stage>,
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

    fn lab(answer: &Answer) -> String {
        format!("/lab/{}", answer.slug())
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

/// The stage of an attempt. At its last step there are the buttons.
fn staged(exercise: &Exercise, attempt: &Attempt, tried: &Tried) -> Stage {
    let chapter = exercise.chapter;
    let address = |shown| {
        let attempt = attempt.clone();
        address_of(chapter, &Attempt { shown, ..attempt })
    };
    let mut stage = tried.played.staged(attempt.shown, "exercise-", address);
    stage.notice.clone_from(&tried.stuck);
    if stage.story.following().is_some() || attempt.steps.len() == MOST_STEPS {
        return stage;
    }
    for (action, why_not) in &tried.may {
        let group = match tried.played.group(*action) {
            "you" => &mut stage.you.may,
            "thief" => &mut stage.thief.may,
            _ => &mut stage.time,
        };
        group.push(Button {
            value: Some(action.slug()),
            why_not: why_not.clone(),
            after: Some(attempt.written_steps()),
            ..Button::of(format!("{}#exercise", chapter.address()), label(*action))
        });
    }
    stage
}

pub(super) async fn draw(
    exercise: &'static Exercise,
    attempt: Attempt,
    request: &HttpRequest,
) -> actix_web::Result<String> {
    let progress = progress_of(request).of(exercise.chapter);
    let mut attempt = attempt;
    let reached = if attempt.is_checked {
        Some(run(exercise, &attempt, Some(request)).await?)
    } else {
        None
    };
    let stage = tried(exercise, &attempt).await?.map(|tried| {
        // A step that was not possible is no part of the attempt.
        attempt.steps.truncate(tried.played.steps.len());
        staged(exercise, &attempt, &tried)
    });
    let open = usize::from(progress.hints).min(exercise.hints.len());
    let drawn = Drawn {
        exercise,
        attempt,
        stage,
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
