//! Refresh: generation *n* for generation *n+1*, once.
//!
//! Read, judge, compare-and-swap. A caller that loses the swap reads again and is judged by what the winner wrote.
//! There is no moment between "consumed" and "successor published": one row records both, and the successor is computed
//! from the row. So the loser of a race gets the same successor and is not taken for a thief.
//!
//! Tokens are issued only to a user who may log in: one more read, of the user, within the same deadline. The
//! application's claims are read after it, before anything is written.

use rescind_token::{AccessClaims, AccessToken, ClientId, ExtraClaims, PresentedRefreshToken};

use crate::{
    clock::later,
    judge::{Judgement, judge},
    login::IssuedTokens,
    ports::{Rotated, Rotation, StoreError},
    revocation::EndReason,
    service::{Deadline, SessionService, TokenOwner},
    session::{Device, RefreshState, Session},
    unavailable::{CloseError, Unavailable, from_close_error},
};

/// Why a refresh failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RefreshError {
    /// It was never issued here. Nothing was changed.
    #[error("the refresh token is not valid")]
    Invalid,
    /// It is genuine, and its session belongs to a client that the caller did not authenticate as. Nothing was changed.
    #[error("the refresh token was issued to another client")]
    OtherClient,
    /// The session was idle for too long, or is too old.
    #[error("the session has expired")]
    Expired,
    /// The session was closed, or its user was removed or may no longer log in.
    #[error("the session is closed")]
    Closed,
    /// It had been exchanged already, so a copy exists. The session is closed now.
    #[error("the refresh token had been used already; the session is closed")]
    Reused,
    /// The policy in force has no refresh tokens.
    #[error("the policy has no refresh token")]
    PolicyHasNoRefresh,
    /// A store failed; whether the token was exchanged is unknown. Trying again is harmless.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// Reuse was found and the session closed in the log, but the blacklist does not know it yet.
    #[error("the session is closed, but its revocation has not reached the blacklist")]
    RevocationPending(#[source] StoreError),
}

from_close_error!(RefreshError);

/// How many tries a refresh has that loses its swap. A loss means that another caller won, and the second read shows
/// it.
const TRIES: usize = 4;

#[derive(Debug, thiserror::Error)]
#[error("the session changed during each try")]
struct ChangedTooOften;

impl SessionService {
    /// Exchanges a refresh token for the next tokens.
    ///
    /// # Errors
    /// [`RefreshError`], in the order of the verdicts that [`judge`] gives.
    pub async fn refresh(&self, token: &str, device: Device) -> Result<IssuedTokens, RefreshError> {
        self.refresh_if(token, device, |_| true).await
    }

