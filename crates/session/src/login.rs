//! Login: from a password, or another proof, to the first tokens.
//!
//! The user's epoch is read *before* the credentials, and the session opens only if the epoch is still the same. A
//! password change first writes the user, then closes all sessions, which raises the epoch. So a concurrent login with
//! the old password never survives: it sees the new password, or is superseded, or its session is closed with the
//! others.

#[cfg(feature = "argon2")]
use std::sync::atomic::Ordering;

use jiff::Timestamp;
use rescind_token::{
    AccessClaims, AccessToken, ClientId, Generation, PresentedRefreshToken, RefreshToken, Salt, SessionId, UserId,
};
use tokio::runtime::Handle;

use crate::{
    clock::later,
    config::DemoAccounts,
    error_chain::ErrorChain,
    logout::EndSessionError,
    password::{HashingError, Password, PasswordCheck},
    ports::{Epoch, Opened, StoreError},
    revocation::EndReason,
    service::{SessionService, TokenOwner, spawn},
    session::{Device, RefreshState, Session, SessionState},
    status_index::StatusIndex,
    unavailable::Unavailable,
    user::{Credentials, PasswordHash, User, UserKind, Username},
};

/// The tokens issued by a login or a refresh.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct IssuedTokens {
    /// For the client to send with each request.
    pub access_token: AccessToken,
    /// The claims of the access token.
    pub claims: AccessClaims,
    /// The refresh token, where the policy has one.
    pub refresh: Option<IssuedRefreshToken>,
    /// When they were issued.
    pub at: Timestamp,
}

/// The refresh token in [`IssuedTokens`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct IssuedRefreshToken {
    /// For the client to exchange once.
    pub token: RefreshToken,
    /// Its generation.
    pub generation: Generation,
    /// When it expires: by idleness, or by the session's age.
    pub expires_at: Timestamp,
}

/// A login in progress, begun before the credentials were read: see [`SessionService::begin_login`].
#[must_use]
pub struct LoginAttempt {
    pub(crate) service: SessionService,
    pub(crate) user: UserId,
    pub(crate) epoch: Epoch,
    kind: UserKind,
    auth_time: Option<Timestamp>,
}

