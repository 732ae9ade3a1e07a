//! Is this access token good, now?
//!
//! First what can be told from the token alone, which costs no store; then the one question of the policy. If that
//! question cannot be answered, neither can the request.

use rescind_token::{AccessClaims, Inspection, VerifyError};

use crate::{
    policy::Check, ports::RevocationStatus, service::SessionService, session::SessionState, unavailable::Unavailable,
};

/// Why an access token was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticateError {
    /// It is not a token of this issuer for this audience. Why is for the log.
    #[error("the access token is not valid")]
    Invalid(#[source] VerifyError),
    /// It is genuine, and its time is over.
    #[error("the access token has expired")]
    Expired(Box<AccessClaims>),
    /// It is genuine, has time left, and was taken back.
    #[error("the access token was revoked")]
    Revoked(Box<AccessClaims>),
    /// Whether it was taken back cannot be told.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// How far an access token gets with [`SessionService::authenticate`].
#[derive(Debug)]
pub struct Inspected {
    /// The checks that ask the token alone.
    pub token: Inspection,
    /// Then whether it was taken back: whether it is older than the store's knowledge, and the policy's question. None, if
    /// the token was refused before. Under a policy that asks nothing the second answer is no.
    pub revoked: Option<Result<bool, Unavailable>>,
}

impl SessionService {
    /// Accepts an access token, or says why not.
    ///
    /// # Errors
    /// [`AuthenticateError`]; never an acceptance that could not be checked.
    pub async fn authenticate(&self, token: &str) -> Result<AccessClaims, AuthenticateError> {
        let claims = self.verify_signature_only(token)?;
        if self.is_revoked(&claims).await? {
            Err(AuthenticateError::Revoked(Box::new(claims)))
        } else {
            Ok(claims)
        }
    }

    // ANCHOR: verify_signature_only
    /// Asks the token alone: is it genuine, for us, and in time? What a service does that has nothing but the public key.
    ///
    /// **It cannot know whether the token was taken back**: that is written down elsewhere, and here nobody looks. A token
    /// whose session was ended an hour ago is accepted until it expires. Guard nothing with it that a logout is supposed
    /// to end; it is here to be compared with [`authenticate`](Self::authenticate).
    ///
    /// # Errors
    /// [`AuthenticateError`]; never [`AuthenticateError::Revoked`], for the same reason.
    pub fn verify_signature_only(&self, token: &str) -> Result<AccessClaims, AuthenticateError> {
        let now = self.now()?;
        match self.parts.verifier.verify(&self.parts.keys.ring, token, now) {
            Ok(claims) => Ok(claims),
            Err(VerifyError::Expired(claims)) => Err(AuthenticateError::Expired(claims)),
            Err(error) => Err(AuthenticateError::Invalid(error)),
        }
    }
    // ANCHOR_END: verify_signature_only

    /// Makes the checks of [`authenticate`](Self::authenticate), and tells what each came to: for a page that shows them.
    ///
    /// **For whoever the token belongs to, and nobody else.** To others it would tell which tokens are genuine.
    ///
    /// # Errors
    /// [`Unavailable::Clock`] if the time is not known. That a store does not answer is one of the things to be told.
    pub async fn inspect(&self, token: &str) -> Result<Inspected, Unavailable> {
        let token = self.parts.verifier.inspect(&self.parts.keys.ring, token, self.now()?);
        let revoked = match token.outcome() {
            Ok(claims) => Some(self.is_revoked(claims).await),
            Err(_) => None,
        };
        Ok(Inspected { token, revoked })
    }

    /// The issue floor, and the policy's question.
    async fn is_revoked(&self, claims: &AccessClaims) -> Result<bool, Unavailable> {
        Ok(self.is_below_floor(claims).await? || self.policy_refuses(claims).await?)
    }

    // ANCHOR: policy_refuses
    /// The one question that the policy asks.
    async fn policy_refuses(&self, claims: &AccessClaims) -> Result<bool, Unavailable> {
        let ports = &self.ports;
        match self.policy().check {
            Check::Nothing => Ok(false),
            Check::Session => {
                let session = self
                    .read(self.deadline(), ports.sessions.find(claims.session_id))
                    .await?;
                // No row, no session: under this policy the row *is* the token, and vouches for nobody but its user.
                Ok(session.is_none_or(|session| session.state != SessionState::Open || session.user != claims.subject))
            }
            Check::Blacklist => {
                let sync = &self.parts.sync;
                sync.is_current()?;
                // Before the question: what is removed from there while it is under way has reached the blacklist too late.
                let is_pending = sync.pending.covers(claims.token_id, claims.session_id);
                let check = ports.blacklist.check(claims.token_id, claims.session_id);
                match self.read(self.deadline(), check).await? {
                    RevocationStatus::NotRevoked => Ok(is_pending),
                    RevocationStatus::Revoked(_) => Ok(true),
                    RevocationStatus::Incomplete => {
                        self.parts.sync.hurry();
                        Err(Unavailable::BlacklistRebuilding)
                    }
                }
            }
        }
    }
    // ANCHOR_END: policy_refuses

    /// Takes a token apart that is genuine but may have expired or been revoked. Says nothing about whether it counts.
    ///
    /// # Errors
    /// [`VerifyError`] if it is not genuine.
    pub fn genuine_claims(&self, token: &str) -> Result<AccessClaims, VerifyError> {
        self.parts.verifier.verify_genuine(&self.parts.keys.ring, token)
    }
}
