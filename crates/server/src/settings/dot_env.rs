//! The `.env` file.

use std::path::Path;

/// A `.env` file that is there and cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DotEnvError {
    /// Not `NAME=value`. The line is not repeated: it may hold a secret.
    #[error("a line of .env cannot be read: it must be NAME=value, with quotes around a value that has spaces")]
    Line,
    /// The file cannot be opened, or is not text.
    #[error(".env cannot be read")]
    File(#[source] dotenvy::Error),
}

/// Adds what a `.env` file in the working directory says to the environment. Only there: a file further up belongs to
/// somebody else. What is set already stays.
///
/// To be called before there is a second thread.
pub(crate) fn read() -> Result<(), DotEnvError> {
    match dotenvy::from_path(Path::new(".env")) {
        Ok(()) => Ok(()),
        Err(error) if error.not_found() => Ok(()),
        Err(dotenvy::Error::LineParse(..)) => Err(DotEnvError::Line),
        Err(error) => Err(DotEnvError::File(error)),
    }
}