/// Why a [`LoginAttempt`] opened no session.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenSessionError {
    /// All sessions of the user were ended since the attempt began: perhaps the password was changed, or the account
    /// disabled. Authenticate the user again, beginning with a new attempt.
    #[error("all sessions of the user were ended during the login")]
    Superseded,
    /// A store failed.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl LoginAttempt {
    /// When the user proved who they are, if that was before this login: the `auth_time` of an identity provider that had
    /// a session with the user already. [Fresh](AccessClaims::auth_time) for what cannot be undone is then only a user who
    /// proved it again. By default the time of the login; never a later one.
    pub fn authenticated_at(mut self, time: Timestamp) -> Self {
        self.auth_time = Some(time);
        self
    }

    pub(crate) fn auth_time(&self, now: Timestamp) -> Timestamp {
        self.auth_time.map_or(now, |time| time.min(now))
    }

    /// The user has proved who they are: opens a session and issues its first tokens.
    pub async fn open_session(self, client_id: ClientId, device: Device) -> Result<IssuedTokens, OpenSessionError> {
        for _ in 0..TRIES {
            let index = self.service.draw_status_index().await?;
            let (opened, (issued, unclaimed)) = self.open(index, client_id.clone(), device.clone()).await?;
            match opened {
                Opened::Opened => {}
                Opened::Superseded => return Err(OpenSessionError::Superseded),
                Opened::StatusIndexTaken => continue,
            }
            if self.kind == UserKind::Person {
                let new = issued.claims.session_id;
                self.service.end_excess_sessions(&self.user, new).await;
            }
            if let Some(unclaimed) = unclaimed {
                unclaimed.claim();
            }
            self.service.parts.counters.add(|counts| counts.logins += 1);
            return Ok(issued);
        }
        let taken = StoreError::unavailable("other logins took each drawn place in the status lists");
        Err(Unavailable::from(taken).into())
    }

    /// Tries once to open a session at that place in the status lists, with its first tokens.
    async fn open(
        &self,
        status_index: Option<StatusIndex>,
        client_id: ClientId,
        device: Device,
    ) -> Result<(Opened, (IssuedTokens, Option<Unclaimed>)), Unavailable> {
        let Self {
            service, user, epoch, ..
        } = self;
        let (now, epoch) = (service.now()?, *epoch);
        let (auth_time, policy) = (self.auth_time(now), service.policy());
        let id = service.with_rng(|rng| SessionId::new(now, rng));
        let oldest = later(now, policy.session_max);
        let owner = TokenOwner {
            user: user.clone(),
            session: id,
            client_id: client_id.clone(),
            auth_time,
            status_index,
            extra: service.extra_claims(service.deadline(), user, &client_id).await?,
        };
        let (access_token, claims) = service.mint(owner, now, oldest)?;
        if !policy.keeps_sessions() {
            let issued = IssuedTokens {
                access_token,
                claims,
                refresh: None,
                at: now,
            };
            return Ok((Opened::Opened, (issued, None)));
        }
        let session = Session {
            id,
            user: user.clone(),
            client_id,
            created_at: now,
            auth_time,
            last_seen_at: now,
            // Without a refresh token the session ends when its one token expires.
            expires_at: if policy.refresh.is_some() {
                oldest
            } else {
                claims.expires_at
            },
            access_until: claims.expires_at,
            refresh: policy.refresh.map(|refresh| RefreshState {
                generation: Generation::FIRST,
                salt: service.with_rng(Salt::random),
                idle_until: later(now, refresh.ttl).min(oldest),
                grace_until: None,
            }),
            state: SessionState::Open,
            reuse_noticed_at: None,
            status_index,
            device,
        };
        let issued = service.issued((access_token, claims), &session, now);
        let (sessions, unclaimed) = (service.ports.sessions.clone(), service.unclaimed(id));
        let open = async move {
            let opened = sessions.open(&session, epoch).await?;
            Ok((opened, (opened == Opened::Opened).then_some(unclaimed)))
        };
        // After a timeout the write continues, and its result is dropped.
        let (opened, unclaimed) = service.write(service.deadline(), open).await?;
        Ok((opened, (issued, unclaimed)))
    }
}

/// A new session whose tokens were not delivered yet. If it is dropped unclaimed, by an error, a deadline or a client
/// that hangs up, it ends the session, since no client could log it out.
#[must_use]
pub struct Unclaimed {
    service: Option<SessionService>,
    session: SessionId,
}

impl Unclaimed {
    /// The tokens were delivered: keeps the session.
    pub fn claim(mut self) {
        self.service = None;
    }
}

impl Drop for Unclaimed {
    fn drop(&mut self) {
        let (Some(service), Ok(runtime)) = (self.service.take(), Handle::try_current()) else {
            return;
        };
        let session = self.session;
        runtime.spawn(async move {
            match service.close_one(service.deadline(), session, EndReason::Logout).await {
                Ok(_) => tracing::info!(%session, "ended a session whose tokens were not handed over"),
                Err(error) => {
                    let error = ErrorChain(&error);
                    tracing::warn!(%session, %error, "a session whose tokens were not handed over was left open");
                }
            }
        });
    }
}

