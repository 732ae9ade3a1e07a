//! One key that signs, and older ones that still verify.
//!
//! Keys must be replaceable without logging anybody out: the new key signs from now on, the old one stays in the ring
//! until the longest token that it signed has expired. A token's `kid` names its key, so at most one signature is
//! checked; trying all keys would let a stranger multiply the work.

use std::sync::Arc;

use serde::Serialize;

use crate::{
    AccessClaims, AccessToken, MAX_TOKEN_BYTES, SecurityEventToken, SigningKey, StatusListToken, VerifyingKey,
    VerifyingKeys,
    jws::{self, TOKEN_TYPE},
    security_event::EVENT_TYPE,
    status_list::LIST_TYPE,
};

/// Why claims could not be signed. Neither holds nor prints a key or a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The token would be longer than a [`Verifier`](crate::Verifier) accepts: issuer, audience or client id is far too
    /// long.
    #[error("the token would be longer than {MAX_TOKEN_BYTES} bytes")]
    TooLong,
    /// The active key is a shared secret: others could not verify the list.
    #[error("a shared secret signs no list for others")]
    SharedSecret,
    /// The claims could not be written as JSON.
    #[error("the claims can't be written as JSON")]
    Claims,
    /// The cryptographic library refused.
    #[error("the key could not sign")]
    Signature,
}

/// The keys of a service: one signs, all verify. It dereferences to the [`VerifyingKeys`], the active one first.
#[derive(Debug, derive_more::Deref)]
pub struct KeyRing {
    active: Arc<SigningKey>,
    #[deref]
    verifying: VerifyingKeys,
}

impl KeyRing {
    /// A ring of one key.
    pub fn new(active: impl Into<Arc<SigningKey>>) -> Self {
        let active = active.into();
        Self {
            verifying: [active.verifying_key()].into_iter().collect(),
            active,
        }
    }

    /// Adds a key that does not sign but verifies.
    ///
    /// A name stands for one key, and the first one keeps it: a key whose `kid` is already in the ring is not added.
    #[must_use]
    pub fn with_retired(mut self, key: VerifyingKey) -> Self {
        self.verifying.add(key);
        self
    }

    /// Without the key of that name: what it signed is refused, even if it is the one that signs.
    #[must_use]
    pub fn without(mut self, kid: &str) -> Self {
        self.verifying.remove(kid);
        self
    }

    /// The key that signs.
    pub fn active(&self) -> &SigningKey {
        &self.active
    }

    /// Signs `claims` with the active key: a JWS in compact form (RFC 7515 section 3.1).
    ///
    /// # Errors
    /// [`SignError`]; none of them is expected for sane claims.
    pub fn sign(&self, claims: &AccessClaims) -> Result<AccessToken, SignError> {
        short(self.sign_as(TOKEN_TYPE, claims)?).map(AccessToken::from)
    }

    /// Signs a security event token (RFC 8417) with the active key.
    ///
    /// # Errors
    /// [`SignError`]; none of them is expected for sane claims.
    pub fn sign_security_event(&self, event: &SecurityEventToken) -> Result<String, SignError> {
        short(self.sign_as(EVENT_TYPE, &event.to_claims())?)
    }

    /// Signs a status list with the active key.
    ///
    /// # Errors
    /// [`SignError::SharedSecret`] if that is one.
    pub fn sign_status_list(&self, token: &StatusListToken) -> Result<String, SignError> {
        if self.active.algorithm().is_symmetric() {
            return Err(SignError::SharedSecret);
        }
        self.sign_as(LIST_TYPE, &token.to_claims())
    }

    fn sign_as(&self, typ: &str, claims: &impl Serialize) -> Result<String, SignError> {
        let header = jws::header(self.active.algorithm(), self.active.kid(), typ).ok_or(SignError::Claims)?;
        let claims = serde_json::to_vec(claims).map_err(|_| SignError::Claims)?;
        let signed = format!("{header}.{}", jws::encode(&claims));
        let signature = self.active.sign(signed.as_bytes()).ok_or(SignError::Signature)?;

        Ok(format!("{signed}.{signature}"))
    }
}

/// A token that a [`Verifier`](crate::Verifier) accepts is not longer.
fn short(token: String) -> Result<String, SignError> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(SignError::TooLong);
    }
    Ok(token)
}
