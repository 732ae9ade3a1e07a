//! Accounts: signing up, changing a password, and the accounts of the demo.

use std::time::Duration;

use rescind_token::{SessionId, UserId};
use tokio::sync::oneshot;

use crate::{
    logout::EndSessionError,
    password::{HashingError, InvalidPassword, Password},
    ports::{Inserted, PasswordSet, StoreError},
    revocation::EndReason,
    service::{SessionService, spawn},
    unavailable::{CloseError, Unavailable, from_close_error},
    user::{InvalidUsername, NewUser, PasswordHash, User, UserKind, Username},
};

/// Why nobody was signed up.
#[derive(Debug, thiserror::Error)]
pub enum SignUpError {
    /// What was typed cannot be a name, or a password, or neither.
    #[error("the username or the password cannot be used")]
    Invalid {
        /// What is wrong with the name.
        username: Option<InvalidUsername>,
        /// What is wrong with the password.
        password: Option<InvalidPassword>,
    },
    /// Somebody has that name.
    #[error("the username is taken")]
    NameTaken,
    /// The password was not hashed.
    #[error(transparent)]
    Hashing(#[from] HashingError),
    /// A store failed.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why a password was not changed, or not all of it done.
#[derive(Debug, thiserror::Error)]
pub enum ChangePasswordError {
    /// The old password is wrong.
    #[error("the old password is wrong")]
    WrongPassword,
    /// Everybody knows the password of a demo account, so nobody may take it from the others.
    #[error("the account is the demo's")]
    DemoAccount,
    /// The new one cannot be used.
    #[error("the new password cannot be used: it {0}")]
    Invalid(#[from] InvalidPassword),
    /// The password was not hashed.
    #[error(transparent)]
    Hashing(#[from] HashingError),
    /// A store failed; whether the password was changed, and the other sessions ended, is unknown.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The password is changed and the other sessions are closed in the log, but the blacklist does not know it yet.
    #[error("the other sessions are closed, but their revocations have not reached the blacklist")]
    RevocationPending(#[source] StoreError),
}

from_close_error!(ChangePasswordError);

/// What became of a demo account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum DemoAccount {
    /// It is there.
    Ready,
    /// The name belongs to a person, whose account was left alone.
    TakenByPerson,
}

/// How often the other sessions are tried to be ended after a password change: for ten minutes.
const TRIES: u32 = 300;
const BETWEEN_TRIES: Duration = Duration::from_secs(2);

impl SessionService {
    /// Signs somebody up.
    ///
    /// # Errors
    /// [`SignUpError`].
    pub async fn sign_up(&self, username: &str, password: &Password) -> Result<User, SignUpError> {
        self.create(username, password, UserKind::Person).await
    }

    async fn create(&self, username: &str, password: &Password, kind: UserKind) -> Result<User, SignUpError> {
        let username = match (Username::parse(username), password.check_rules()) {
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
        let now = self.now()?;
        let user = User {
            id: self.with_rng(|rng| UserId::new(now, rng)),
            username,
            kind,
            created_at: now,
        };
        let new = NewUser {
            user: user.clone(),
            password_hash,
        };
        let users = self.ports.users.clone();
        match self
            .write(self.deadline(), async move { users.insert(new).await })
            .await?
        {
            Inserted::Created => Ok(user),
            Inserted::NameTaken => Err(SignUpError::NameTaken),
        }
    }

    /// The user of that id.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn user(&self, id: UserId) -> Result<Option<User>, Unavailable> {
        self.read(self.deadline(), self.ports.users.find(id)).await
    }

    /// Changes a password and ends the user's other sessions. The user is written first: a login beside this one then
    /// sees the new password, or has its session closed.
    ///
    /// The two steps are one task, which goes on when the caller hangs up or has waited too long, and tries the second one
    /// again when it fails. What a crash cut in half a repeat finishes: with the same two passwords it ends the other
    /// sessions, although the old one no longer counts.
    ///
    /// # Errors
    /// [`ChangePasswordError`]. Doing it again, with the same passwords, is harmless.
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
        let password_hash = if passwords.verify(old, expected, caller).await? {
            new.check_rules()?;
            Some(passwords.hash(new, self.salt(), caller).await?)
        } else if passwords.verify(new, expected, caller).await? {
            // A repeat: the new password is stored, and the other sessions may not have been ended.
            None
        } else {
            return Err(ChangePasswordError::WrongPassword);
        };
        let (tell, told) = oneshot::channel();
        spawn(
            self.detached()
                .set_password_and_end_others(user.id, password_hash, keep, tell),
        );
        let told = async { told.await.map_err(StoreError::unavailable) };
        request.read(request.deadline(), told).await?
    }

    /// Both steps of a password change. `tell` is told the outcome of the first try; the second step is repeated until it is
    /// done.
    async fn set_password_and_end_others(
        self,
        user: UserId,
        password_hash: Option<PasswordHash>,
        keep: SessionId,
        tell: oneshot::Sender<Result<(), ChangePasswordError>>,
    ) {
        let set = match password_hash {
            Some(hash) => self.ports.users.set_password(user, hash).await,
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
            // Also if the store failed: the password may be stored all the same, and ending sessions in vain is harmless. And
            // under every policy: there may be sessions of another one.
            let ended = self.close_all(user, Some(keep), EndReason::PasswordChange).await;
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

    /// Makes sure that a demo account is there. It is marked as one, so that it is refused where the demo is off.
    ///
    /// # Errors
    /// [`SignUpError`].
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
            // Another node was faster, or a person was.
            Err(SignUpError::NameTaken) => {
                let user = self.demo_account(username).await?;
                Ok(user.map_or(DemoAccount::TakenByPerson, of))
            }
            Err(error) => Err(error),
        }
    }

    /// Ends what a demo account left open. Its logins are refused already; its sessions must not outlive the demo.
    ///
    /// # Errors
    /// [`EndSessionError`].
    pub async fn retire_demo_account(&self, username: &str) -> Result<(), EndSessionError> {
        match self.demo_account(username).await? {
            Some(user) if user.kind == UserKind::Demo && self.policy().keeps_sessions() => {
                self.end_all_sessions(user.id).await
            }
            _ => Ok(()),
        }
    }

    async fn demo_account(&self, username: &str) -> Result<Option<User>, Unavailable> {
        let Ok(username) = Username::parse(username) else {
            return Ok(None);
        };
        let found = self
            .read(self.deadline(), self.ports.users.credentials(&username))
            .await?;
        Ok(found.map(|credentials| credentials.user))
    }

    fn salt(&self) -> [u8; 16] {
        self.with_rng(|rng| {
            let mut salt = [0; 16];
            rng.fill_bytes(&mut salt);
            salt
        })
    }
}