/// Why a login failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// The name or the password is wrong. Which of the two is not disclosed.
    #[error("the username or the password is wrong")]
    InvalidCredentials,
    /// The password could not be checked.
    #[error(transparent)]
    Hashing(#[from] HashingError),
    /// A store failed, or all sessions of the user were closed repeatedly during the login.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// How many excess sessions one login ends at most. The next logins end the rest.
const ENDED_AT_ONCE: usize = 16;

/// How many tries a login has if all sessions of the user are closed meanwhile.
const TRIES: usize = 3;

#[derive(Debug, thiserror::Error)]
#[error("all sessions of the user were closed during each try to log in")]
struct OvertakenTooOften;

impl SessionService {
    /// Checks a password and opens a session.
    #[cfg(feature = "argon2")]
    pub async fn log_in(
        &self,
        username: &str,
        password: &Password,
        client_id: ClientId,
        device: Device,
    ) -> Result<IssuedTokens, LoginError> {
        let request = self.for_request();
        for _ in 0..TRIES {
            let attempt = request.check_password(username, password).await?;
            match attempt.open_session(client_id.clone(), device.clone()).await {
                Ok(issued) => return Ok(issued),
                Err(OpenSessionError::Superseded) => {}
                Err(OpenSessionError::Unavailable(error)) => return Err(error.into()),
            }
        }
        Err(Unavailable::Store(StoreError::unavailable(OvertakenTooOften)).into())
    }

    /// Begins the login of a user whom the application authenticates itself: by a password in its own table, a passkey,
    /// or single sign-on.
    ///
    /// Call it *before* reading what decides the login, such as the password hash or whether the account is disabled.
    /// Then a concurrent change that ends all sessions of the user is never missed: the application sees the change,
    /// or [`LoginAttempt::open_session`] refuses.
    pub async fn begin_login(&self, user: UserId) -> Result<LoginAttempt, Unavailable> {
        self.until_tokens_count().await?;
        // From here on all store calls of the attempt share one time.
        let service = self.for_request();
        let epoch = service
            .read(service.deadline(), self.ports.sessions.epoch(&user))
            .await?;
        Ok(LoginAttempt {
            service,
            user,
            epoch,
            kind: UserKind::Person,
            auth_time: None,
        })
    }

    #[cfg(feature = "argon2")]
    async fn check_password(&self, username: &str, password: &Password) -> Result<LoginAttempt, LoginError> {
        let users = &self.ports.users;
        let (attempt, credentials) = match self.parse_username(username) {
            Err(_) => (None, None),
            Ok(username) => {
                // The first lookup finds whose epoch to read; the second, after it, reads the credentials that count.
                // An unknown name takes the same three steps.
                let known = self.read(self.deadline(), users.credentials(&username)).await?;
                let id = known.map_or(UserId::from(uuid::Uuid::nil()), |known| known.user.id);
                let attempt = self.begin_login(id).await?;
                let credentials = self.read(self.deadline(), users.login_credentials(&username)).await?;
                (Some(attempt), credentials)
            }
        };
        let expected = credentials.as_ref().map(|credentials| &credentials.password_hash);
        let check = self.check_hash(password, expected).await?;
        match (
            attempt,
            credentials.filter(|credentials| self.may_log_in(&credentials.user)),
        ) {
            (Some(mut attempt), Some(found)) if check != PasswordCheck::Wrong && found.user.id == attempt.user => {
                if check == PasswordCheck::FitsOldHash {
                    self.replace_hash(password, &found).await;
                }
                attempt.kind = found.user.kind;
                Ok(attempt)
            }
            _ => {
                self.parts.counters.add(|counts| counts.refused_logins += 1);
                Err(LoginError::InvalidCredentials)
            }
        }
    }

    /// Compares a password with a stored hash of any known form. Without a hash it takes as long as with argon2id; so
    /// until its owner has logged in once, an account with a hash of another form can be told from no account.
    #[cfg(feature = "argon2")]
    pub(crate) async fn check_hash(
        &self,
        password: &Password,
        expected: Option<&PasswordHash>,
    ) -> Result<PasswordCheck, HashingError> {
        let other_forms = self.verifier_of_hashes.clone();
        let (passwords, caller) = (&self.parts.passwords, self.caller(false));
        passwords.verify(password, expected, other_forms, caller).await
    }

    /// Stores the normalised password as argon2id. A failure does not fail the login: the next one tries again.
    #[cfg(feature = "argon2")]
    async fn replace_hash(&self, password: &Password, found: &Credentials) {
        if self.parts.old_hashes_stay.load(Ordering::Relaxed) {
            return;
        }
        let user = &found.user.id;
        let hash = match self
            .parts
            .passwords
            .hash(password, self.salt(), self.caller(false))
            .await
        {
            Ok(hash) => hash,
            Err(error) => return tracing::warn!(%user, %error, "an old password hash was kept"),
        };
        let (users, id, old) = (self.ports.users.clone(), user.clone(), found.password_hash.clone());
        let replace = async move { users.replace_hash(&id, &old, hash).await };
        match self.write(self.deadline(), replace).await {
            Ok(()) => {}
            Err(Unavailable::Store(StoreError::Unsupported(_))) => {
                self.parts.old_hashes_stay.store(true, Ordering::Relaxed);
            }
            Err(error) => tracing::warn!(%user, error = %ErrorChain(&error), "an old password hash was kept"),
        }
    }

    /// The session of a genuine refresh token, open or closed, if it belongs to the user with that name. It proves that
    /// the owner of the account has logged in on that device before.
    pub async fn known_device(
        &self,
        username: &Username,
        refresh_token: &str,
    ) -> Result<Option<SessionId>, Unavailable> {
        let Ok(presented) = PresentedRefreshToken::parse(refresh_token) else {
            return Ok(None);
        };
        let deadline = self.deadline();
        let known = self.read(deadline, self.ports.users.credentials(username)).await?;
        let genuine = self.genuine_session(deadline, &presented).await?;
        let own = genuine.filter(|(session, _)| known.is_some_and(|known| known.user.id == session.user));
        Ok(own.map(|(session, _)| session.id))
    }

    /// Ends the oldest sessions of a user who has too many. A failure does not fail the login: the next login tries
    /// again.
    async fn end_excess_sessions(&self, user: &UserId, new: SessionId) {
        let most = self.parts.config.sessions_per_user;
        let Some(most) = most.filter(|_| self.policy().keeps_sessions()) else {
            return;
        };
        let (service, owner) = (self.clone(), user.clone());
        let ending = spawn(async move {
            let open = service.sessions(&owner).await?;
            let excess = open.len().saturating_sub(most.get()).min(ENDED_AT_ONCE);
            for session in open.iter().filter(|session| session.id != new).take(excess) {
                tracing::info!(session = %session.id, user = %owner, "too many sessions; the oldest is ended");
                service
                    .close_one(service.deadline(), session.id, EndReason::TooMany)
                    .await?;
            }
            Ok::<_, EndSessionError>(())
        });
        if let Ok(Err(error)) = ending.await {
            tracing::warn!(%user, error = %ErrorChain(&error), "the oldest sessions of a user were not ended");
        }
    }

    pub(crate) fn may_log_in(&self, user: &User) -> bool {
        user.kind == UserKind::Person || self.parts.config.demo_accounts == DemoAccounts::Allowed
    }

    /// A guard that ends the session unless [`Unclaimed::claim`] is called: for a login whose tokens were not delivered
    /// yet.
    pub fn unclaimed(&self, session: SessionId) -> Unclaimed {
        Unclaimed {
            service: self.policy().keeps_sessions().then(|| self.detached()),
            session,
        }
    }

    /// The tokens to hand over. The refresh token of the row's current generation is computed again: the row holds no token.
    pub(crate) fn issued(
        &self,
        (access_token, claims): (AccessToken, AccessClaims),
        session: &Session,
        at: Timestamp,
    ) -> IssuedTokens {
        IssuedTokens {
            access_token,
            claims,
            refresh: session.refresh.as_ref().map(|refresh| IssuedRefreshToken {
                token: self.keys().refresh.issue(session.id, refresh.generation, &refresh.salt),
                generation: refresh.generation,
                expires_at: session.ends_at(),
            }),
            at,
        }
    }
}
