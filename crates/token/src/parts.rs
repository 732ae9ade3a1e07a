//! Looking into a token without believing it.
//!
//! Anybody can read a JWT; only the key tells whether it is true. Pages that teach this need the parts of a token,
//! also of a forged one. They get plain JSON and never [`AccessClaims`](crate::AccessClaims), so that what was only
//! looked at can't be taken for what was verified.

use std::fmt;

use serde_json::Value;

use crate::{
    MAX_TOKEN_BYTES,
    jws::{Compact, Object},
};

/// Why a text can't be taken apart. Neither holds nor prints it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PartsError {
    /// Longer than [`MAX_TOKEN_BYTES`].
    #[error("the text is longer than {MAX_TOKEN_BYTES} bytes")]
    TooLong,
    /// Not three parts of base64url with JSON objects in the first two.
    #[error("not a signed JWT in compact form")]
    Malformed,
}

/// The three parts of a JWT, decoded and **not verified**. Prints as redacted: together they are the token.
#[derive(Clone, PartialEq)]
pub struct TokenParts {
    /// The header, which says how the token wants to be verified.
    pub header: Value,
    /// The claims, which may be lies.
    pub claims: Value,
    /// The signature in base64url, which may be made up.
    pub signature: String,
}

impl fmt::Debug for TokenParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenParts([redacted])")
    }
}

impl TokenParts {
    /// Takes a token apart for a reader's eyes. A member that stands twice shows its last value.
    ///
    /// # Errors
    /// [`PartsError`] if the text is not a signed JWT by its looks.
    pub fn split_without_verifying(token: &str) -> Result<Self, PartsError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(PartsError::TooLong);
        }
        let parts = Compact::split(token).ok_or(PartsError::Malformed)?;
        let object = |part| {
            Object::decode(part)
                .map(|object| Value::Object(object.members))
                .ok_or(PartsError::Malformed)
        };
        Ok(Self {
            header: object(parts.header)?,
            claims: object(parts.claims)?,
            signature: parts.signature.to_owned(),
        })
    }
}
