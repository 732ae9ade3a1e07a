//! The service as it was: one secret, tokens for a week, no logout.

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use rescind_api::session::Timestamp;
use serde::Deserialize;

/// Accepts the tokens of before, until a date.
pub struct OldTokens {
    key: DecodingKey,
    until: Timestamp,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: i64,
}

impl OldTokens {
    /// `until`: when the last old token expires, which is a week after the last one was issued. From then on none is
    /// accepted, and this file can go.
    pub fn new(secret: &[u8], until: Timestamp) -> Self {
        Self {
            key: DecodingKey::from_secret(secret),
            until,
        }
    }

    /// The user of a genuine token that has not expired.
    pub fn user(&self, token: &str, now: Timestamp) -> Option<String> {
        let mut checks = Validation::new(Algorithm::HS256);
        // By the clock of the new tokens, and to the second.
        checks.validate_exp = false;
        let claims = decode::<Claims>(token, &self.key, &checks).ok()?.claims;
        (now < self.until && now.as_second() < claims.exp).then_some(claims.sub)
    }
}
