//! A program around a node, from its command line to its exit code.

use std::process::ExitCode;

use clap::Parser;

use crate::{
    clock, commands,
    failure::Failure,
    logs,
    settings::{CommandLine, Settings, read_dot_env},
};

/// Reads a `.env` file in the working directory, then the command line: a [`CommandLine`], or a program's own with one in
/// it. One that cannot be read, or that asks for help, ends the program.
///
/// To be called before there is a second thread: it changes the environment.
///
/// # Errors
/// The file cannot be read.
pub fn read<L: Parser>() -> Result<L, Failure> {
    read_dot_env()?;
    Ok(L::parse())
}

impl CommandLine {
    /// Begins to log, and runs the command that was typed; without one, `serve`.
    ///
    /// # Errors
    /// [`Failure`].
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

/// How the program `name` ends: a failure is told on standard error.
pub fn exit(name: &str, outcome: Result<(), Failure>) -> ExitCode {
    let Err(failure) = outcome else {
        return ExitCode::SUCCESS;
    };
    // Not through the log: whoever typed the command reads this, and RUST_LOG may be what is wrong.
    eprintln!("{name}: {}", failure.told());
    failure.exit_code()
}
