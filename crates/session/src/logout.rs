//! Logout, exactly.
//!
//! 1. In one transaction the session is closed and its revocation appended to the log.
//! 2. The revocation is inserted into the blacklist.
//! 3. Only then the client gets its reply.
//!
//! If the first step fails, its outcome is unknown: [`LogoutError::Unavailable`]. If the second fails, the revocation
//! is in the log and will be synced: [`LogoutError::RevocationPending`]. Repeating is harmless, and a repeat that finds
//! the session closed still takes the second step.
//!
//! Logout accepts any genuine credential: a valid access token, an expired one, or the refresh token alone. A user must
//! not have to log in to log out.

use jiff::Timestamp;
use rescind_token::{AccessClaims, PresentedRefreshToken, SessionId, UserId, VerifyError};

use crate::{
    clock::later,
    policy::Check,
    ports::{Closed, NewRevocation, StoreError},
    revocation::{EndReason, Scope},
    service::{Deadline, SessionService},
    session::Session,
    unavailable::{CloseError, Unavailable, from_close_error},
};

/// The tokens presented for a logout. Prints as redacted.
#[derive(Clone, Copy, derive_more::Debug, Default)]
#[debug("LogoutCredential([redacted])")]
pub struct LogoutCredential<'a> {
    /// An access token, valid or expired.
    pub access: Option<&'a str>,
    /// A refresh token of any generation.
    pub refresh: Option<&'a str>,
}

/// A completed logout.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoggedOut {
    /// The session that ended.
    pub session: SessionId,
    /// The user of the session.
    pub user: UserId,
    /// From when on a stolen access token is refused.
    pub stolen_token: StolenTokenDies,
}

/// The outcome of several credentials presented together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[must_use]
#[non_exhaustive]
pub struct LoggedOutAll {
    /// Each session named by a genuine credential. It was ended now or earlier.
    pub ended: Vec<LoggedOut>,
    /// How many of the credentials were not genuine. They changed nothing.
    pub unrecognised: usize,
}

/// From when on a copy of the access token is refused. The later one is the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StolenTokenDies {
    /// It is refused already.
    Now,
    /// It is accepted until then: the policy checks nothing.
    At(Timestamp),
}

