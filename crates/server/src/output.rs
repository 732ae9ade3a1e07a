//! What a command answers.

use std::io::{Write, stdout};

use crate::failure::Failure;

/// Prints a line on standard output; the log goes to standard error.
pub(crate) fn say(line: &str) -> Result<(), Failure> {
    writeln!(stdout(), "{line}").map_err(|error| Failure::other("standard output cannot be written to", error))
}
