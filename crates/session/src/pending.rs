//! Revocations that this node knows and the blacklist may lack.
//!
//! A blacklist with full memory or a full disk may answer reads and refuse writes. Meanwhile it would accept an ended
//! session. So a node refuses by itself what it has ended or has read in the log, until the blacklist has the entry.

use std::{collections::HashMap, sync::PoisonError};

use rescind_token::{SessionId, TokenId};

use crate::{
    lock::{Lock, WriteGuard},
    revocation::{Position, Revocation, Scope},
};

/// Bounded: this node's own, and those of the log that were made within [`Maintenance::behind_after`](crate::Maintenance).
#[derive(Default)]
pub(crate) struct Pending(Lock<HashMap<Scope, Position>>);

impl Pending {
    pub(crate) fn add(&self, revocations: &[Revocation]) {
        let pending = revocations.iter().map(|entry| (entry.scope, entry.position));
        self.write().extend(pending);
    }

    /// The blacklist has these.
    pub(crate) fn remove(&self, revocations: &[Revocation]) {
        let mut pending = self.write();
        for entry in revocations {
            pending.remove(&entry.scope);
        }
    }

    /// The blacklist has everything up to that position.
    pub(crate) fn remove_up_to(&self, synced: Position) {
        self.write().retain(|_, position| *position > synced);
    }

    /// The log was replaced: its positions do not apply to these entries.
    pub(crate) fn clear(&self) {
        self.write().clear();
    }

    pub(crate) fn covers(&self, token: TokenId, session: SessionId) -> bool {
        let pending = self.0.read().unwrap_or_else(PoisonError::into_inner);
        !pending.is_empty()
            && (pending.contains_key(&Scope::Session(session)) || pending.contains_key(&Scope::Token(token)))
    }

    fn write(&self) -> WriteGuard<'_, HashMap<Scope, Position>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}
