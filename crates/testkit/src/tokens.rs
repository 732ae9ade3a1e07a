//! The tokens of a reply.

use secrecy::SecretString;
use serde_json::Value;

/// The tokens of a login or a refresh. Prints without them.
#[derive(Debug, Clone)]
pub struct Tokens {
    access: SecretString,
    refresh: Option<SecretString>,
    /// The session that they belong to.
    pub session_id: String,
    /// Seconds until the access token expires.
    pub expires_in: u64,
    /// Seconds until the refresh token expires, if there is one.
    pub refresh_expires_in: Option<u64>,
}

impl Tokens {
    pub(crate) fn of(body: &Value) -> Option<Self> {
        let secret = |name: &str| body.get(name).and_then(Value::as_str).map(SecretString::from);
        Some(Self {
            access: secret("access_token")?,
            refresh: secret("refresh_token"),
            session_id: body.get("session_id")?.as_str()?.to_owned(),
            expires_in: body.get("expires_in")?.as_u64()?,
            refresh_expires_in: body.get("refresh_expires_in").and_then(Value::as_u64),
        })
    }

    /// The access token.
    #[must_use]
    pub fn access(&self) -> &SecretString {
        &self.access
    }

    /// The refresh token.
    ///
    /// # Panics
    /// If the policy gives none; check [`has_refresh`](Self::has_refresh).
    #[track_caller]
    #[must_use]
    pub fn refresh(&self) -> &SecretString {
        self.refresh
            .as_ref()
            .unwrap_or_else(|| panic!("this policy gives no refresh token"))
    }

    /// Whether there is a refresh token.
    #[must_use]
    pub fn has_refresh(&self) -> bool {
        self.refresh.is_some()
    }
}
