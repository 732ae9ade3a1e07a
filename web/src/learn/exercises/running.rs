//! Runs an attempt in a sandbox of its own, of a bounded number of steps.

use std::sync::{Arc, LazyLock};

use actix_web::{HttpRequest, web};
use rescind_exercises::{CaseResult, play_chosen};
use rescind_lab::{Action, Answer, Error, Refused, Step};

use super::{
    attempt::Attempt,
    exercise::{Exercise, Goal, Kind, Measured, Statement},
};
use crate::{
    choices::{Choices, Control},
    computed::Computed,
    content::yes,
    lab::{Sandboxes, label},
    learn::{
        chapters::Chapter,
        experiment::{Play, Played},
    },
};

static REACHED: LazyLock<Computed<(Chapter, Choices), Reached>> = LazyLock::new(|| Computed::keeping(256));
static TRIED: LazyLock<Computed<(Chapter, Vec<Action>), Tried>> = LazyLock::new(|| Computed::keeping(32));

/// What an attempt has done in a sandbox.
pub(super) struct Tried {
    pub(super) played: Played,
    /// A step that was not possible, and why.
    pub(super) stuck: Option<String>,
    /// The buttons, and why some of them cannot be pressed next.
    pub(super) may: Vec<(Action, Option<String>)>,
}

pub(crate) struct Reached {
    pub(crate) conditions: Vec<Condition>,
    /// Why nothing could be judged.
    pub(crate) stuck: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) what: String,
    pub(crate) is_met: bool,
    /// It happened before this one, which has to come first.
    pub(crate) too_early_for: Option<String>,
    /// The sentence if it is not met.
    pub(crate) missing: String,
}

impl Condition {
    pub(super) fn new(is_met: bool, what: impl Into<String>, missing: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            is_met,
            too_early_for: None,
            missing: missing.into(),
        }
    }
}

impl Reached {
    fn judged(conditions: Vec<Condition>) -> Self {
        Self {
            conditions,
            stuck: None,
        }
    }

    /// The first thing that is missing; `None`, if the exercise is solved.
    pub(crate) fn missing(&self) -> Option<&str> {
        let missing = self.conditions.iter().find(|condition| !condition.is_met)?;
        Some(&missing.missing)
    }
}

pub(super) async fn run(
    exercise: &'static Exercise,
    attempt: &Attempt,
    whose: &HttpRequest,
) -> actix_web::Result<Arc<Reached>> {
    let key = (exercise.chapter, attempt.choices.clone());
    match &exercise.kind {
        Kind::Sandbox { answer, goals, .. } if attempt.is_in_the_lab => {
            Ok(Arc::new(reached_in_the_lab(*answer, goals, whose).await))
        }
        Kind::Sandbox { goals, .. } => {
            let tried = tried(exercise, attempt).await?;
            let steps = tried.as_ref().map_or(&[][..], |tried| tried.played.steps.as_slice());
            Ok(Arc::new(Reached::judged(judged(goals, steps))))
        }
        Kind::Measured(stories) => {
            let choices = attempt.choices.clone();
            let compute = move || async move { measured(stories, &choices).await.map(Reached::judged) };
            REACHED.of(&key, compute).await
        }
        Kind::Code(code) if attempt.word.trim().is_empty() => {
            let choices = attempt.choices.clone();
            let compute =
                move || async move { Ok::<_, Error>(Reached::judged(played(exercise, code, &choices).await)) };
            REACHED.of(&key, compute).await
        }
        Kind::Code(code) => Ok(Arc::new(Reached::judged(vec![Condition::new(
            code.is_completed_by(&attempt.word),
            "The run in the terminal has told you its word",
            "That is not the word: it is in the last line of the run, and only of one in which nothing fails.",
        )]))),
        Kind::Statements(statements) => Ok(Arc::new(Reached::judged(stated(exercise, statements, attempt)))),
    }
}

/// Presses the attempt's buttons, if it is one of buttons.
pub(super) async fn tried(exercise: &'static Exercise, attempt: &Attempt) -> actix_web::Result<Option<Arc<Tried>>> {
    let Kind::Sandbox { answer, buttons, .. } = &exercise.kind else {
        return Ok(None);
    };
    let key = (exercise.chapter, attempt.steps.clone());
    let steps = attempt.steps.clone();
    let compute = move || async move { in_a_sandbox(*answer, buttons, &steps).await };
    TRIED.of(&key, compute).await.map(Some)
}

