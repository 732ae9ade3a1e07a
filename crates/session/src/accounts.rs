//! Accounts: signing up, changing a password, and the accounts of the demo.

use rescind_token::{SessionId, UserId};

use crate::{
    logout::EndSessionError,
    password::{InvalidPassword, Overloaded, Password},
    ports::{Inserted, PasswordSet, StoreError},
    revocation::Cause,
    service::{CloseError, SessionService, Unavailable},
    user::{InvalidUsername, NewUser, User, UserKind, Username},
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
    /// Too many passwords are being hashed.
    #[error(transparent)]
    Overloaded(#[from] Overloaded),
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
    /// Too many passwords are being hashed.
    #[error(transparent)]
    Overloaded(#[from] Overloaded),
    /// A store failed; whether the password was changed is unknown.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The password is changed and the other sessions are closed in the log, but the blacklist does not know it yet.
    #[error("the other sessions are closed, but their revocations have not reached the blacklist")]
    RevocationPending(#[source] StoreError),
}

/// What became of a demo account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum DemoAccount {
    /// It is there.
    Ready,
    /// The name belongs to a person, whose account was left alone.
    TakenByPerson,
}

impl SessionService {
    /// Signs somebody up.
    ///
    /// # Errors
    /// [`SignUpError`].
    pub async fn sign_up(&self, username: &str, password: &Password) -> Result<User, SignUpError> {
        self.create(username, password, UserKind::Person).await
    }

    async fn create(&self, username: &str, password: &Password, kind: UserKind) -> Result<User, SignUpError> {
        let username = match (Username::parse(username), password.fit_to_be_set()) {
            (Ok(username), Ok(())) => username,
            (username, password) => {
                return Err(SignUpError::Invalid {
                    username: username.err(),
                    password: password.err(),
                });
            }
        };
        let password_hash = self.parts.passwords.hash(password, self.salt()).await?;
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
    /// # Errors
    /// [`ChangePasswordError`]. Doing it again is harmless.
    pub async fn change_password(
        &self,
        user: &User,
        old: &Password,
        new: &Password,
        keep: SessionId,
    ) -> Result<(), ChangePasswordError> {
        let credentials = self
            .read(self.deadline(), self.ports.users.credentials(&user.username))
            .await?;
        let expected = credentials.as_ref().filter(|found| found.user.id == user.id);
        if expected.is_some_and(|found| found.user.kind == UserKind::Demo) {
            return Err(ChangePasswordError::DemoAccount);
        }
        let expected = expected.map(|found| &found.password_hash);
        if !self.parts.passwords.verify(old, expected).await? {
            return Err(ChangePasswordError::WrongPassword);
        }
        new.fit_to_be_set()?;
        let password_hash = self.parts.passwords.hash(new, self.salt()).await?;
        let (users, id) = (self.ports.users.clone(), user.id);
        match self
            .write(
                self.deadline(),
                async move { users.set_password(id, password_hash).await },
            )
            .await?
        {
            PasswordSet::Set => {}
            PasswordSet::NoSuchUser => return Err(ChangePasswordError::WrongPassword),
        }
        if self.policy().keeps_sessions() {
            self.close_all(user.id, Some(keep), Cause::PasswordChange)
                .await
                .map_err(|error| match error {
                    CloseError::Unknown(unavailable) => ChangePasswordError::Unavailable(unavailable),
                    CloseError::Pending(error) => ChangePasswordError::RevocationPending(error),
                })?;
        }
        Ok(())
    }

    /// Makes sure that a demo account is there. It is marked as one, so that it is refused where the demo is off.
    ///
    /// # Errors
    /// [`SignUpError`].
    pub async fn ensure_demo_account(&self, username: &str, password: &Password) -> Result<DemoAccount, SignUpError> {
        match self.demo_account(username).await? {
            Some(user) if user.kind == UserKind::Demo => return Ok(DemoAccount::Ready),
            Some(_) => return Ok(DemoAccount::TakenByPerson),
            None => {}
        }
        match self.create(username, password, UserKind::Demo).await {
            Ok(_) => Ok(DemoAccount::Ready),
            Err(SignUpError::NameTaken) => {
                // Another node was faster, or a person was.
                let user = self.demo_account(username).await?;
                let demo = user.is_some_and(|user| user.kind == UserKind::Demo);
                Ok(if demo {
                    DemoAccount::Ready
                } else {
                    DemoAccount::TakenByPerson
                })
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
