//! An error in one line.

use std::{error::Error, fmt};

/// Prints an error and everything that caused it, in one line: what a log keeps. An error by itself prints only its own
/// words, and that a store is unavailable helps nobody who does not learn why.
#[derive(Debug, Clone, Copy)]
pub struct ErrorChain<'a>(pub &'a dyn Error);

impl fmt::Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut error = self.0.source();
        while let Some(cause) = error {
            write!(f, ": {cause}")?;
            error = cause.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::StoreError;

    #[test]
    fn an_error_is_told_with_what_caused_it() {
        let error = StoreError::unavailable(std::io::Error::other("the disk is on fire"));
        assert_eq!(
            ErrorChain(&error).to_string(),
            "the store is unavailable: the disk is on fire"
        );
    }
}
