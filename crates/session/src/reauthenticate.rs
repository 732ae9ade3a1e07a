//! Step-up authentication: the user of a session proves again who they are (RFC 9470).
//!
//! A stolen token must not be enough for what cannot be undone. So a handler can require an `auth_time` of the last few
//! minutes, and a user whose login is older gives the password again. The session stays; only its `auth_time` changes.

use rescind_token::{AccessClaims, SessionId};

use crate::{
    login::{IssuedTokens, LoginAttempt},
    password::{HashingError, Password, PasswordCheck},
    ports::{Reauthenticated, Reauthentication},
    refresh::owner,
    service::SessionService,
    unavailable::Unavailable,
};

/// Why a user was not authenticated again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReauthenticateError {
    /// The password is wrong.
    #[error("the password is wrong")]
    InvalidCredentials,
    /// The session is closed, has expired, or is another user's.
    #[error("the session is closed")]
    Closed,
    /// The policy in force keeps no row that could record it: log in again.
    #[error("the policy keeps no session")]
    PolicyKeepsNoSession,
    /// The password could not be checked.
    #[error(transparent)]
    Hashing(#[from] HashingError),
    /// A store failed. A repeat is harmless.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl SessionService {
    /// Checks the password of the session's user, and issues tokens with a new `auth_time`. The refresh token stays the
    /// same.
    #[cfg(feature = "argon2")]
    pub async fn reauthenticate(
        &self,
        claims: &AccessClaims,
        password: &Password,
    ) -> Result<IssuedTokens, ReauthenticateError> {
        let request = self.for_request();
        let attempt = request.begin_login(claims.subject.clone()).await?;
        let (deadline, users) = (request.deadline(), &self.ports.users);
        let user = request.read(deadline, users.find(&claims.subject)).await?;
        let credentials = match user.filter(|user| self.may_log_in(user)) {
            Some(user) => request.read(deadline, users.credentials(&user.username)).await?,
            None => None,
        };
        let own = credentials.filter(|found| found.user.id == claims.subject);
        let expected = own.as_ref().map(|found| &found.password_hash);
        match request.check_hash(password, expected).await? {
            PasswordCheck::Wrong => Err(ReauthenticateError::InvalidCredentials),
            _ => attempt.renew_session(claims.session_id).await,
        }
    }
}

impl LoginAttempt {
    /// The user of this open session has proved again who they are: issues tokens with a new `auth_time`. The refresh
    /// token stays the same.
    pub async fn renew_session(self, id: SessionId) -> Result<IssuedTokens, ReauthenticateError> {
        let service = &self.service;
        if !service.policy().keeps_sessions() {
            return Err(ReauthenticateError::PolicyKeepsNoSession);
        }
        let deadline = service.deadline();
        let sessions = service.ports.sessions.clone();
        let (found, now) = (service.read(deadline, sessions.find(id)).await?, service.now()?);
        let Some(mut session) = found.filter(|session| session.user == self.user && session.is_live(now)) else {
            return Err(ReauthenticateError::Closed);
        };
        session.auth_time = session.auth_time.max(self.auth_time(now));
        let extra = service.extra_claims(deadline, &self.user, &session.client_id).await?;
        let (access_token, claims) = service.mint(owner(&session, extra), now, session.expires_at)?;
        let renewal = Reauthentication {
            session: id,
            user: self.user.clone(),
            epoch: self.epoch,
            at: session.auth_time,
            access_until: claims.expires_at,
        };
        let record = async move { sessions.reauthenticate(&renewal).await };
        match service.write(deadline, record).await? {
            Reauthenticated::Recorded => Ok(service.issued((access_token, claims), &session, now)),
            Reauthenticated::Refused => Err(ReauthenticateError::Closed),
        }
    }
}
