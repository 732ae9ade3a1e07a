//! The report for the learner.

use std::{
    fmt::{self, Display, Formatter},
    io::{self, Write},
    panic,
    process::ExitCode,
};

use super::{Outcome, Story, trial};
use crate::Exercise;

/// The width at which lines are broken.
const WIDTH: usize = 100;
/// How many lines of one failure are printed. Some panics print a complete row.
const LINES: usize = 4;
/// The width of the widest verdict and the space around it.
const INDENT: &str = "         ";

/// The outcomes of all cases.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct Report {
    /// The exercise's own cases, whose failures are sentences.
    pub stories: Vec<Outcome>,
    /// The suite that every adapter must pass.
    pub suite: Vec<Outcome>,
}

impl Report {
    #[must_use]
    pub fn passes(&self) -> bool {
        self.failing().next().is_none()
    }

    /// The names of the cases that fail.
    pub fn failing(&self) -> impl Iterator<Item = &'static str> {
        self.stories
            .iter()
            .chain(&self.suite)
            .filter(|outcome| outcome.failure.is_some())
            .map(|outcome| outcome.case)
    }

    /// Plays the stories.
    pub(super) fn of(stories: Vec<Story>) -> Self {
        let play = |Story { case, told }| Outcome {
            case,
            failure: trial::attempt(told).err(),
        };
        Self {
            stories: stories.into_iter().map(play).collect(),
            suite: Vec::new(),
        }
    }

    /// A case of the suite fails by panicking.
    pub(super) fn suite(&mut self, case: &'static str, asserting: impl Future<Output = ()>) {
        let failure = trial::attempt(async {
            asserting.await;
            Ok(())
        })
        .err();
        self.suite.push(Outcome { case, failure });
    }

    /// The report for the learner: what fails and how, then what to do next.
    #[must_use]
    pub fn told_of<'a>(&'a self, exercise: &'a Exercise) -> impl Display + 'a {
        Told { report: self, exercise }
    }
}

/// A learner's run: checks, prints the report, and returns success only if all cases pass.
///
/// For the `main` of its own program: it silences panics, whose messages are in the report.
pub fn tell(exercise: &Exercise, trying: impl FnOnce() -> Report) -> ExitCode {
    panic::set_hook(Box::new(|_| ()));
    let report = trying();
    let told = write!(io::stdout(), "{}", report.told_of(exercise));
    if told.is_ok() && report.passes() {
        ExitCode::SUCCESS
    } else {
        // Like a test harness, so that Cargo adds only one line.
        ExitCode::from(101)
    }
}

struct Told<'a> {
    report: &'a Report,
    exercise: &'a Exercise,
}

impl Display for Told<'_> {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        let Self { report, exercise } = self;
        writeln!(to, "\nExercise {}: {}", exercise.chapter, exercise.title)?;
        writeln!(to, "in {}\n", exercise.file)?;
        for outcome in &report.stories {
            line(to, outcome.case, outcome.failure.as_deref())?;
        }
        let held = report.suite.iter().filter(|outcome| outcome.failure.is_none()).count();
        let all = report.suite.len();
        writeln!(
            to,
            "\nThe suite that every adapter must pass: {held} of {all} cases hold."
        )?;
        if held < all {
            writeln!(to, "They are written in {}.", exercise.suite)?;
        }
        // While stories fail, pairs of differing values do not help the learner.
        let in_detail = !fails(&report.stories);
        if in_detail && held < all {
            writeln!(to, "Below, left is what came and right what should have.")?;
        }
        for outcome in &report.suite {
            if let Some(failure) = outcome.failure.as_deref() {
                line(to, outcome.case, Some(if in_detail { failure } else { "" }))?;
            }
        }
        writeln!(to)?;
        let (number, path) = (exercise.chapter, exercise.page());
        if report.passes() {
            writeln!(
                to,
                "Nothing fails any more. Type this on the page of chapter {number}, {path}:\n"
            )?;
            return writeln!(to, "    {}\n", exercise.word());
        }
        let left = match report.failing().count() {
            1 => "One case is".to_owned(),
            cases => format!("{cases} cases are"),
        };
        writeln!(
            to,
            "{left} left to mend. What should happen is told by chapter {number}, {path}"
        )?;
        writeln!(
            to,
            "in the demo (cargo run), and so are three hints. Then again: {}\n",
            exercise.recipe
        )
    }
}

fn fails(outcomes: &[Outcome]) -> bool {
    outcomes.iter().any(|outcome| outcome.failure.is_some())
}

fn line(to: &mut Formatter<'_>, case: &str, failure: Option<&str>) -> fmt::Result {
    let name = case.replace('_', " ");
    let Some(failure) = failure else {
        return writeln!(to, "  holds  {name}");
    };
    writeln!(to, "  FAILS  {name}")?;
    let lines = textwrap::wrap(failure, WIDTH);
    for line in lines.iter().take(LINES) {
        writeln!(to, "{INDENT}{line}")?;
    }
    if lines.len() > LINES {
        writeln!(to, "{INDENT}…")?;
    }
    Ok(())
}
