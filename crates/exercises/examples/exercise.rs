//! Runs an exercise of the course: `just exercise 6`, `just exercise-reset 6`.
//!
//! ```sh
//! cargo run -p rescind-exercises --example exercise -- [--reset] <number>
//! ```

use std::{
    env, fs,
    io::{self, Write},
    path::Path,
    process::{Command, ExitCode},
};

use rescind_exercises::{Exercise, UnknownExercise, in_code};

fn main() -> io::Result<ExitCode> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let (number, act): (_, fn(&Exercise) -> io::Result<ExitCode>) = match arguments[..] {
        [] => return list(None, ExitCode::SUCCESS),
        [number] => (number, run),
        ["--reset", number] => (number, put_back),
        _ => return list(Some("Name one exercise by its number."), ExitCode::from(2)),
    };
    match Exercise::asked_for(number) {
        Ok(exercise) => act(exercise),
        Err(elsewhere @ UnknownExercise::InTheBrowser { .. }) => list(Some(&elsewhere.to_string()), ExitCode::SUCCESS),
        Err(unknown) => list(Some(&unknown.to_string()), ExitCode::from(2)),
    }
}

/// Prints a message and the list of exercises.
fn list(first: Option<&str>, code: ExitCode) -> io::Result<ExitCode> {
    let mut out = io::stdout();
    if let Some(first) = first {
        writeln!(out, "{first}")?;
    }
    writeln!(out, "Done in code are:")?;
    for exercise in in_code() {
        writeln!(out, "  {:<18} {}", exercise.recipe, exercise.title)?;
    }
    Ok(code)
}

/// A separate Cargo builds the learner's file, so that this program builds even if that file does not.
fn run(exercise: &Exercise) -> io::Result<ExitCode> {
    let mut words = exercise.command.split(' ').skip(1);
    let subcommand = words.next().unwrap_or_default();
    let status = Command::new(env!("CARGO"))
        .current_dir(root())
        .args([subcommand, "--quiet"])
        .args(words)
        .status()?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn put_back(exercise: &Exercise) -> io::Result<ExitCode> {
    fs::copy(root().join(&exercise.delivered), root().join(&exercise.file))?;
    writeln!(io::stdout(), "{} is as it was delivered.", exercise.file)?;
    Ok(ExitCode::SUCCESS)
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
