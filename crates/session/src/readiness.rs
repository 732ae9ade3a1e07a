//! Readiness: whether a node can serve requests now, for load balancers.

use std::sync::atomic::Ordering;

use rescind_token::{SessionId, TokenId, UserId};

use crate::{
    clock::{ClockNotReady, later},
    issue_floor::LONGEST_WAIT,
    policy::Check,
    ports::{LockLost, RevocationStatus, StoreError},
    service::SessionService,
    sync::RebuildProgress,
    unavailable::Unavailable,
};

/// Why a service is not ready.
#[derive(Debug, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum NotReady {
    /// The users or the sessions cannot be read.
    #[error("the database does not answer")]
    Database(#[source] Unavailable),
    /// The database can be read, but refused the last test write.
    #[error("the database refuses writes")]
    #[strum(serialize = "database")]
    Writes,
    /// The time is not known.
    #[error("the time is not known")]
    Clock(#[source] Unavailable),
    /// The key that is due to issue tokens is not here, or is not known.
    #[error("the key that is due to issue tokens is not here")]
    Keys(#[source] Unavailable),
    /// The blacklist does not answer.
    #[error("the blacklist does not answer")]
    Blacklist(#[source] Unavailable),
    /// The blacklist answers, but is being rebuilt.
    #[error("the blacklist is being filled from the revocation log")]
    BlacklistRebuilding(
        /// How far, if this node fills it.
        Option<RebuildProgress>,
    ),
    /// The blacklist answers, but may lack revocations.
    #[error("the revocation log has not been synced to the blacklist for too long")]
    #[strum(serialize = "blacklist_behind")]
    Behind,
    /// [`SessionService::run_maintenance`] has ended, or has panicked and not restarted yet.
    #[error("the maintenance of the stores does not run")]
    Maintenance,
    /// The node may have lost the lock on its database.
    #[error("the lock on the database may be lost")]
    Lock,
    /// The database has lost commits, and every session is being closed.
    #[error("the database has lost commits: every session is being closed")]
    #[strum(serialize = "database_lost_commits")]
    LostCommits,
}

impl NotReady {
    /// A stable word for programs.
    pub fn reason(&self) -> &'static str {
        self.into()
    }
}

impl SessionService {
    /// Whether a request could be served now: the stores answer, the time is known, and the blacklist is complete.
    ///
    /// # Errors
    /// [`NotReady`], within the store timeout.
    pub async fn ready(&self) -> Result<(), NotReady> {
        let (deadline, ports) = (self.deadline(), &self.ports);
        // No user and no session has this id: only whether the store answers matters.
        let nobody = uuid::Uuid::nil();
        self.read(deadline, ports.users.find(&UserId::from(nobody)))
            .await
            .map_err(NotReady::Database)?;
        self.read(deadline, ports.sessions.find(SessionId::from_uuid(nobody)))
            .await
            .map_err(NotReady::Database)?;
        let now = self.now().map_err(NotReady::Clock)?;
        if self.parts.sync.begins_again.load(Ordering::SeqCst) {
            return Err(NotReady::LostCommits);
        }
        let drift = ports.clock.drift();
        let clock = if drift.unsigned_abs() >= ClockNotReady::LARGEST_DRIFT {
            Some(ClockNotReady::Drifted(drift))
        } else {
            let from = self.issues_from().filter(|&from| from > later(now, LONGEST_WAIT));
            from.map(ClockNotReady::IssueFloor)
        };
        if let Some(clock) = clock {
            return Err(NotReady::Clock(clock.into()));
        }
        self.issuing_keys(now).map_err(NotReady::Keys)?;
        let (sync, writing) = (&self.parts.sync, &self.parts.writing);
        if writing.refused.load(Ordering::SeqCst) {
            return Err(NotReady::Writes);
        }
        if sync.ended.load(Ordering::SeqCst) {
            return Err(NotReady::Maintenance);
        }
        if self.policy().check == Check::Blacklist {
            let check = ports
                .blacklist
                .check(TokenId::from_uuid(nobody), SessionId::from_uuid(nobody));
            let standing = self.read(deadline, check).await.map_err(|error| match error {
                Unavailable::Store(StoreError::Unavailable(source)) if source.is::<LockLost>() => NotReady::Lock,
                other => NotReady::Blacklist(other),
            })?;
            let current = sync.is_current();
            if standing == RevocationStatus::Incomplete || matches!(current, Err(Unavailable::BlacklistRebuilding)) {
                sync.hurry();
                return Err(NotReady::BlacklistRebuilding(self.rebuild_progress()));
            }
            current.map_err(|_| NotReady::Behind)?;
        }
        Ok(())
    }
}
