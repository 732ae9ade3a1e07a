//! The issue floor: tokens that were issued at or before it are refused.
//!
//! A database that was lost, or replaced by an empty one, knows of no revocation, and the keys outlive it. What it
//! cannot know it must not answer, so the store keeps the time from which on its revocation log is complete.
//!
//! The floor holds **under every policy**. One that checks nothing promises less of a logout, but the policy may have been
//! another when the token was revoked; and a user whose account went with the database has to log in again in any case.
//! Only [`verify_signature_only`](SessionService::verify_signature_only) does not know it, as it knows of no revocation.
//!
//! A check reads an atomic: the floor is read from the store once, and again each second, as it may be raised.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use jiff::Timestamp;
use rescind_token::AccessClaims;

use crate::{
    clock::ClockNotReady,
    service::{SessionService, Unavailable},
};

/// The longest that a login or a refresh waits until tokens can be issued.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The floor was not read yet.
const UNKNOWN: i64 = i64::MIN;
/// It was read, and there is none. Every floor is later.
const NONE: i64 = i64::MIN + 1;

/// What the service knows of the floor, in milliseconds.
pub(crate) struct IssueFloor(AtomicI64);

impl Default for IssueFloor {
    fn default() -> Self {
        Self(AtomicI64::new(UNKNOWN))
    }
}

impl IssueFloor {
    /// Takes over what a store says. A floor is never lowered while the program runs.
    pub(crate) fn learn(&self, floor: Option<Timestamp>) {
        let floor = floor.map_or(NONE, Timestamp::as_millisecond);
        self.0.fetch_max(floor, Ordering::AcqRel);
    }

    /// In milliseconds; nothing before [`learn`](Self::learn).
    fn get(&self) -> Option<i64> {
        Some(self.0.load(Ordering::Acquire)).filter(|&floor| floor != UNKNOWN)
    }
}

impl SessionService {
    /// From when on tokens can be issued, if there is an issue floor and it was read: the next whole second after it, since
    /// `iat` is in whole seconds.
    #[must_use]
    pub fn issues_from(&self) -> Option<Timestamp> {
        let floor = self.parts.issue_floor.get().filter(|&floor| floor != NONE)?;
        let next = Timestamp::from_second(floor.div_euclid(1000).saturating_add(1));
        Some(next.unwrap_or(Timestamp::MAX))
    }

    /// Whether a token was issued when the store did not know yet what was revoked.
    pub(crate) async fn is_below_floor(&self, claims: &AccessClaims) -> Result<bool, Unavailable> {
        Ok(claims.issued_at.as_millisecond() <= self.floor().await?)
    }

    /// Waits until a token that is issued now is accepted.
    ///
    /// # Errors
    /// [`Unavailable::Clock`] if that takes longer than a minute.
    pub(crate) async fn until_tokens_count(&self) -> Result<(), Unavailable> {
        self.floor().await?;
        let Some(from) = self.issues_from() else { return Ok(()) };
        let wait = Duration::try_from(from.duration_since(self.now()?)).unwrap_or_default();
        if wait > LONGEST_WAIT {
            return Err(ClockNotReady::IssueFloor(from).into());
        }
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        Ok(())
    }

    async fn floor(&self) -> Result<i64, Unavailable> {
        if let Some(floor) = self.parts.issue_floor.get() {
            return Ok(floor);
        }
        self.read(self.deadline(), self.learn_issue_floor()).await?;
        Ok(self.parts.issue_floor.get().unwrap_or(i64::MAX))
    }
}
