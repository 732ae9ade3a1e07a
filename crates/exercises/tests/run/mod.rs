//! The run of a learner's own file: the stories, then the suite that every adapter must pass. With the stories alone, a
//! learner would solve only the stories.
//!
//! Rejected: the `#[test]`s that the suite's macros create. Their output is for programmers who know the code: a panic,
//! its location, two values that differ.

use std::{
    fmt::{self, Display, Formatter},
    io::{self, Write},
    panic::{self, AssertUnwindSafe},
    process::{ExitCode, Termination},
};

use rescind_exercises::{CaseResult, Exercise, Story};

/// The outcomes of all cases.
pub(crate) struct Report {
    exercise: &'static Exercise,
    /// The exercise's own cases, whose failures are sentences.
    pub(crate) stories: Vec<CaseResult>,
    /// The suite that every adapter must pass. A case fails by panicking.
    pub(crate) suite: Vec<CaseResult>,
}

impl Report {
    pub(crate) fn of(exercise: &'static Exercise, stories: Vec<Story>) -> Self {
        let play = |story: Story| {
            let case = story.case;
            attempt(story.play(exercise)).unwrap_or_else(|panic| CaseResult {
                case,
                failure: Some(panic),
            })
        };
        Self {
            exercise,
            stories: stories.into_iter().map(play).collect(),
            suite: Vec::new(),
        }
    }

    pub(crate) fn suite(&mut self, case: &'static str, asserting: impl Future<Output = ()>) {
        let failure = attempt(asserting).err();
        self.suite.push(CaseResult { case, failure });
    }

    /// The cases that fail.
    pub(crate) fn failing(&self) -> impl Iterator<Item = &CaseResult> {
        let all = self.stories.iter().chain(&self.suite);
        all.filter(|outcome| outcome.failure.is_some())
    }
}

/// Runs one case, isolated from the next. The error is the message of its panic.
fn attempt<T>(case: impl Future<Output = T>) -> Result<T, String> {
    panic::catch_unwind(AssertUnwindSafe(|| rescind_conformance::run(case))).map_err(|panic| {
        let message = panic.downcast_ref::<String>().map(String::as_str);
        let message = message.or_else(|| panic.downcast_ref::<&str>().copied());
        message.unwrap_or("it panicked without a message").to_owned()
    })
}

/// For a `main`: prints the report, and succeeds only if all cases hold.
impl Termination for Report {
    fn report(self) -> ExitCode {
        match write!(io::stdout(), "{self}") {
            Ok(()) if self.failing().next().is_none() => ExitCode::SUCCESS,
            // Like a test harness, so that Cargo adds only one line.
            _ => ExitCode::from(101),
        }
    }
}

/// What fails and how, then what to do next.
impl Display for Report {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        let Exercise {
            chapter,
            title,
            file,
            suite,
            page,
            recipe,
            word,
            ..
        } = self.exercise;
        writeln!(to, "\nExercise {chapter}: {title}\nin {file}\n")?;
        for outcome in &self.stories {
            line(to, outcome, true)?;
        }
        let fails = |outcome: &&CaseResult| outcome.failure.is_some();
        let (all, failing) = (self.suite.len(), self.suite.iter().filter(fails).count());
        writeln!(
            to,
            "\nThe suite that every adapter must pass, {suite}: {} of {all} cases hold.",
            all - failing
        )?;
        for outcome in self.suite.iter().filter(fails) {
            // While stories fail, pairs of differing values do not help the learner.
            line(to, outcome, !self.stories.iter().any(|story| fails(&story)))?;
        }
        match self.failing().count() {
            0 => writeln!(
                to,
                "\nNothing fails any more. Type this on the page of chapter {chapter}, {page}:\n\n    {word}\n"
            ),
            left => writeln!(
                to,
                "\nLeft to repair: {left}. Chapter {chapter} says what should happen, and has three hints: cargo run, then\n\
                 http://127.0.0.1:8080{page}\nThen again: {recipe}\n"
            ),
        }
    }
}

fn line(to: &mut Formatter<'_>, CaseResult { case, failure }: &CaseResult, in_detail: bool) -> fmt::Result {
    let verdict = if failure.is_some() { "FAILS" } else { "holds" };
    writeln!(to, "  {verdict}  {}", case.replace('_', " "))?;
    // A panic may print a complete row.
    let lines = failure.iter().flat_map(|failure| failure.lines()).take(4);
    for line in lines.filter(|_| in_detail) {
        writeln!(to, "         {line:.110}")?;
    }
    Ok(())
}

#[test]
fn attempt_returns_the_message_of_a_failing_case() {
    assert_eq!(attempt(async { 5 }), Ok(5));
    assert_eq!(attempt(async { panic!("a word") }), Err::<(), _>("a word".to_owned()));
    assert_eq!(
        attempt(async { panic!("{} words", 2) }),
        Err::<(), _>("2 words".to_owned())
    );
}