    /// The same if the session's client may refresh it here. If not, the token is not judged: it counts neither as used nor as
    /// reused, and the session stays as it is.
    pub async fn refresh_if(
        &self,
        token: &str,
        device: Device,
        allowed: impl Fn(&ClientId) -> bool,
    ) -> Result<IssuedTokens, RefreshError> {
        let Some(policy) = self.policy().refresh else {
            return Err(RefreshError::PolicyHasNoRefresh);
        };
        let presented = PresentedRefreshToken::parse(token).map_err(|_| RefreshError::Invalid)?;
        self.require_keys()?;
        self.until_tokens_count().await?;
        let deadline = self.deadline();
        for _ in 0..TRIES {
            let (session, genuine) = match self.genuine_session(deadline, &presented).await? {
                Some(found) => found,
                None => return Err(RefreshError::Invalid),
            };
            if !allowed(&session.client_id) {
                return Err(RefreshError::OtherClient);
            }
            let now = self.now()?;
            let judgement = judge(&session, genuine, now);
            let mut extra = ExtraClaims::new();
            if matches!(judgement, Judgement::Rotate { .. } | Judgement::Repeat { .. }) {
                let user = self.read(deadline, self.ports.users.find(&session.user)).await?;
                if !user.is_some_and(|user| self.may_log_in(&user)) {
                    self.close_all(&session.user, None, EndReason::Disabled).await?;
                    return Err(RefreshError::Closed);
                }
                extra = self.extra_claims(deadline, &session.user, &session.client_id).await?;
            }
            match judgement {
                Judgement::Rotate { to } => {
                    let minted = self.mint(owner(&session, extra), now, session.expires_at)?;
                    let rotation = Rotation {
                        session: session.id,
                        from: genuine,
                        to,
                        at: now,
                        access_until: minted.1.expires_at,
                        idle_until: later(now, policy.ttl).min(session.expires_at),
                        grace_until: later(now, policy.grace),
                        device: device.clone(),
                    };
                    if let Some(issued) = self.rotate(deadline, session, minted, rotation).await? {
                        self.parts.counters.add(|counts| counts.refreshes += 1);
                        return Ok(issued);
                    }
                }
                Judgement::Repeat { .. } => {
                    // The rotation that is answered here may be one that no standby has yet: wait for a commit that follows it.
                    let sessions = self.ports.sessions.clone();
                    self.write(deadline, async move { sessions.try_write().await }).await?;
                    let issued = self.repeat(&session, extra, now)?;
                    self.parts.counters.add(|counts| counts.refreshes += 1);
                    return Ok(issued);
                }
                Judgement::Expired => return Err(RefreshError::Expired),
                Judgement::Closed { reuse } => {
                    if reuse {
                        self.close_for(deadline, &session, EndReason::Reuse).await?;
                    }
                    return Err(RefreshError::Closed);
                }
                Judgement::Reused(cause) => {
                    self.close_for(deadline, &session, cause).await?;
                    return Err(RefreshError::Reused);
                }
            }
        }
        Err(Unavailable::Store(StoreError::unavailable(ChangedTooOften)).into())
    }

    /// The session and generation of a refresh token; `None` if it is not genuine.
    pub(crate) async fn genuine_session(
        &self,
        deadline: Deadline,
        presented: &PresentedRefreshToken,
    ) -> Result<Option<(Session, rescind_token::Generation)>, Unavailable> {
        let id = presented.unverified_session_id();
        let Some(session) = self.read(deadline, self.ports.sessions.find(id)).await? else {
            return Ok(None);
        };
        let Some(refresh) = &session.refresh else {
            return Ok(None);
        };
        match presented.verify(&self.keys().refresh, &refresh.salt) {
            Ok(genuine) => Ok(Some((session, genuine.generation()))),
            // A key that is not here may have made it.
            Err(_) => self.require_keys().map(|()| None),
        }
    }

    /// Rotates; `None` if another caller was faster.
    async fn rotate(
        &self,
        deadline: Deadline,
        mut session: Session,
        minted: (AccessToken, AccessClaims),
        rotation: Rotation,
    ) -> Result<Option<IssuedTokens>, Unavailable> {
        session.refresh = session.refresh.map(|state| RefreshState {
            generation: rotation.to,
            salt: state.salt,
            idle_until: rotation.idle_until,
            grace_until: Some(rotation.grace_until),
        });
        let (sessions, at) = (self.ports.sessions.clone(), rotation.at);
        match self
            .write(deadline, async move { sessions.rotate(&rotation).await })
            .await?
        {
            Rotated::Won => Ok(Some(self.issued(minted, &session, at))),
            Rotated::Lost => Ok(None),
        }
    }

    /// The existing successor with a new access token. That token expires no later than the row's `access_until`, so a
    /// revocation made from the row outlives it; the row needs no change.
    fn repeat(&self, session: &Session, extra: ExtraClaims, now: jiff::Timestamp) -> Result<IssuedTokens, Unavailable> {
        let minted = self.mint(owner(session, extra), now, session.access_until)?;
        Ok(self.issued(minted, session, now))
    }

    async fn close_for(&self, deadline: Deadline, session: &Session, cause: EndReason) -> Result<(), CloseError> {
        tracing::warn!(session = %session.id, user = %session.user, cause = cause.name(), "a copy of a refresh token was used");
        self.close_one(deadline, session.id, cause).await.map(drop)
    }
}

pub(crate) fn owner(session: &Session, extra: ExtraClaims) -> TokenOwner {
    TokenOwner {
        user: session.user.clone(),
        session: session.id,
        client_id: session.client_id.clone(),
        auth_time: session.auth_time,
        status_index: session.status_index,
        extra,
    }
}
