//! The issue floor: tokens that were issued at or before it are refused.
//!
//! A database that was lost or replaced by an empty one has no revocations, and the keys outlive it. So the store keeps
//! the time from which on its revocation log is complete. The floor applies **under every policy**: if this policy
//! checks nothing, the token may have been revoked under another, and the accounts are lost with the database in any
//! case. Only [`verify_signature_only`](SessionService::verify_signature_only) ignores it, as it ignores revocations.

use std::{sync::atomic::Ordering, time::Duration};

use jiff::Timestamp;
use rescind_token::AccessClaims;

use crate::{
    clock::ClockNotReady,
    ports::StoreError,
    service::{ISSUE_FLOOR_UNKNOWN, SessionService},
    unavailable::Unavailable,
};

/// How long a login or a refresh waits at most until tokens can be issued. Servers and proxies commonly close a
/// connection that was silent for 30 s.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// The value for "no floor". Every floor is later.
const NONE: i64 = ISSUE_FLOOR_UNKNOWN + 1;

impl SessionService {
    /// Reads the issue floor and the newest time from the store. The floor is never lowered while the program runs. The
    /// first check, the first login and each [`sync_blacklist`](Self::sync_blacklist) call this.
    pub async fn load_issue_floor(&self) -> Result<(), StoreError> {
        let instants = self.ports.sessions.store_clock().await?;
        let newest = instants.newest.map_or(i64::MIN, Timestamp::as_millisecond);
        self.parts.newest.fetch_max(newest, Ordering::AcqRel);
        let floor = instants.issue_floor.map_or(NONE, Timestamp::as_millisecond);
        self.parts.issue_floor.fetch_max(floor, Ordering::AcqRel);
        Ok(())
    }

    /// From when on tokens can be issued, if there is an issue floor: the next whole second after it, like an `iat`.
    pub fn issues_from(&self) -> Option<Timestamp> {
        let floor = self.parts.issue_floor.load(Ordering::Acquire);
        let next = || Timestamp::from_second(floor.div_euclid(1000) + 1);
        (floor > NONE).then(|| next().unwrap_or(Timestamp::MAX))
    }

    /// Whether a token was issued before the revocation log was complete.
    pub(crate) async fn is_below_floor(&self, claims: &AccessClaims) -> Result<bool, Unavailable> {
        self.know_issue_floor().await?;
        Ok(self.issues_from().is_some_and(|from| claims.issued_at < from))
    }

    /// Waits until a token that is issued now is accepted. Fails if that takes longer than 20 s.
    pub(crate) async fn until_tokens_count(&self) -> Result<(), Unavailable> {
        self.know_issue_floor().await?;
        let Some(from) = self.issues_from() else { return Ok(()) };
        let wait = Duration::try_from(from.duration_since(self.now()?)).unwrap_or_default();
        if wait > LONGEST_WAIT {
            return Err(ClockNotReady::IssueFloor(from).into());
        }
        tokio::time::sleep(wait).await;
        Ok(())
    }

    async fn know_issue_floor(&self) -> Result<(), Unavailable> {
        if self.parts.issue_floor.load(Ordering::Acquire) == ISSUE_FLOOR_UNKNOWN {
            self.read(self.deadline(), self.load_issue_floor()).await?;
        }
        Ok(())
    }
}
