//! Authentication: whether an access token is accepted now.
//!
//! The first checks need only the token and cost no store call. Then comes the policy's check. If that one cannot be
//! answered, the request is refused as unavailable.

use std::sync::Arc;

use rescind_token::{AccessClaims, Inspection, VerifyError};

use crate::{
    config::Keys, policy::Check, ports::RevocationStatus, service::SessionService, session::SessionState,
    unavailable::Unavailable,
};

/// Why an access token was not accepted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthenticateError {
    /// It is not a token of this issuer for this audience. The reason is for the log.
    #[error("the access token is not valid")]
    Invalid(#[source] VerifyError),
    /// It is genuine and has expired.
    #[error("the access token has expired")]
    Expired(Box<AccessClaims>),
    /// It is genuine, has not expired, and was revoked.
    #[error("the access token was revoked")]
    Revoked(Box<AccessClaims>),
    /// Whether it was revoked is unknown.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// How far an access token gets with [`SessionService::authenticate`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Inspected {
    /// The checks that need only the token.
    pub token: Inspection,
    /// Whether it was revoked: by the issue floor, then by the policy's check. `None` if the token was refused before.
    /// Under a policy that checks nothing only the floor counts.
    pub revoked: Option<Result<bool, Unavailable>>,
}

impl SessionService {
    /// Accepts an access token, or returns why not.
    ///
    /// # Errors
    /// [`AuthenticateError`]; never an acceptance that could not be checked.
    pub async fn authenticate(&self, token: &str) -> Result<Arc<AccessClaims>, AuthenticateError> {
        let claims = self.verify_signature_only(token)?;
        if self.is_revoked(&claims).await? {
            Err(AuthenticateError::Revoked(Box::new(Arc::unwrap_or_clone(claims))))
        } else {
            Ok(claims)
        }
    }

    // ANCHOR: verify_signature_only
    /// Checks only the token: genuine, for this audience, not expired. All that the public key alone allows.
    ///
    /// **It cannot know whether the token was revoked**: that is stored elsewhere and not checked here. A token whose
    /// session was ended an hour ago is accepted until it expires. Do not guard with it what a logout must end. It
    /// exists for comparison with [`authenticate`](Self::authenticate).
    ///
    /// # Errors
    /// [`AuthenticateError`]; never [`AuthenticateError::Revoked`], for the same reason.
    pub fn verify_signature_only(&self, token: &str) -> Result<Arc<AccessClaims>, AuthenticateError> {
        let (now, parts) = (self.now()?, &self.parts);
        let verify = |keys: &Keys| parts.verified.verify(&parts.verifier, &keys.ring, token, now);
        match self.with_keys_at(now, verify) {
            Ok(claims) => Ok(claims),
            Err(VerifyError::Expired(claims)) => Err(AuthenticateError::Expired(claims)),
            Err(error) => {
                if error == VerifyError::UnknownKey {
                    self.issuing_keys(now)?;
                }
                Err(AuthenticateError::Invalid(error))
            }
        }
    }
    // ANCHOR_END: verify_signature_only

    /// Makes the checks of [`authenticate`](Self::authenticate) and returns each result, for a page that shows them.
    ///
    /// **Only for the token's owner.** To others it would reveal which tokens are genuine.
    ///
    /// # Errors
    /// [`Unavailable::Clock`] if the time is not known. A store that does not answer is part of the result.
    pub async fn inspect(&self, token: &str) -> Result<Inspected, Unavailable> {
        let token = self.parts.verifier.inspect(&self.keys().ring, token, self.now()?);
        let revoked = match token.outcome() {
            Ok(claims) => Some(self.is_revoked(claims).await),
            Err(_) => None,
        };
        Ok(Inspected { token, revoked })
    }

    /// The issue floor, then the policy's check.
    async fn is_revoked(&self, claims: &AccessClaims) -> Result<bool, Unavailable> {
        Ok(self.is_below_floor(claims).await? || self.policy_refuses(claims).await?)
    }

    // ANCHOR: policy_refuses
    /// The policy's check.
    async fn policy_refuses(&self, claims: &AccessClaims) -> Result<bool, Unavailable> {
        match self.policy().check {
            Check::Nothing => Ok(false),
            Check::Session => {
                let session = self
                    .read(self.deadline(), self.ports.sessions.find(claims.session_id))
                    .await?;
                // No row, no session: under this policy the row *is* the token, and is valid only for its user.
                Ok(session.is_none_or(|session| session.state != SessionState::Open || session.user != claims.subject))
            }
            Check::Blacklist => self.is_blacklisted(claims).await,
        }
    }
    // ANCHOR_END: policy_refuses

    async fn is_blacklisted(&self, claims: &AccessClaims) -> Result<bool, Unavailable> {
        let (sync, blacklist) = (&self.parts.sync, &self.ports.blacklist);
        sync.is_current()?;
        let (token, session) = (claims.token_id, claims.session_id);
        // Before the check: an entry removed from `pending` during it may have reached the blacklist too late.
        let is_pending = sync.pending.covers(token, session);
        let status = match blacklist.check_now(token, session) {
            Some(status) => status,
            None => self.read(self.deadline(), blacklist.check(token, session)).await?,
        };
        match status {
            RevocationStatus::NotRevoked => Ok(is_pending),
            RevocationStatus::Revoked(_) => Ok(true),
            RevocationStatus::Incomplete => {
                sync.hurry();
                Err(Unavailable::BlacklistRebuilding)
            }
        }
    }

    /// The claims of a genuine token, which may have expired or been revoked. Does not mean that the token is accepted.
    ///
    /// # Errors
    /// [`VerifyError`] if it is not genuine.
    pub fn genuine_claims(&self, token: &str) -> Result<AccessClaims, VerifyError> {
        self.parts.verifier.verify_genuine(&self.keys().ring, token)
    }
}
