//! What is told to the learner.

use std::{
    fmt::{self, Display, Formatter},
    io::{self, Write},
    panic,
    process::ExitCode,
};

use super::trial;
use crate::Exercise;

/// Where lines are broken.
const WIDTH: usize = 100;
/// How many lines are told of one failure. Some panics print a whole row.
const LINES: usize = 4;
/// The width of the widest verdict and the space around it.
const INDENT: &str = "         ";

/// How one case ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What the case proves, as its function is named.
    pub case: &'static str,
    /// What went wrong, if anything did.
    pub failure: Option<String>,
}

/// How all cases ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct Report {
    /// The exercise's own cases, whose failures are sentences.
    pub stories: Vec<Outcome>,
    /// The suite that every adapter must pass.
    pub suite: Vec<Outcome>,
}

impl Report {
    /// Whether nothing fails.
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

    pub(super) fn story(&mut self, case: &'static str, story: impl Future<Output = Result<(), String>>) {
        let failure = trial::attempt(story).err();
        self.stories.push(Outcome { case, failure });
    }

    /// A case of the suite says what is wrong by panicking.
    pub(super) fn suite(&mut self, case: &'static str, asserting: impl Future<Output = ()>) {
        let failure = trial::attempt(async {
            asserting.await;
            Ok(())
        })
        .err();
        self.suite.push(Outcome { case, failure });
    }

    /// The report as the learner reads it: what fails and how, and then what to do next.
    #[must_use]
    pub fn told_of<'a>(&'a self, exercise: &'a Exercise) -> impl Display + 'a {
        Told { report: self, exercise }
    }
}

/// The whole of a learner's run: tries, tells, and says by its exit code whether anything is left to mend.
///
/// For the `main` of a program of its own: it silences panics, whose messages are part of the report.
pub fn tell(exercise: &Exercise, trying: impl FnOnce() -> Report) -> ExitCode {
    panic::set_hook(Box::new(|_| ()));
    let report = trying();
    let told = write!(io::stdout(), "{}", report.told_of(exercise));
    if told.is_ok() && report.passes() {
        ExitCode::SUCCESS
    } else {
        // As a test's own harness does, so that Cargo adds no more than a line.
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
        // Two values that differ tell little to somebody whose stories go wrong, and ten pairs of them tell nothing.
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
    let lines = broken(failure);
    for line in lines.iter().take(LINES) {
        writeln!(to, "{INDENT}{line}")?;
    }
    if lines.len() > LINES {
        writeln!(to, "{INDENT}…")?;
    }
    Ok(())
}

/// Lines that fit, broken between words; a word that is too long stands alone.
fn broken(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for line in text.lines() {
        let mut open = String::new();
        for word in line.split_whitespace() {
            if !open.is_empty() && open.chars().count() + 1 + word.chars().count() > WIDTH {
                lines.push(std::mem::take(&mut open));
            }
            if !open.is_empty() {
                open.push(' ');
            }
            open.push_str(word);
        }
        lines.push(open);
    }
    lines
}
