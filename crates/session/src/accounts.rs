//! Accounts: sign-up, password change, and demo accounts.

use std::time::Duration;

use rescind_token::{SessionId, UserId};
use tokio::sync::oneshot;

use crate::{
    logout::EndSessionError,
    password::{HashingError, InvalidPassword, Password, PasswordCheck},
    ports::{Inserted, PasswordSet, StoreError},
    revocation::EndReason,
    service::{SessionService, spawn},
    unavailable::{CloseError, Unavailable, from_close_error},
    user::{Credentials, InvalidUsername, NewUser, PasswordHash, User, UserKind, Username},
};

/// Why a sign-up failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignUpError {
    /// The name, the password or both break the rules.
    #[error("the username or the password cannot be used")]
    Invalid {
        /// What is wrong with the name.
        username: Option<InvalidUsername>,
        /// What is wrong with the password.
        password: Option<InvalidPassword>,
    },
    /// Another user has that name.
    #[error("the username is taken")]
    NameTaken,
    /// The password was not hashed.
    #[error(transparent)]
    Hashing(#[from] HashingError),
    /// A store failed.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why a password change failed or is incomplete.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChangePasswordError {
    /// The old password is wrong.
    #[error("the old password is wrong")]
    WrongPassword,
    /// The password of a demo account is public, so no visitor may change it for the others.
    #[error("the account is the demo's")]
    DemoAccount,
    /// The new password breaks the rules.
    #[error("the new password cannot be used: it {0}")]
    Invalid(#[from] InvalidPassword),
    /// The password was not hashed.
    #[error(transparent)]
    Hashing(#[from] HashingError),
    /// A store failed; whether the password was changed, and the other sessions ended, is unknown.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The password is changed and the other sessions are closed in the log, but the blacklist lacks their revocations.
    #[error("the other sessions are closed, but their revocations have not reached the blacklist")]
    RevocationPending(#[source] StoreError),
}

from_close_error!(ChangePasswordError);

/// The outcome of [`SessionService::ensure_demo_account`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum DemoAccount {
    /// It exists.
    Ready,
    /// The name belongs to a person, whose account was not changed.
    TakenByPerson,
}

/// How many tries to end the other sessions after a password change: for ten minutes.
const TRIES: u32 = 300;
const BETWEEN_TRIES: Duration = Duration::from_secs(2);

impl SessionService {
    /// Creates an account.
    pub async fn sign_up(&self, username: &str, password: &Password) -> Result<User, SignUpError> {
        self.create(username, password, UserKind::Person).await
    }

    async fn create(&self, username: &str, password: &Password, kind: UserKind) -> Result<User, SignUpError> {
        let username = match (self.parse_username(username), password.check_rules()) {
            (Ok(username), Ok(())) => username,
            (username, password) => {
                return Err(SignUpError::Invalid {
                    username: username.err(),
                    password: password.err(),
                });
            }
        };
        let passwords = &self.parts.passwords;
        let password_hash = passwords.hash(password, self.salt(), self.caller(true)).await?;
        let inserted = self.insert(username, kind, password_hash).await?;
        inserted.ok_or(SignUpError::NameTaken)
    }

    /// A new user; `None` if the name is taken.
    async fn insert(
        &self,
        username: Username,
        kind: UserKind,
        password_hash: PasswordHash,
    ) -> Result<Option<User>, Unavailable> {
        let now = self.now()?;
        let id = self.with_rng(|rng| UserId::generate(now, rng));
        let user = User { id, username, kind };
        let new = NewUser {
            user: user.clone(),
            password_hash,
            created_at: now,
        };
        let users = self.ports.users.clone();
        let insert = async move { users.insert(&new).await };
        Ok(match self.write(self.deadline(), insert).await? {
            Inserted::Created => Some(user),
            Inserted::NameTaken => None,
        })
    }

    /// The user with that id.
    pub async fn user(&self, id: &UserId) -> Result<Option<User>, Unavailable> {
        self.read(self.deadline(), self.ports.users.find(id)).await
    }

    /// Changes a password and ends the user's other sessions. The user is written first: a concurrent login then sees
    /// the new password, or its session is closed.
    ///
    /// Both steps run in one task. It continues when the caller hangs up or times out, and retries the second step when
    /// that fails. After a crash between the steps, a repeat with the same two passwords ends the other sessions,
    /// although the old password is no longer valid.
    ///
    /// # Errors
    /// [`ChangePasswordError`]. A repeat with the same passwords is harmless.
    pub async fn change_password(
        &self,
        user: &User,
        old: &Password,
        new: &Password,
        keep: SessionId,
    ) -> Result<(), ChangePasswordError> {
        let request = self.for_request();
        let credentials = request
            .read(request.deadline(), self.ports.users.credentials(&user.username))
            .await?;
        let expected = credentials.as_ref().filter(|found| found.user.id == user.id);
        if expected.is_some_and(|found| found.user.kind == UserKind::Demo) {
            return Err(ChangePasswordError::DemoAccount);
        }
        let expected = expected.map(|found| &found.password_hash);
        let (passwords, caller) = (&self.parts.passwords, self.caller(false));
        let password_hash = if self.password_fits(old, expected).await? {
            new.check_rules()?;
            Some(passwords.hash(new, self.salt(), caller).await?)
        } else if self.password_fits(new, expected).await? {
            // A repeat: the new password is stored, and the other sessions may not have been ended.
            None
        } else {
            return Err(ChangePasswordError::WrongPassword);
        };
        let (tell, told) = oneshot::channel();
        spawn(
            self.detached()
                .set_password_and_end_others(user.id.clone(), password_hash, keep, tell),
        );
        let told = async { told.await.map_err(StoreError::unavailable) };
        request.read(request.deadline(), told).await?
    }

    /// Both steps of a password change. `tell` gets the outcome of the first try; the second step is repeated until it
    /// succeeds, at most [`TRIES`] times.
    async fn set_password_and_end_others(
        self,
        user: UserId,
        password_hash: Option<PasswordHash>,
        keep: SessionId,
        tell: oneshot::Sender<Result<(), ChangePasswordError>>,
    ) {
        let set = match password_hash {
            Some(hash) => self.ports.users.set_password(&user, hash).await,
            None => Ok(PasswordSet::Set),
        };
        if let Ok(PasswordSet::NoSuchUser) = set {
            let _ = tell.send(Err(ChangePasswordError::WrongPassword));
            return;
        }
        #[cfg(feature = "failpoints")]
        crate::failpoints::stay_at("between-password-and-sessions").await;
        let mut first_try = Some((set, tell));
        for _ in 0..TRIES {
            // Also after a store error: the password may have been stored, and ending sessions needlessly is harmless.
            // And under every policy: sessions of an earlier policy may exist.
            let ended = self.close_all(&user, Some(keep), EndReason::PasswordChange).await;
            let is_done = !matches!(ended, Err(CloseError::Unknown(_)));
            if let Some((set, tell)) = first_try.take() {
                let set = set.map_err(|error| Unavailable::from(error).into());
                let _ = tell.send(set.and(ended.map_err(Into::into)));
            }
            if is_done {
                return;
            }
            tokio::time::sleep(BETWEEN_TRIES).await;
        }
        tracing::error!(%user, "sessions from before a password change are still open; changing it again ends them");
    }

    /// Makes sure that a demo account exists. It is marked as one, so that its logins are refused when the demo is off.
    pub async fn ensure_demo_account(&self, username: &str, password: &Password) -> Result<DemoAccount, SignUpError> {
        let of = |user: User| match user.kind {
            UserKind::Demo => DemoAccount::Ready,
            UserKind::Person => DemoAccount::TakenByPerson,
        };
        if let Some(user) = self.demo_account(username).await? {
            return Ok(of(user));
        }
        match self.create(username, password, UserKind::Demo).await {
            Ok(user) => Ok(of(user)),
            // Another node created it first, or a person took the name.
            Err(SignUpError::NameTaken) => {
                let user = self.demo_account(username).await?;
                Ok(user.map_or(DemoAccount::TakenByPerson, of))
            }
            Err(error) => Err(error),
        }
    }

    /// The demo account with the name `copy`, which is made if need be: with the same password as another demo account, so that
    /// none is hashed. The name is stored as it is, also one that [`Config::username`](crate::Config::username) refuses: then
    /// no one can sign up or log in with it, only [`begin_login`](Self::begin_login) opens a session. `None` if there is no such
    /// account to copy, or if a person has either name.
    pub async fn copy_demo_account(&self, username: &str, copy: &Username) -> Result<Option<User>, Unavailable> {
        let is_demo = |found: &Credentials| found.user.kind == UserKind::Demo;
        let Ok(username) = self.parse_username(username) else {
            return Ok(None);
        };
        let original = self.read(self.deadline(), self.ports.users.credentials(&username));
        let Some(original) = original.await?.filter(is_demo) else {
            return Ok(None);
        };
        match self
            .insert(copy.clone(), UserKind::Demo, original.password_hash)
            .await?
        {
            Some(user) => Ok(Some(user)),
            None => {
                let found = self.read(self.deadline(), self.ports.users.credentials(copy));
                Ok(found.await?.filter(is_demo).map(|found| found.user))
            }
        }
    }

    /// Ends the sessions of a demo account. Its logins are already refused; its sessions must not outlive the demo.
    pub async fn retire_demo_account(&self, username: &str) -> Result<(), EndSessionError> {
        match self.demo_account(username).await? {
            Some(user) if user.kind == UserKind::Demo && self.policy().keeps_sessions() => {
                self.end_all_sessions(&user.id, EndReason::Administrator).await
            }
            _ => Ok(()),
        }
    }

    async fn demo_account(&self, username: &str) -> Result<Option<User>, Unavailable> {
        match self.parse_username(username) {
            Ok(username) => self.user_named(&username).await,
            Err(_) => Ok(None),
        }
    }

    async fn password_fits(&self, password: &Password, expected: Option<&PasswordHash>) -> Result<bool, HashingError> {
        Ok(self.check_hash(password, expected).await? != PasswordCheck::Wrong)
    }

    pub(crate) fn salt(&self) -> [u8; 16] {
        self.with_rng(|rng| {
            let mut salt = [0; 16];
            rng.fill_bytes(&mut salt);
            salt
        })
    }
}
