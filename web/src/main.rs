//! Rescind's demo: JSON Web Tokens that can be taken back, served as pages and as a JSON API.
//!
//! The crates underneath know nothing of a command line, a `.env` file or a signal. This one reads them, chooses the
//! adapters, hands in time and randomness, and draws the pages: [`settings`] → [`keys`], [`database`], [`blacklist`] →
//! [`serve`] → [`pages`].
//!
//! **Never**: a decision about a token. Whatever a page wants to know, it asks the service.

mod blacklist;
mod choices;
mod clock;
mod commands;
mod connections;
mod content;
mod database;
mod demo;
mod failure;
mod high_water;
mod inspector;
mod keys;
mod lab;
mod learn;
mod logs;
mod pages;
mod private_files;
mod serve;
mod settings;
mod signals;
mod starting;
mod stores;
mod trace;

use std::process::ExitCode;

use clap::Parser;

use failure::Failure;
use settings::{CommandLine, Settings};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Not through the log: whoever typed the command reads this, and RUST_LOG may be what is wrong.
            eprintln!("rescind: {}", failure.told());
            failure.exit_code()
        }
    }
}

fn run() -> Result<(), Failure> {
    // Before there is a second thread: this changes the environment.
    settings::read_dot_env()?;
    let line = CommandLine::parse();
    let settings = Settings::judge(&line.given)?;
    logs::begin()?;
    clock::require_usable()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Runtime("the runtime cannot be started", error))?;
    runtime.block_on(async {
        match line.command {
            None => Box::pin(serve::run(settings)).await,
            Some(command) => commands::run(command, &settings).await,
        }
    })
}
