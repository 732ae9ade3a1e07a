//! Sessions and the revocation log in memory.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Range,
    sync::Mutex,
};

use async_trait::async_trait;
use jiff::Timestamp;
use rescind_token::{SessionId, UserId};
use uuid::Uuid;

use super::{log::Log, whole};
use crate::{
    clock::later,
    ports::{
        Closed, Closing, Epoch, NewRevocation, Opened, Pruned, Reauthenticated, Reauthentication, Rotated, Rotation,
        SessionStore, StoreClock, StoreError, Tail,
    },
    revocation::{EndReason, LogId, Position, Revocation, Scope},
    session::{Session, SessionState},
    status_index::{StatusIndex, TakenIndexes},
};

/// Sessions and their revocations, until the process ends.
///
/// One lock around everything, held for one method: that is the transaction. What the method reads is still true when
/// it writes. So a rotation and a closing happen once, and no login survives a concurrent "log out everywhere".
#[derive(Debug, Default)]
pub struct MemorySessions {
    store: Mutex<Store>,
}

/// The data behind the lock.
#[derive(Debug, Default)]
struct Store {
    rows: HashMap<SessionId, Session>,
    /// Oldest first, as they are listed.
    of_user: HashMap<UserId, BTreeSet<(Timestamp, SessionId)>>,
    /// By absolute end, so that pruning reads only what it removes.
    by_end: BTreeSet<(Timestamp, SessionId)>,
    by_status: BTreeMap<StatusIndex, SessionId>,
    /// Never removed, unlike sessions: a login may be in progress while the user's last session is pruned.
    epochs: HashMap<UserId, Epoch>,
    log: Log,
    newest: Option<Timestamp>,
    issue_floor: Option<Timestamp>,
}

impl MemorySessions {
    /// A store without sessions.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Store {
    fn epoch(&self, user: &UserId) -> Epoch {
        self.epochs.get(user).copied().unwrap_or(Epoch::FIRST)
    }

    fn open(&mut self, session: &Session, epoch: Epoch) -> Result<Opened, StoreError> {
        if self.epoch(&session.user) != epoch {
            return Ok(Opened::Superseded);
        }
        if self.rows.contains_key(&session.id) {
            // Overwriting it could reopen a closed session.
            return Err(StoreError::corrupt("a session of that id exists"));
        }
        if let Some(index) = session.status_index {
            if self.by_status.contains_key(&index) {
                return Ok(Opened::StatusIndexTaken);
            }
            self.by_status.insert(index, session.id);
        }
        self.rows.insert(session.id, session.clone());
        self.of_user
            .entry(session.user.clone())
            .or_default()
            .insert((session.created_at, session.id));
        self.by_end.insert((session.expires_at, session.id));
        self.saw(session.created_at.max(session.last_seen_at));
        Ok(Opened::Opened)
    }

    // ANCHOR: rotate
    /// Compare, then swap. No other caller can interfere, because the lock is held.
    fn rotate(&mut self, rotation: &Rotation) -> Rotated {
        let Some(row) = self.rows.get_mut(&rotation.session) else {
            return Rotated::Lost;
        };
        let Some(refresh) = row.refresh.as_mut() else {
            return Rotated::Lost;
        };
        if row.state != SessionState::Open || refresh.generation != rotation.from {
            return Rotated::Lost;
        }
        refresh.generation = rotation.to;
        refresh.idle_until = rotation.idle_until;
        refresh.grace_until = Some(rotation.grace_until);
        row.last_seen_at = rotation.at;
        row.access_until = row.access_until.max(rotation.access_until);
        row.device = rotation.device.clone();
        self.saw(rotation.at);
        Rotated::Won
    }
    // ANCHOR_END: rotate

    fn reauthenticate(&mut self, renewal: &Reauthentication) -> Reauthenticated {
        let epoch = self.epoch(&renewal.user);
        let Some(row) = self.rows.get_mut(&renewal.session) else {
            return Reauthenticated::Refused;
        };
        if row.user != renewal.user || row.state != SessionState::Open || epoch != renewal.epoch {
            return Reauthenticated::Refused;
        }
        row.auth_time = renewal.at;
        row.access_until = row.access_until.max(renewal.access_until);
        Reauthenticated::Recorded
    }

    fn list_open(&self, user: &UserId) -> Vec<Session> {
        self.rows_of(user)
            .filter(|row| row.state == SessionState::Open)
            .cloned()
            .collect()
    }

    fn close(&mut self, id: SessionId, closing: &Closing) -> Closed {
        let Some(row) = self.rows.get_mut(&id) else {
            return Closed::NoSuchSession;
        };
        if closing.cause == EndReason::Reuse {
            row.reuse_noticed_at.get_or_insert(closing.at);
        }
        if row.state != SessionState::Open {
            return Closed::Already(self.log.find(Scope::Session(id)).cloned());
        }
        row.state = SessionState::Closed {
            at: closing.at,
            cause: closing.cause,
        };
        let revocation = self.log.append(|position| Revocation {
            position,
            scope: Scope::Session(id),
            user: row.user.clone(),
            at: closing.at,
            until: later(row.access_until, closing.margin),
            cause: closing.cause,
        });
        self.saw(closing.at);
        Closed::Now(revocation)
    }

    fn close_all(&mut self, user: &UserId, except: Option<SessionId>, closing: &Closing) -> Vec<Revocation> {
        let next = Epoch::new(self.epoch(user).get().saturating_add(1));
        self.epochs.insert(user.clone(), next);
        let open: Vec<_> = self
            .rows_of(user)
            .filter(|row| row.state == SessionState::Open && Some(row.id) != except)
            .map(|row| row.id)
            .collect();
        for id in open {
            // The revocation is read from the log below, together with those of earlier closings.
            let _ = self.close(id, closing);
        }
        let of_a_session = |scope| matches!(scope, Scope::Session(id) if Some(id) != except);
        self.log
            .of_user(user)
            .filter(|revocation| of_a_session(revocation.scope))
            .cloned()
            .collect()
    }

