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

use std::{ops::Range, time::Duration};

use jiff::Timestamp;
use rescind_token::{ExtraClaims, StatusList, StatusListToken};

use crate::{
    clock::later,
    life::{LogSnapshot, LogState},
    ports::StoreError,
    revocation::{LogId, Position},
    service::{Deadline, SessionService},
    status_index::StatusIndex,
    unavailable::Unavailable,
};

/// How long a verifier may keep a list.
pub const TTL: Duration = Duration::from_secs(10);

/// How long a signed list can be used at most: verifiers that cannot fetch it refuse from then on.
const LIFE: Duration = Duration::from_secs(60);

/// How many places are drawn for a session. A new list is begun when more than three quarters of them are taken.
const DRAWN: usize = 16;

/// A status list, and the end of the log that it was made at.
#[derive(Debug, Clone)]
pub struct MadeStatusList {
    /// The bits.
    pub list: StatusList,
    /// When it was made.
    pub at: Timestamp,
    uri: String,
    /// The key that was due.
    kid: String,
    log: LogId,
    head: Position,
}

/// What [`SessionService::status_list`] found.
#[derive(Debug)]
pub enum FoundStatusList {
    /// No token names a list of that number.
    None,
    /// No session was closed since the last one was made, and that was less than [`TTL`] ago.
    Unchanged,
    /// This one.
    Made(MadeStatusList),
}

#[derive(Debug, thiserror::Error)]
#[error("the database lacks revocations that this node has seen")]
struct LostRevocations;

impl SessionService {
    /// The numbers of the lists that tokens name.
    pub async fn status_lists(&self) -> Result<Range<u64>, Unavailable> {
        if self.parts.config.status_list.is_none() {
            return Ok(0..0);
        }
        let (deadline, sessions) = (self.deadline(), &self.ports.sessions);
        let all = StatusIndex::of_log(self.read(deadline, sessions.log()).await?);
        let highest = self.highest_status_index(deadline, &all).await?;
        Ok(highest.map_or(0..0, |highest| all.start.list()..highest.list() + 1))
    }

    /// A free place for a new session, if the configuration has status lists.
    pub(crate) async fn draw_status_index(&self) -> Result<Option<StatusIndex>, Unavailable> {
        if self.parts.config.status_list.is_none() {
            return Ok(None);
        }
        let (deadline, sessions) = (self.deadline(), &self.ports.sessions);
        let all = StatusIndex::of_log(self.read(deadline, sessions.log()).await?);
        let highest = self.highest_status_index(deadline, &all).await?;
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

    async fn highest_status_index(
        &self,
        deadline: Deadline,
        all: &Range<StatusIndex>,
    ) -> Result<Option<StatusIndex>, Unavailable> {
        let indexes = self.ports.sessions.status_indexes(all.clone(), &[]);
        Ok(self.read(deadline, indexes).await?.highest)
    }

    pub(crate) fn with_status(&self, extra: ExtraClaims, index: Option<StatusIndex>) -> ExtraClaims {
        match (&self.parts.config.status_list, index) {
            (Some(base), Some(index)) => extra.with_status(index.place(), &format!("{base}/{}", index.list())),
            _ => extra,
        }
    }

    /// The status list of this number, as the sessions are now.
    ///
    /// # Errors
    /// [`Unavailable`]. Ask [`ready`](Self::ready) first: a node that may lack revocations should publish none.
    pub async fn status_list(
        &self,
        number: u64,
        last: Option<&MadeStatusList>,
    ) -> Result<FoundStatusList, Unavailable> {
        let Some(base) = &self.parts.config.status_list else {
            return Ok(FoundStatusList::None);
        };
        let (deadline, sessions) = (self.deadline(), &self.ports.sessions);
        // The end of the log is read before the sessions: at worst the list has more than it says.
        let place = self
            .read(deadline, async { Ok(*self.parts.sync.place.lock().await) })
            .await?;
        let snapshot = self.read(deadline, sessions.snapshot(place.seen.position)).await?;
        let LogSnapshot { log, head, .. } = snapshot;
        let continues = place.log != Some(log) || snapshot.judge(place.timeline, Some(&place.seen)) == LogState::Sound;
        let went_back = last.is_some_and(|last| last.log == log && head < last.head);
        if !continues || went_back {
            return Err(StoreError::unavailable(LostRevocations).into());
        }
        let now = self.now()?;
        let kid = self.issuing_keys(now)?.ring.active().kid().to_owned();
        // Without an end of its own the store cannot say that nothing was closed.
        let is_known = head != Position::new(u64::MAX);
        let is_same =
            |last: &MadeStatusList| (last.log, last.head, &last.kid) == (log, head, &kid) && now < later(last.at, TTL);
        if is_known && last.is_some_and(is_same) {
            return Ok(FoundStatusList::Unchanged);
        }
        let (all, range) = (StatusIndex::of_log(log), StatusIndex::range(number));
        let highest = self.highest_status_index(deadline, &all).await?;
        if !all.contains(&range.start) || highest.is_none_or(|highest| highest < range.start) {
            return Ok(FoundStatusList::None);
        }
        let mut list = StatusList::new();
        for index in self.read(deadline, sessions.closed_status_indexes(range)).await? {
            list.invalidate(index.place());
        }
        Ok(FoundStatusList::Made(MadeStatusList {
            list,
            at: now,
            uri: format!("{base}/{number}"),
            kid,
            log,
            head,
        }))
    }

    /// Signs a status list. `compressed`: its bytes, compressed by DEFLATE in the ZLIB format.
    ///
    /// # Errors
    /// [`Unavailable`] if the key that is due is not here, or is a shared secret.
    pub fn sign_status_list(&self, made: &MadeStatusList, compressed: Vec<u8>) -> Result<String, Unavailable> {
        let token = StatusListToken {
            uri: made.uri.clone(),
            issued_at: made.at,
            expires_at: later(made.at, LIFE),
            ttl: u32::try_from(TTL.as_secs()).unwrap_or(u32::MAX),
            compressed,
        };
        let keys = self.issuing_keys(made.at)?;
        Ok(keys.ring.sign_status_list(&token).map_err(StoreError::unavailable)?)
    }
}
