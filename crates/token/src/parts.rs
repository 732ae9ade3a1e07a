//! Reads a token without verifying it.
//!
//! Anybody can read a JWT; only the key proves that it is genuine. Pages that teach this need the parts of a token,
//! also of a forged one. They get plain JSON and never [`AccessClaims`](crate::AccessClaims), so that code can't take
//! unverified claims for verified ones.

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
#[derive(Clone, derive_more::Debug, PartialEq)]
#[debug("TokenParts([redacted])")]
#[non_exhaustive]
pub struct TokenParts {
    /// The header, which names the algorithm and the key.
    pub header: Value,
    /// The claims, which may be false.
    pub claims: Value,
    /// The signature in base64url, which may be invented.
    pub signature: String,
}

impl TokenParts {
    /// Decodes a token for display. For a duplicate member it shows the last value.
    ///
    /// # Errors
    /// [`PartsError`] if the text does not have the form of a signed JWT.
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
