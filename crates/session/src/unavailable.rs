//! Errors: the service cannot answer, or a closing is incomplete.

use crate::{clock::ClockNotReady, key_schedule::KeysNotReady, ports::StoreError};

/// The service cannot answer. The reply to every request is "try again", never "yes".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unavailable {
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The time is not known.
    #[error(transparent)]
    Clock(#[from] ClockNotReady),
    /// The key that is due to issue tokens is not here, or is not known.
    #[error(transparent)]
    Keys(#[from] KeysNotReady),
    /// The blacklist is incomplete: [`SessionService::sync_blacklist`](crate::SessionService::sync_blacklist) has not
    /// reached the end of the log yet, or the blacklist has lost its data.
    #[error("the blacklist has not been filled from the revocation log yet")]
    BlacklistRebuilding,
    /// The blacklist may lack revocations: the log has not been synced to it for longer than
    /// [`Maintenance::behind_after`](crate::Maintenance::behind_after).
    #[error("the revocation log has not been synced to the blacklist for too long")]
    Behind,
    /// The [`ClaimsSource`](crate::ports::ClaimsSource) returned so much that the token has more than
    /// [`SessionService::MAX_TOKEN_BYTES`](crate::SessionService::MAX_TOKEN_BYTES). No token was issued, and a repeat
    /// fails as well until there are fewer claims.
    #[error("the access token would be {bytes} bytes long or more because of the application's claims")]
    ClaimsTooLarge {
        /// The length of the token, at least.
        bytes: usize,
    },
}

/// A closing that was not done, or only its first step.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CloseError {
    /// Whether the session is closed is unknown.
    #[error(transparent)]
    Unknown(#[from] Unavailable),
    /// The session is closed in the log; the blacklist will get the revocation later.
    #[error("the revocation is written, but has not reached the blacklist")]
    Pending(#[source] StoreError),
}

/// Converts [`CloseError`] in the same way for each operation that ends sessions.
macro_rules! from_close_error {
    ($error:ty) => {
        impl From<$crate::unavailable::CloseError> for $error {
            fn from(error: $crate::unavailable::CloseError) -> Self {
                match error {
                    $crate::unavailable::CloseError::Unknown(unavailable) => Self::Unavailable(unavailable),
                    $crate::unavailable::CloseError::Pending(error) => Self::RevocationPending(error),
                }
            }
        }
    };
}
pub(crate) use from_close_error;
