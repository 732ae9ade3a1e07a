//! Runs an attempt in a sandbox of its own, of a bounded number of steps.

use std::sync::{Arc, LazyLock};

use actix_web::{HttpRequest, web};
use rescind_exercises::{Outcome as Story, play_chosen};
use rescind_lab::{
    Action, Answer, Outcome, Refused, Rollover, Sandbox, SandboxError, Step,
    meter::{Access, Store},
};
use rescind_session::Preset;

use super::{
    attempt::Attempt,
    exercise::{Bound, Code, Exercise, Figure, Goal, Kind, Measure, Statement, minutes, number, time},
};
use crate::{
    computed::Computed,
    content::Facts,
    lab::{Sandboxes, label},
    learn::{
        chapters::Chapter,
        experiment::{Play, Played},
    },
};

static REACHED: LazyLock<Computed<(Chapter, Attempt), Reached>> = LazyLock::new(|| Computed::keeping(256));
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
    /// The sentence if it is not met.
    pub(crate) missing: String,
}

impl Condition {
    pub(super) fn new(is_met: bool, what: impl Into<String>, missing: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            is_met,
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
    whose: Option<&HttpRequest>,
) -> actix_web::Result<Arc<Reached>> {
    match &exercise.kind {
        Kind::Sandbox { answer, goals, .. } if attempt.is_in_the_lab => {
            Ok(Arc::new(in_the_lab(*answer, goals, whose).await))
        }
        Kind::Sandbox { goals, .. } => {
            let tried = tried(exercise, attempt).await?;
            let steps = tried.as_ref().map_or(&[][..], |tried| tried.played.steps.as_slice());
            Ok(Arc::new(Reached::judged(judged(goals, steps))))
        }
        _ => {
            let key = (exercise.chapter, attempt.clone());
            let attempt = attempt.clone();
            let compute = move || async move { run_alone(exercise, &attempt).await };
            REACHED.of(&key, compute).await
        }
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

/// What the attempt alone determines.
async fn run_alone(exercise: &Exercise, attempt: &Attempt) -> Result<Reached, SandboxError> {
    match &exercise.kind {
        // Its steps are kept, and judged each time.
        Kind::Sandbox { goals, .. } => Ok(Reached::judged(judged(goals, &[]))),
        Kind::Parameters { run, bounds, .. } => {
            let figures = match run {
                Measure::AnHour => an_hour(attempt).await?,
                Measure::TwoServices => two_services(attempt).await?,
                Measure::NewKey => {
                    let keeps = humantime::parse_duration(attempt.of("my-keep").unwrap_or("0s")).unwrap_or_default();
                    let done = Rollover::run(attempt.of("my-order") == Some("known"), keeps)?;
                    vec![number("refused", done.refused), time("forged", done.forged)]
                }
            };
            Ok(Reached::judged(bounded(bounds, &figures)))
        }
        Kind::Statements(statements) => Ok(Reached::judged(stated(statements, attempt))),
        Kind::Code(code) if attempt.word.trim().is_empty() => Ok(Reached::judged(played(code, attempt).await)),
        Kind::Code(code) => Ok(Reached::judged(vec![Condition::new(
            code.file.is_completed_by(&attempt.word),
            "The run in the terminal has told you its word",
            "That is not the word: it is in the last line of the run, and only of one in which nothing fails.",
        )])),
    }
}

/// Plays the stories on the chosen lines.
async fn played(code: &Code, attempt: &Attempt) -> Vec<Condition> {
    if let Some(open) = code.lines.iter().find(|place| attempt.of(&place.name).is_none()) {
        let missing = format!("There is no line yet for: {}.", open.label);
        return vec![Condition::new(false, "Each place has a line", missing)];
    }
    let judge = |Story { case, failure }| {
        Condition::new(failure.is_none(), case.replace('_', " "), failure.unwrap_or_default())
    };
    let outcomes = play_chosen(code.file, &attempt.chosen).await;
    outcomes.into_iter().map(judge).collect()
}

async fn in_a_sandbox(answer: Answer, buttons: &[Action], actions: &[Action]) -> Result<Tried, SandboxError> {
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

/// In order: a goal reached too early does not count yet.
fn judged(goals: &[Goal], steps: &[Step]) -> Vec<Condition> {
    let mut so_far = true;
    let judge = |goal: &Goal| {
        so_far = so_far && goal.met.holds(steps);
        Condition::new(so_far, &goal.what, &goal.missing)
    };
    goals.iter().map(judge).collect()
}

/// Judges the learner's own sandbox in the lab.
async fn in_the_lab(answer: Answer, goals: &[Goal], whose: Option<&HttpRequest>) -> Reached {
    let judge = |sandbox: &Sandbox| judged(goals, sandbox.steps());
    let conditions = of_the_lab(answer, whose, judge).await;
    let nothing = conditions.is_none();
    Reached {
        stuck: nothing.then(|| "You have no sandbox under this answer in the lab.".to_owned()),
        ..Reached::judged(conditions.unwrap_or_else(|| judged(goals, &[])))
    }
}

pub(super) async fn steps_in_the_lab(answer: Answer, whose: &HttpRequest) -> usize {
    let count = |sandbox: &Sandbox| sandbox.steps().len();
    of_the_lab(answer, Some(whose), count).await.unwrap_or_default()
}

/// Looks at the learner's own sandbox, if there is one.
async fn of_the_lab<T>(answer: Answer, whose: Option<&HttpRequest>, look: impl FnOnce(&Sandbox) -> T) -> Option<T> {
    let request = whose?;
    let bench = request.app_data::<web::Data<Sandboxes>>()?.of(request)?;
    bench.look(answer, look).await
}

fn told(action: Action, why: Refused) -> String {
    format!("“{}” was left out: {why}.", label(action))
}

fn bounded(bounds: &[Bound], figures: &[Figure]) -> Vec<Condition> {
    let facts = figures.iter().fold(Facts::default(), |facts, (name, _, words)| {
        facts.with(name, words.as_str())
    });
    let judge = |bound: &Bound| {
        let figure = figures.iter().find(|(name, ..)| *name == bound.of);
        let is_met = figure.is_some_and(|(_, much, _)| *much <= bound.at_most);
        Condition::new(is_met, facts.fill(&bound.what), facts.fill(&bound.missing))
    };
    bounds.iter().map(judge).collect()
}

/// An hour of work with a call every five minutes. Then a thief copies the token, and you log out.
async fn an_hour(attempt: &Attempt) -> Result<Vec<Figure>, SandboxError> {
    const CALLS: usize = 12;
    let preset = match attempt.of("my-answer") {
        Some("rotation") => Preset::Rotation,
        Some("short-lived") => Preset::ShortLived,
        _ => Preset::ClientDelete,
    };
    let life = humantime::parse_duration(attempt.of("my-life").unwrap_or("12h")).unwrap_or(minutes(12 * 60));
    let mut play = Play::begin(Answer::Tokens(preset), |policy| policy.access_ttl = life).await?;
    play.press(Action::LogIn).await;
    let mut thrown_out = 0;
    for _ in 0..CALLS {
        play.press(Action::Wait5m).await;
        if play.press(Action::Call).await != Some(Outcome::Accepted) {
            thrown_out += 1;
            play.press(Action::LogIn).await;
        }
    }
    play.press_all(&[Action::CopyAccess, Action::LogOut]).await;
    play.thief_goes_on().await;
    let inside = play.inside_after_logout().unwrap_or_default();
    Ok(vec![time("inside", inside), number("thrown_out", thrown_out)])
}

/// The cost of a story under an answer: whether the copy is accepted after the logout, reads of either store, and cookies.
async fn cost(slug: Option<&str>, names: [&'static str; 4]) -> Result<[Figure; 4], SandboxError> {
    let answer = slug.and_then(|slug| slug.parse().ok());
    let answer = answer.unwrap_or(Answer::Tokens(Preset::ClientDelete));
    let mut play = Play::begin(answer, |_| {}).await?;
    play.press_all(&[Action::LogIn, Action::CopyAccess, Action::Call]).await;
    let calls = play.sandbox.steps().last().and_then(|step| step.exchanges.last());
    let count = |store| calls.map_or(0, |call| call.count(&[store], Access::Read));
    let (reads, blacklist) = (count(Store::Sessions), count(Store::Blacklist));
    let cookies = play.cookie_bytes();
    play.press(Action::LogOut).await;
    let lets_in = usize::from(play.press(Action::Replay).await != Some(Outcome::Refused));
    let [lets_in_name, reads_name, blacklist_name, cookies_name] = names;
    Ok([
        number(lets_in_name, lets_in),
        number(reads_name, reads),
        number(blacklist_name, blacklist),
        number(cookies_name, cookies),
    ])
}

async fn two_services(attempt: &Attempt) -> Result<Vec<Figure>, SandboxError> {
    let api = ["api_lets_in", "api_reads", "api_blacklist", "api_cookies"];
    let site = ["site_lets_in", "site_reads", "site_blacklist", "site_cookies"];
    let mut figures = Vec::from(cost(attempt.of("my-api"), api).await?);
    figures.extend(cost(attempt.of("my-site"), site).await?);
    Ok(figures)
}

fn stated(statements: &[Statement], attempt: &Attempt) -> Vec<Condition> {
    let judge = |(n, statement): (usize, &Statement)| {
        let said = attempt.of(&statement.name);
        let is_right = said == Some(if statement.is_so { "yes" } else { "no" });
        let missing = match said {
            None => format!("Statement {} is still open.", n + 1),
            Some(_) => format!("Statement {} is the other way round: {}", n + 1, statement.because),
        };
        let what = match is_right {
            true => format!("Statement {}: {}", n + 1, statement.because),
            false => format!("Statement {}", n + 1),
        };
        Condition::new(is_right, what, missing)
    };
    statements.iter().enumerate().map(judge).collect()
}