    fn revoke(&mut self, new: &NewRevocation) -> Revocation {
        if let Some(revocation) = self.log.find(new.scope) {
            return revocation.clone();
        }
        self.saw(new.at);
        self.log.append(|position| Revocation {
            position,
            scope: new.scope,
            user: new.user.clone(),
            at: new.at,
            until: new.until,
            cause: new.cause,
        })
    }

    fn prune(&mut self, now: Timestamp, sessions_before: Timestamp, limit: u32) -> Pruned {
        let mut sessions = 0;
        while sessions < u64::from(limit)
            && let Some(&(end, id)) = self.by_end.first()
            && end < sessions_before
        {
            self.by_end.pop_first();
            self.forget(id);
            sessions += 1;
        }
        let pruned = Pruned {
            sessions,
            revocations: self.log.prune(now, limit),
        };
        if pruned != Pruned::default() {
            self.saw(now);
        }
        pruned
    }

    fn forget(&mut self, id: SessionId) {
        let Some(row) = self.rows.remove(&id) else { return };
        if let Some(index) = row.status_index {
            self.by_status.remove(&index);
        }
        if let Some(rows) = self.of_user.get_mut(&row.user) {
            rows.remove(&(row.created_at, id));
            if rows.is_empty() {
                self.of_user.remove(&row.user);
            }
        }
    }

    fn rows_of(&self, user: &UserId) -> impl Iterator<Item = &Session> {
        self.of_user
            .get(user)
            .into_iter()
            .flatten()
            .filter_map(|(_, id)| self.rows.get(id))
    }

    fn saw(&mut self, moment: Timestamp) {
        self.newest = self.newest.max(Some(moment));
    }
}

#[async_trait]
impl SessionStore for MemorySessions {
    async fn epoch(&self, user: &UserId) -> Result<Epoch, StoreError> {
        Ok(whole(self.store.lock())?.epoch(user))
    }

    async fn open(&self, session: &Session, epoch: Epoch) -> Result<Opened, StoreError> {
        whole(self.store.lock())?.open(session, epoch)
    }

    async fn find(&self, id: SessionId) -> Result<Option<Session>, StoreError> {
        Ok(whole(self.store.lock())?.rows.get(&id).cloned())
    }

    async fn rotate(&self, rotation: &Rotation) -> Result<Rotated, StoreError> {
        Ok(whole(self.store.lock())?.rotate(rotation))
    }

    async fn reauthenticate(&self, renewal: &Reauthentication) -> Result<Reauthenticated, StoreError> {
        Ok(whole(self.store.lock())?.reauthenticate(renewal))
    }

    async fn list_open(&self, user: &UserId) -> Result<Vec<Session>, StoreError> {
        Ok(whole(self.store.lock())?.list_open(user))
    }

    async fn close(&self, id: SessionId, closing: &Closing) -> Result<Closed, StoreError> {
        Ok(whole(self.store.lock())?.close(id, closing))
    }

    async fn close_all(
        &self,
        user: &UserId,
        except: Option<SessionId>,
        closing: &Closing,
    ) -> Result<Vec<Revocation>, StoreError> {
        Ok(whole(self.store.lock())?.close_all(user, except, closing))
    }

    async fn revoke(&self, revocation: &NewRevocation) -> Result<Revocation, StoreError> {
        Ok(whole(self.store.lock())?.revoke(revocation))
    }

    async fn log(&self) -> Result<LogId, StoreError> {
        // It ends with its process, so it cannot be confused with another log.
        Ok(LogId::from_uuid(Uuid::nil()))
    }

    async fn revocations_after(&self, position: Position, limit: u32) -> Result<Tail, StoreError> {
        Ok(whole(self.store.lock())?.log.after(position, limit))
    }

    async fn prune(&self, now: Timestamp, sessions_before: Timestamp, limit: u32) -> Result<Pruned, StoreError> {
        Ok(whole(self.store.lock())?.prune(now, sessions_before, limit))
    }

    async fn status_indexes(
        &self,
        range: Range<StatusIndex>,
        candidates: &[StatusIndex],
    ) -> Result<TakenIndexes, StoreError> {
        let store = whole(self.store.lock())?;
        let is_taken = |index: &&StatusIndex| store.by_status.contains_key(index);
        Ok(TakenIndexes {
            taken: candidates.iter().filter(is_taken).copied().collect(),
            highest: store.by_status.range(range).next_back().map(|(index, _)| *index),
        })
    }

    async fn closed_status_indexes(&self, range: Range<StatusIndex>) -> Result<Vec<StatusIndex>, StoreError> {
        let store = whole(self.store.lock())?;
        let is_closed = |id| store.rows.get(id).is_some_and(|row| row.state != SessionState::Open);
        let closed = store.by_status.range(range).filter(|(_, id)| is_closed(id));
        Ok(closed.map(|(index, _)| *index).collect())
    }

    async fn store_clock(&self) -> Result<StoreClock, StoreError> {
        let store = whole(self.store.lock())?;
        Ok(StoreClock {
            // No clock of its own: it runs in the process whose clock is being compared.
            clock: None,
            newest: store.newest,
            issue_floor: store.issue_floor,
        })
    }

    async fn raise_issue_floor(&self, floor: Timestamp) -> Result<(), StoreError> {
        let mut store = whole(self.store.lock())?;
        store.issue_floor = store.issue_floor.max(Some(floor));
        Ok(())
    }

    fn is_shared(&self) -> bool {
        false
    }
}
