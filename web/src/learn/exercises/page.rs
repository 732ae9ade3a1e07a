//! How an exercise is drawn.

use std::sync::Arc;

use actix_web::HttpRequest;
use askama::Template;

use super::{
    address_of,
    attempt::{Attempt, FROM, LAB, MOST_STEPS, STEPS, UNDO, WORD, written},
    exercise::{Exercise, Hint, Kind, Try},
    progress::{Deed, progress_of},
    running::{Reached, Tried, in_the_lab, run, tried},
};
use crate::{
    lab::label,
    learn::{chapters::Chapter, reading::code_in},
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
    /// Whether the learner has done steps in the lab.
    in_the_lab: bool,
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
        address_of(self.exercise.chapter, &leads.query())
    }

    /// The choices in words.
    fn chosen(&self, chosen: &[(String, String)]) -> Vec<String> {
        let words = |(name, value): &(String, String)| {
            let control = self.exercise.controls.iter().find(|control| control.name == *name)?;
            let (_, words) = control.options.iter().find(|(offered, _)| offered == value)?;
            let label = control.label.trim_end_matches('.');
            Some(format!("{label}: {words}"))
        };
        chosen.iter().filter_map(words).collect()
    }
}

/// The stage of an attempt. At its last step there are the buttons.
fn staged(exercise: &Exercise, attempt: &Attempt, tried: &Tried) -> Stage {
    let chapter = exercise.chapter;
    let address = |shown| {
        let attempt = attempt.clone();
        address_of(chapter, &Attempt { shown, ..attempt }.query())
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
            after: Some(written(&attempt.steps)),
            ..Button::of(format!("{}#exercise", chapter.address()), label(*action))
        });
    }
    stage
}

/// The exercise at the end of a chapter, for a request's sender: HTML that begins with an `h2`.
pub(in crate::learn) async fn for_chapter(chapter: Chapter, request: &HttpRequest) -> actix_web::Result<String> {
    let exercise = Exercise::of(chapter);
    let mut attempt = Attempt::read(exercise, request.query_string().as_bytes());
    let progress = progress_of(request).of(chapter);
    let reached = if attempt.is_checked {
        Some(run(exercise, &attempt, request).await?)
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
            Kind::Sandbox { answer, .. } => in_the_lab(answer, request, |steps| !steps.is_empty()).await == Some(true),
            _ => false,
        },
        shows_answer: progress.shown,
        hints: exercise.hints.get(..open).unwrap_or_default(),
    };
    drawn.render().map_err(failed("an exercise could not be drawn"))
}
