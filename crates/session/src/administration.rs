//! Accounts as an administrator sees them: list, disable, delete.
//!
//! **The user is written first, then the sessions end.** A login beside it then finds a disabled user, or its epoch is
//! superseded, or its session is closed with the others. A crash between the two steps leaves a user whose sessions may be
//! refused only when they are next refreshed; a repeat of the same call finishes it. So a user is deleted in three steps:
//! while the sessions are being ended the row is still there, disabled, for the repeat to find.
//!
//! Rows of sessions and their revocations stay as long as those of a logout: tokens of a deleted user remain refused.

use rescind_token::UserId;

use crate::{
    ports::{StoreError, UserChanged},
    revocation::EndReason,
    service::{SessionService, spawn},
    unavailable::{Unavailable, from_close_error},
    user::{ListedUser, User, Username},
};

/// Why an account was not changed, or not completely. A repeat is harmless, and finishes what was begun.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdministrationError {
    /// There is no such person's account.
    #[error("there is no such account of a person")]
    NoSuchUser,
    /// A store failed; whether the account was changed, and its sessions ended, is unknown.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The account is disabled and its sessions are closed in the log, but the blacklist lacks their revocations.
    #[error("the sessions are closed, but their revocations have not reached the blacklist")]
    RevocationPending(#[source] StoreError),
}

from_close_error!(AdministrationError);

impl SessionService {
    /// At most `limit` users in the order of their names, from the first name after `after`, the disabled ones too.
    pub async fn users(&self, after: Option<&Username>, limit: u32) -> Result<Vec<ListedUser>, Unavailable> {
        self.read(self.deadline(), self.ports.users.list(after, limit)).await
    }

    /// The user with that name, disabled or not.
    pub async fn user_named(&self, username: &Username) -> Result<Option<User>, Unavailable> {
        let found = self
            .read(self.deadline(), self.ports.users.credentials(username))
            .await?;
        Ok(found.map(|credentials| credentials.user))
    }

    /// Disables a person's account: no login and no refresh works, and all sessions end. Under a policy that checks sessions
    /// or the blacklist its tokens are refused when this returns, elsewhere until they expire.
    pub async fn disable_user(&self, user: &UserId) -> Result<(), AdministrationError> {
        self.disable_and_end(user, false).await
    }

    /// Enables a disabled account. Its sessions stay ended.
    pub async fn enable_user(&self, user: &UserId) -> Result<(), AdministrationError> {
        // The command that disabled it may have been killed before it ended them.
        self.detached().close_all(user, None, EndReason::Disabled).await?;
        let (users, id) = (self.ports.users.clone(), user.clone());
        let enable = async move { users.set_disabled(&id, false).await };
        match self.write(self.deadline(), enable).await? {
            UserChanged::Changed => Ok(()),
            UserChanged::NoSuchUser => Err(AdministrationError::NoSuchUser),
        }
    }

    /// Deletes an account, and ends its sessions as [`disable_user`](Self::disable_user) does. The name becomes free for
    /// another account, which has another id.
    pub async fn delete_user(&self, user: &UserId) -> Result<(), AdministrationError> {
        self.disable_and_end(user, true).await
    }

    /// All steps, in a task of their own: a caller that hangs up does not stop between them.
    async fn disable_and_end(&self, user: &UserId, delete: bool) -> Result<(), AdministrationError> {
        let (service, user) = (self.detached(), user.clone());
        let steps = spawn(async move {
            let (users, id) = (service.ports.users.clone(), user.clone());
            let disable = async move { users.set_disabled(&id, true).await };
            let disabled = service.write(service.deadline(), disable).await?;
            // An account of the demo is marked otherwise, and can be deleted.
            if disabled == UserChanged::NoSuchUser && !delete {
                return Err(AdministrationError::NoSuchUser);
            }
            #[cfg(feature = "failpoints")]
            crate::failpoints::stay_at("between-user-and-sessions").await;
            service.close_all(&user, None, EndReason::Disabled).await?;
            if delete {
                let (users, id) = (service.ports.users.clone(), user.clone());
                let delete = async move { users.delete(&id).await };
                service.write(service.deadline(), delete).await?;
                // An account of the demo, or one that was enabled meanwhile, may have logged in.
                service.close_all(&user, None, EndReason::Disabled).await?;
            }
            Ok(())
        });
        match steps.await {
            Ok(done) => done,
            Err(panicked) => Err(Unavailable::from(StoreError::unavailable(panicked)).into()),
        }
    }
}