/// Why a logout failed, or may have failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogoutError {
    /// Neither token was presented.
    #[error("there is no token to log out with")]
    Missing,
    /// The access token is not genuine. Nothing was changed.
    #[error("the access token is not valid")]
    Invalid(#[source] VerifyError),
    /// The refresh token is not genuine. Nothing was changed.
    #[error("the refresh token is not valid")]
    RefreshInvalid,
    /// The two tokens belong to different sessions. Nothing was changed.
    #[error("the access token and the refresh token are of different sessions")]
    DifferentSessions,
    /// A store failed; whether the session is closed is unknown.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The session is closed in the log, but the blacklist does not know it yet.
    #[error("the session is closed, but its revocation has not reached the blacklist")]
    RevocationPending(#[source] StoreError),
}

from_close_error!(LogoutError);
from_close_error!(EndSessionError);

/// Why a session was not ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EndSessionError {
    /// The session does not exist or belongs to another user: a client cannot distinguish the two.
    #[error("there is no such session")]
    NotFound,
    /// The policy in force keeps no sessions that could be listed or ended.
    #[error("the policy keeps no session")]
    PolicyKeepsNoSession,
    /// A store failed; whether the session is closed is unknown.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The session is closed in the log, but the blacklist does not know it yet.
    #[error("the session is closed, but its revocation has not reached the blacklist")]
    RevocationPending(#[source] StoreError),
}

/// A genuine credential, and what it reveals about its session.
enum Genuine {
    Access(Box<AccessClaims>),
    Refresh(Box<Session>),
}

impl Genuine {
    fn session(&self) -> SessionId {
        match self {
            Self::Access(claims) => claims.session_id,
            Self::Refresh(session) => session.id,
        }
    }

    fn user(&self) -> &UserId {
        match self {
            Self::Access(claims) => &claims.subject,
            Self::Refresh(session) => &session.user,
        }
    }

    /// When the last known access token expires.
    fn access_until(&self) -> Timestamp {
        match self {
            Self::Access(claims) => claims.expires_at,
            Self::Refresh(session) => session.access_until,
        }
    }
}

impl SessionService {
    /// Ends the session that a credential names.
    ///
    /// # Errors
    /// [`LogoutError`]; on the last two the client keeps its tokens and tries again.
    pub async fn log_out(&self, presented: LogoutCredential<'_>) -> Result<LoggedOut, LogoutError> {
        let (done, _) = self.end(self.deadline(), presented, EndReason::Logout).await?;
        Ok(done)
    }

    /// Ends every session that the credentials name, within one store timeout. `cause` is [`EndReason::Logout`], or
    /// [`EndReason::Replaced`] for the sessions a browser still holds at a login. A credential that is not genuine is
    /// counted and does not stop the others. The two tokens of one element must belong to one session.
    ///
    /// # Errors
    /// [`LogoutError::DifferentSessions`]: neither that element nor a later one changed anything. The last two errors
    /// if a session could not be ended; all other elements were tried.
    pub async fn log_out_all(
        &self,
        presented: &[LogoutCredential<'_>],
        cause: EndReason,
    ) -> Result<LoggedOutAll, LogoutError> {
        let deadline = self.deadline();
        let (mut all, mut failed) = (LoggedOutAll::default(), None);
        for one in presented {
            let claimed = match (one.access, one.refresh) {
                (Some(token), None) => self.genuine_claims(token).ok().map(|claims| claims.session_id),
                (None, Some(token)) => PresentedRefreshToken::parse(token)
                    .ok()
                    .map(|token| token.unverified_session_id()),
                _ => None,
            };
            // Every token of an ended session is refused, so a further one, genuine or not, needs no store.
            if all.ended.iter().any(|done| Some(done.session) == claimed) {
                continue;
            }
            match self.end(deadline, *one, cause).await {
                Ok((done, is_all_genuine)) => {
                    all.unrecognised += usize::from(!is_all_genuine);
                    all.ended.push(done);
                }
                Err(LogoutError::Missing | LogoutError::Invalid(_) | LogoutError::RefreshInvalid) => {
                    all.unrecognised += 1;
                }
                Err(error @ LogoutError::DifferentSessions) => return Err(error),
                // The first error: later ones may only mean that no time was left.
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(all), Err)
    }

    /// Ends one session; returns whether all presented tokens were genuine.
    async fn end(
        &self,
        deadline: Deadline,
        presented: LogoutCredential<'_>,
        cause: EndReason,
    ) -> Result<(LoggedOut, bool), LogoutError> {
        let (genuine, is_all_genuine) = self.genuine(deadline, presented).await?;
        let (session, user) = (genuine.session(), genuine.user().clone());
        let check = self.policy().check;
        // A genuine refresh token has a row under any policy. If the row stayed open, the token would work again under
        // the next one.
        let has_row = presented.refresh.is_some() && (is_all_genuine || matches!(genuine, Genuine::Refresh(_)));
        let closed = if has_row || self.policy().keeps_sessions() {
            self.close_one(deadline, session, cause).await?
        } else {
            None
        };
        let known = match (closed, &genuine) {
            (Some(access_until), _) => access_until.max(genuine.access_until()),
            // A genuine token without a row: it was issued under a policy that keeps none, or the row was lost. Its
            // session is revoked whatever this policy checks: the next policy may check something else.
            (None, Genuine::Access(claims)) if self.policy().keeps_sessions() => {
                let revocation = self.without_row(claims, cause)?;
                self.append(deadline, revocation).await?;
                claims.expires_at
            }
            (None, _) => genuine.access_until(),
        };
        let stolen_token = match check {
            Check::Nothing => StolenTokenDies::At(known),
            Check::Session | Check::Blacklist => StolenTokenDies::Now,
        };
        let done = LoggedOut {
            session,
            user,
            stolen_token,
        };
        Ok((done, is_all_genuine))
    }

    /// The genuine credential, and whether all presented tokens are genuine. An error if none is, or if two belong to
    /// different sessions.
    async fn genuine(
        &self,
        deadline: Deadline,
        presented: LogoutCredential<'_>,
    ) -> Result<(Genuine, bool), LogoutError> {
        let access = presented.access.map(|token| self.genuine_claims(token));
        let refresh = match presented.refresh {
            Some(token) => Some(self.session_of_refresh_token(deadline, token).await?),
            None => None,
        };
        match (access, refresh) {
            (Some(Ok(claims)), Some(Some(session))) if claims.session_id != session.id => {
                Err(LogoutError::DifferentSessions)
            }
            (Some(Ok(claims)), refresh) => Ok((Genuine::Access(Box::new(claims)), refresh != Some(None))),
            (access, Some(Some(session))) => Ok((Genuine::Refresh(Box::new(session)), access.is_none())),
            (Some(Err(error)), _) => {
                if error == VerifyError::UnknownKey {
                    self.require_keys()?;
                }
                Err(LogoutError::Invalid(error))
            }
            (None, Some(None)) => Err(LogoutError::RefreshInvalid),
            (None, None) => Err(LogoutError::Missing),
        }
    }

    /// The session of a genuine refresh token of any generation, open or closed.
    pub async fn session_of(&self, refresh_token: &str) -> Result<Option<Session>, Unavailable> {
        self.session_of_refresh_token(self.deadline(), refresh_token).await
    }

    async fn session_of_refresh_token(&self, deadline: Deadline, token: &str) -> Result<Option<Session>, Unavailable> {
        let Ok(presented) = PresentedRefreshToken::parse(token) else {
            return Ok(None);
        };
        Ok(self
            .genuine_session(deadline, &presented)
            .await?
            .map(|(session, _)| session))
    }

    /// Closes one session, both steps. Returns when its last access token expires; `None` if the session does not
    /// exist.
    pub(crate) async fn close_one(
        &self,
        deadline: Deadline,
        id: SessionId,
        cause: EndReason,
    ) -> Result<Option<Timestamp>, CloseError> {
        let closing = self.closing(cause)?;
        let sessions = self.ports.sessions.clone();
        self.close_and_carry(deadline, async move {
            let (found, revocation) = match sessions.close(id, &closing).await? {
                Closed::Now(revocation) => (true, Some(revocation)),
                Closed::Already(revocation) => (true, revocation),
                Closed::NoSuchSession => (false, None),
            };
            let access_until = revocation
                .as_ref()
                .map(|revocation| earlier(revocation.until, closing.margin));
            let outcome = found.then(|| access_until.unwrap_or(Timestamp::MIN));
            Ok((outcome, revocation.into_iter().collect()))
        })
        .await
    }

    /// The user's open, unexpired sessions, oldest first.
    ///
    /// # Errors
    /// [`EndSessionError::PolicyKeepsNoSession`] or [`EndSessionError::Unavailable`].
    pub async fn sessions(&self, user: &UserId) -> Result<Vec<Session>, EndSessionError> {
        self.require_sessions()?;
        let mut sessions = self.read(self.deadline(), self.ports.sessions.list_open(user)).await?;
        let now = self.now()?;
        sessions.retain(|session| session.is_live(now));
        Ok(sessions)
    }

    /// The session with that id, open or closed.
    pub async fn session(&self, id: SessionId) -> Result<Option<Session>, Unavailable> {
        self.read(self.deadline(), self.ports.sessions.find(id)).await
    }

    /// Ends one of the user's own sessions, for example from a list of devices. A repeat is harmless.
    pub async fn end_session(&self, user: &UserId, id: SessionId) -> Result<(), EndSessionError> {
        self.require_sessions()?;
        let deadline = self.deadline();
        let session = self.read(deadline, self.ports.sessions.find(id)).await?;
        if session.is_none_or(|session| session.user != *user) {
            return Err(EndSessionError::NotFound);
        }
        self.close_one(deadline, id, EndReason::LogoutElsewhere).await?;
        Ok(())
    }

    /// Ends all of the user's sessions, the one of the claims included, and every login that is in progress.
    ///
    /// Sessions without a row, from a time when the policy kept none, cannot be found. The session of the claims is
    /// ended even then.
    pub async fn log_out_everywhere(&self, claims: &AccessClaims) -> Result<(), EndSessionError> {
        self.require_sessions()?;
        let closing = self.closing(EndReason::LogoutEverywhere)?;
        let own = self.without_row(claims, closing.cause)?;
        let (sessions, user, id) = (self.ports.sessions.clone(), claims.subject.clone(), claims.session_id);
        let close = async move {
            let mut revocations = sessions.close_all(&user, None, &closing).await?;
            if sessions.find(id).await?.is_none() {
                revocations.push(sessions.revoke(&own).await?);
            }
            Ok(((), revocations))
        };
        Ok(self.close_and_carry(self.deadline(), close).await?)
    }

    /// Ends all sessions of a user, and every login that is in progress: the second step of disabling an account
    /// ([`EndReason::Disabled`]). The first is to make [`UserStore::find`](crate::ports::UserStore::find) return `None`;
    /// without the second, each session ends when it is next refreshed, and never sooner under a policy without refresh
    /// tokens.
    pub async fn end_all_sessions(&self, user: &UserId, reason: EndReason) -> Result<(), EndSessionError> {
        self.require_sessions()?;
        Ok(self.close_all(user, None, reason).await?)
    }

    pub(crate) async fn close_all(
        &self,
        user: &UserId,
        except: Option<SessionId>,
        cause: EndReason,
    ) -> Result<(), CloseError> {
        let closing = self.closing(cause)?;
        let (sessions, user) = (self.ports.sessions.clone(), user.clone());
        let close = async move { Ok(((), sessions.close_all(&user, except, &closing).await?)) };
        self.close_and_carry(self.deadline(), close).await
    }

    /// Revokes one access token and keeps its session: exactly the article's blacklist. It has an effect only if the
    /// policy checks the blacklist; under other policies the entry is stored and never read.
    ///
    /// # Errors
    /// [`LogoutError`]; [`LogoutError::Invalid`] if the token is not genuine.
    pub async fn revoke_token(&self, token: &str) -> Result<StolenTokenDies, LogoutError> {
        let claims = self.genuine_claims(token).map_err(LogoutError::Invalid)?;
        let revocation = NewRevocation {
            scope: Scope::Token(claims.token_id),
            user: claims.subject.clone(),
            at: self.now()?,
            until: later(claims.expires_at, self.margin()),
            cause: EndReason::TokenRevoked,
        };
        self.append(self.deadline(), revocation).await?;
        Ok(match self.policy().check {
            Check::Blacklist => StolenTokenDies::Now,
            Check::Nothing | Check::Session => StolenTokenDies::At(claims.expires_at),
        })
    }

    /// Appends a revocation that closes no row, both steps.
    async fn append(&self, deadline: Deadline, revocation: NewRevocation) -> Result<(), CloseError> {
        let sessions = self.ports.sessions.clone();
        let revoke = async move { Ok(((), vec![sessions.revoke(&revocation).await?])) };
        self.close_and_carry(deadline, revoke).await
    }

    /// The revocation of a session without a row: kept until the latest time at which any of its tokens can expire.
    fn without_row(&self, claims: &AccessClaims, cause: EndReason) -> Result<NewRevocation, Unavailable> {
        let longest = later(claims.issued_at, self.policy().session_max).max(claims.expires_at);
        Ok(NewRevocation {
            scope: Scope::Session(claims.session_id),
            user: claims.subject.clone(),
            at: self.now()?,
            until: later(longest, self.margin()),
            cause,
        })
    }

    fn require_sessions(&self) -> Result<(), EndSessionError> {
        if self.policy().keeps_sessions() {
            Ok(())
        } else {
            Err(EndSessionError::PolicyKeepsNoSession)
        }
    }
}

fn earlier(time: Timestamp, by: std::time::Duration) -> Timestamp {
    time.checked_sub(by).unwrap_or(Timestamp::MIN)
}
