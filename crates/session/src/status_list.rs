//! Status lists: the revoked sessions as a signed list that anybody may fetch (Token Status List,
//! draft-ietf-oauth-status-list).
//!
//! With [`Config::status_list`](crate::Config::status_list) each session gets a place in a list, drawn at random and kept
//! in its row, and its access tokens name it. While the row exists no other session gets the place; it is pruned only
//! when no token of the session can be valid. So a set bit never concerns another session.
//!
//! **A number contains the log's identity.** An emptied or a lost database would otherwise sign lists without the
//! revocations of the tokens that name them. With another identity there is no such list, and a verifier refuses.
//!
//! **Not listed**: revocations of a single token. The list has one bit for a session.
//!
//! **Only as fresh as it is fetched.** A verifier keeps it for [`TTL`]; who needs a logout at once asks the blacklist.

use std::time::Duration;

use rescind_token::{ExtraClaims, StatusList, StatusListToken};

use crate::{
    clock::later,
    life::LogSnapshot,
    ports::StoreError,
    revocation::{LogId, Position},
    service::SessionService,
    status_index::StatusIndex,
    unavailable::Unavailable,
};

/// How long a verifier may keep a list.
pub const TTL: Duration = Duration::from_secs(10);

/// How long a signed list can be used at most: verifiers that cannot fetch it refuse from then on.
const LIFE: Duration = Duration::from_secs(60);

/// How many places are drawn for a session. A new list is begun when more than three quarters of them are taken.
const DRAWN: usize = 16;

/// A signed status list, and the end of the log that it was made at.
#[derive(Debug, Clone)]
pub struct SignedStatusList {
    /// The token, in compact form.
    pub token: String,
    log: LogId,
    head: Position,
}

impl SessionService {
    /// A free place for a new session, if the configuration has status lists.
    pub(crate) async fn draw_status_index(&self) -> Result<Option<StatusIndex>, Unavailable> {
        if self.parts.config.status_list.is_none() {
            return Ok(None);
        }
        let (deadline, sessions) = (self.deadline(), &self.ports.sessions);
        let all = StatusIndex::of_log(self.read(deadline, sessions.log()).await?);
        let highest = self
            .read(deadline, sessions.status_indexes(all.clone(), &[]))
            .await?
            .highest;
        let mut end = StatusIndex::range(highest.unwrap_or(all.start).list()).end.min(all.end);
        let mut start = all.start;
        loop {
            let drawn: Vec<_> = self.with_rng(|rng| {
                let width = end.get() - start.get();
                let mut draw = || StatusIndex::new(start.get() + rng.next_u64() % width);
                (0..DRAWN).map(|_| draw()).collect()
            });
            let found = self
                .read(deadline, sessions.status_indexes(all.clone(), &drawn))
                .await?;
            let mut free = drawn.iter().filter(|index| !found.taken.contains(index));
            match free.next() {
                Some(index) if found.taken.len() <= DRAWN * 3 / 4 || end == all.end => return Ok(Some(*index)),
                None if end == all.end => {
                    return Err(StoreError::unavailable("every place of the status lists is taken").into());
                }
                // In a list of its own, which is empty.
                _ => (start, end) = (end, StatusIndex::range(end.list()).end.min(all.end)),
            }
        }
    }

    pub(crate) fn with_status(&self, extra: ExtraClaims, index: Option<StatusIndex>) -> ExtraClaims {
        match (&self.parts.config.status_list, index) {
            (Some(base), Some(index)) => extra.with_status(index.place(), &format!("{base}/{}", index.list())),
            _ => extra,
        }
    }

    /// The status list of this number, signed now; `None` if there is none. `last` is returned as it is if no session was
    /// closed since, and it is younger than [`TTL`].
    ///
    /// # Errors
    /// [`Unavailable`]: also while this node is not [ready](Self::ready), since it may lack revocations.
    pub async fn status_list(
        &self,
        number: u64,
        last: Option<&(SignedStatusList, jiff::Timestamp)>,
    ) -> Result<Option<(SignedStatusList, jiff::Timestamp)>, Unavailable> {
        let Some(base) = &self.parts.config.status_list else {
            return Ok(None);
        };
        let (deadline, sessions) = (self.deadline(), &self.ports.sessions);
        // The end of the log is read before the sessions: at worst the list has more than it says.
        let LogSnapshot { log, head, .. } = self.read(deadline, sessions.snapshot(Position::START)).await?;
        let now = self.now()?;
        if let Some((list, at)) = last {
            // Without a head of its own the store cannot say that nothing was closed.
            let is_known = head != Position::new(u64::MAX);
            if is_known && (list.log, list.head) == (log, head) && now < later(*at, TTL) && now >= *at {
                return Ok(last.cloned());
            }
        }
        let (all, range) = (StatusIndex::of_log(log), StatusIndex::range(number));
        let highest = self
            .read(deadline, sessions.status_indexes(all.clone(), &[]))
            .await?
            .highest;
        if !all.contains(&range.start) || highest.is_none_or(|highest| highest < range.start) {
            return Ok(None);
        }
        let mut list = StatusList::new();
        for index in self.read(deadline, sessions.closed_status_indexes(range)).await? {
            list.invalidate(index.place());
        }
        let token = StatusListToken {
            uri: format!("{base}/{number}"),
            issued_at: now,
            expires_at: later(now, LIFE),
            ttl: u32::try_from(TTL.as_secs()).unwrap_or(u32::MAX),
            list,
        };
        let keys = self.issuing_keys(now)?;
        let token = keys.ring.sign_status_list(&token).map_err(StoreError::unavailable)?;
        Ok(Some((SignedStatusList { token, log, head }, now)))
    }
}