/// Plays the stories on the chosen lines.
async fn played(exercise: &Exercise, code: &rescind_exercises::Exercise, choices: &Choices) -> Vec<Condition> {
    let mut chosen = Vec::new();
    for place in &exercise.controls {
        let Some(line) = choices.of(&place.name) else {
            let missing = format!("There is no line yet for: {}.", place.label);
            return vec![Condition::new(false, "Each place has a line", missing)];
        };
        chosen.push((place.name.clone(), line.to_owned()));
    }
    let judge = |CaseResult { case, failure }| {
        Condition::new(failure.is_none(), case.replace('_', " "), failure.unwrap_or_default())
    };
    let outcomes = play_chosen(code, &chosen).await;
    outcomes.into_iter().map(judge).collect()
}

async fn in_a_sandbox(answer: Answer, buttons: &[Action], actions: &[Action]) -> Result<Tried, Error> {
    let mut play = Play::begin(answer, |_| {}).await?;
    let mut stuck = None;
    for action in actions {
        if let Err(why) = play.sandbox.can(*action) {
            stuck = Some(told(*action, why));
            break;
        }
        play.press(*action).await;
    }
    let can = |action: &Action| (*action, play.sandbox.can(*action).err().map(|why| why.to_string()));
    Ok(Tried {
        stuck,
        may: buttons.iter().map(can).collect(),
        played: play.played,
    })
}

/// In order: a goal reached too early does not count yet, and names the one that has to come first.
fn judged(goals: &[Goal], steps: &[Step]) -> Vec<Condition> {
    let held = goals.iter().map(|goal| goal.met.holds(steps));
    let mut conditions: Vec<_> = goals
        .iter()
        .zip(held)
        .map(|(goal, holds)| Condition::new(holds, &goal.what, &goal.missing))
        .collect();
    let next = conditions
        .iter()
        .position(|condition| !condition.is_met)
        .unwrap_or(conditions.len());
    let Some((next, later)) = conditions[next..].split_first_mut() else {
        return conditions;
    };
    for early in later.iter_mut().filter(|condition| condition.is_met) {
        early.is_met = false;
        early.too_early_for = Some(next.what.clone());
    }
    if later.iter().any(|condition| condition.too_early_for.is_some()) {
        next.missing = format!("“{}” has to come first. {}", next.what, next.missing);
    }
    conditions
}

/// Judges the learner's own sandbox in the lab.
async fn reached_in_the_lab(answer: Answer, goals: &[Goal], whose: &HttpRequest) -> Reached {
    let conditions = in_the_lab(answer, whose, |steps| judged(goals, steps)).await;
    Reached {
        stuck: match conditions {
            Some(_) => None,
            None => Some("You have no sandbox under this answer in the lab.".to_owned()),
        },
        conditions: conditions.unwrap_or_else(|| judged(goals, &[])),
    }
}

/// What is true of the learner's steps in the lab; `None` without a sandbox.
pub(super) async fn in_the_lab<T>(answer: Answer, whose: &HttpRequest, of: impl FnOnce(&[Step]) -> T) -> Option<T> {
    let bench = whose.app_data::<web::Data<Sandboxes>>()?.of(whose)?;
    bench.look(answer, |sandbox| of(sandbox.steps())).await
}

fn told(action: Action, why: Refused) -> String {
    format!("“{}” was left out: {why}.", label(action))
}

/// Plays the stories with the choices.
async fn measured(stories: &'static [Measured], choices: &Choices) -> Result<Vec<Condition>, Error> {
    let mut conditions = Vec::new();
    for Measured { story, bounds } in stories {
        let (_, facts) = story.run(choices).await?;
        conditions.extend(bounds.iter().map(|bound| {
            let number = facts.get(&bound.of).and_then(|number| number.parse::<u64>().ok());
            let is_met = number.is_some_and(|number| number <= bound.at_most);
            Condition::new(is_met, facts.fill(&bound.what), facts.fill(&bound.missing))
        }));
    }
    Ok(conditions)
}

fn stated(exercise: &Exercise, statements: &[Statement], attempt: &Attempt) -> Vec<Condition> {
    let judge = |((control, statement), n): ((&Control, &Statement), usize)| {
        let said = attempt.choices.of(&control.name);
        let is_right = said == Some(yes(statement.is_so));
        let missing = match said {
            None => format!("Statement {n} is still open."),
            Some(_) => format!("Statement {n} is the other way round: {}", statement.because),
        };
        let what = match is_right {
            true => format!("Statement {n}: {}", statement.because),
            false => format!("Statement {n}"),
        };
        Condition::new(is_right, what, missing)
    };
    exercise.controls.iter().zip(statements).zip(1..).map(judge).collect()
}
