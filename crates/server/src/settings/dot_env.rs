//! The `.env` file.

use std::path::Path;

/// A `.env` file that exists and cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DotEnvError {
    /// A line is not `NAME=value`. The message does not repeat it: it may hold a secret.
    #[error("a line of .env cannot be read: it must be NAME=value, with quotes around a value that has spaces")]
    Line,
    /// The file cannot be opened, or is not text.
    #[error(".env cannot be read")]
    File(#[source] dotenvy::Error),
}

/// Adds the variables of a `.env` file to the environment, unless they are set. Reads only the working directory: a file
/// further up belongs to another program.
///
/// Call it before starting a second thread.
pub(crate) fn read() -> Result<(), DotEnvError> {
    match dotenvy::from_path(Path::new(".env")) {
        Ok(()) => Ok(()),
        Err(error) if error.not_found() => Ok(()),
        Err(dotenvy::Error::LineParse(..)) => Err(DotEnvError::Line),
        Err(error) => Err(DotEnvError::File(error)),
    }
}
