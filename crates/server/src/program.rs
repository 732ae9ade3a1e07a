//! A program around a node, from its command line to its exit code.

use std::process::ExitCode;

use clap::Parser;

use crate::{
    clock, commands,
    failure::Failure,
    logs,
    settings::{CommandLine, Settings, read_dot_env},
};

/// The whole `main` of the program `name`, if it has no settings of its own: reads the settings, and runs the command; without
/// one, `serve`.
///
/// ```no_run
/// # async fn serve(_: rescind_server::Settings) -> Result<(), rescind_server::Failure> { Ok(()) }
/// fn main() -> std::process::ExitCode {
///     rescind_server::run("shop", serve)
/// }
/// ```
pub fn run(name: &str, serve: impl AsyncFnOnce(Settings) -> Result<(), Failure>) -> ExitCode {
    let outcome = read().and_then(|line: CommandLine| {
        let settings = Settings::judge(&line.given)?;
        line.run(settings, serve)
    });
    exit(name, outcome)
}

/// Reads a `.env` file in the working directory, then the command line: a [`CommandLine`], or a program's own that contains
/// one. Ends the program on a wrong command line and on `--help`.
///
/// Call it before starting a second thread: it changes the environment.
///
/// # Errors
/// The file cannot be read.
pub fn read<L: Parser>() -> Result<L, Failure> {
    read_dot_env()?;
    Ok(L::parse())
}

impl CommandLine {
    /// Begins to log, and runs the command; without one, `serve`.
    pub fn run(
        self,
        settings: Settings,
        serve: impl AsyncFnOnce(Settings) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        logs::begin()?;
        clock::require_usable()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::other("the runtime cannot be started", error))?;
        runtime.block_on(async {
            match self.command {
                None => serve(settings).await,
                Some(command) => commands::run(command, &settings).await,
            }
        })
    }
}

/// The exit code of the program `name`. Prints a failure on standard error.
pub fn exit(name: &str, outcome: Result<(), Failure>) -> ExitCode {
    let Err(failure) = outcome else {
        return ExitCode::SUCCESS;
    };
    // Not through the log: a person at a terminal reads this, and RUST_LOG may be the wrong setting.
    eprintln!("{name}: {}", failure.with_causes());
    failure.exit_code()
}
