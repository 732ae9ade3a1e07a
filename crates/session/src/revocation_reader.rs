//! The revocation check of a server that has no database: a resource server, which only accepts tokens.

use async_trait::async_trait;
use rescind_token::AccessClaims;

use crate::{
    ports::{RevocationStatus, StoreError},
    revocation::LogId,
};

/// Answers whether a token was revoked, and writes nothing. Implement it to check in another way, for example by
/// introspection at the issuer.
#[async_trait]
pub trait RevocationReader: Send + Sync {
    /// Whether this token, or its session, was revoked. [`RevocationStatus::Incomplete`] if that is not known; the
    /// caller then refuses the token as unavailable.
    ///
    /// # Errors
    /// [`StoreError`] if there is no answer. It must come within a time limit of the reader's own.
    async fn status(&self, token: &VerifiedToken<'_>) -> Result<RevocationStatus, StoreError>;
}

/// A token whose signature and claims were accepted.
#[derive(Debug)]
#[non_exhaustive]
pub struct VerifiedToken<'a> {
    /// The token itself, a secret.
    pub token: &'a str,
    /// Its claims.
    pub claims: &'a AccessClaims,
    /// The identity of the issuer's revocation log, as published beside its keys; `None` if it was not published.
    pub log: Option<LogId>,
}

impl<'a> VerifiedToken<'a> {
    /// A token that was verified, and the issuer's log.
    pub fn new(token: &'a str, claims: &'a AccessClaims, log: Option<LogId>) -> Self {
        Self { token, claims, log }
    }
}
