//! The revocation log in memory: append, read, prune.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Bound,
};

use jiff::Timestamp;
use rescind_token::UserId;

use crate::{
    ports::Tail,
    revocation::{Position, Revocation, Scope},
};

/// Entries by position, with indexes by scope, by user, and by the time from which an entry may be removed.
#[derive(Debug, Default)]
pub(super) struct Log {
    entries: BTreeMap<Position, Revocation>,
    by_scope: HashMap<Scope, Position>,
    by_user: HashMap<UserId, BTreeSet<Position>>,
    by_until: BTreeSet<(Timestamp, Position)>,
    /// The last position assigned. Kept after its entry is pruned, or it would be assigned again.
    last: Position,
}

impl Log {
    /// Appends the revocation made for the next position.
    pub(super) fn append(&mut self, revocation: impl FnOnce(Position) -> Revocation) -> Revocation {
        self.last = self.last.next();
        let revocation = revocation(self.last);
        self.by_scope.insert(revocation.scope, self.last);
        self.by_user
            .entry(revocation.user.clone())
            .or_default()
            .insert(self.last);
        self.by_until.insert((revocation.until, self.last));
        self.entries.insert(self.last, revocation.clone());
        revocation
    }

    pub(super) fn find(&self, scope: Scope) -> Option<&Revocation> {
        self.by_scope
            .get(&scope)
            .and_then(|position| self.entries.get(position))
    }

    /// That user's entries, in the order of positions.
    pub(super) fn of_user(&self, user: &UserId) -> impl Iterator<Item = &Revocation> {
        self.by_user
            .get(user)
            .into_iter()
            .flatten()
            .filter_map(|position| self.entries.get(position))
    }

    pub(super) fn after(&self, position: Position, limit: u32) -> Tail {
        if position > self.last || (position != Position::START && self.is_below_floor(position)) {
            return Tail::StartOver;
        }
        let following = self.entries.range((Bound::Excluded(position), Bound::Unbounded));
        Tail::Entries(
            following
                .take(limit as usize)
                .map(|(_, revocation)| revocation.clone())
                .collect(),
        )
    }

    /// Whether the log was pruned beyond that position. The floor is just below the first kept entry; in an empty log
    /// it is the end.
    ///
    /// Rejected: the highest position ever removed. Entries are removed in the order of their `until`, so some below
    /// that position may be kept much longer; a reader that starts over would stop at the first of them, have to start
    /// over again, and never get past it.
    fn is_below_floor(&self, position: Position) -> bool {
        match self.entries.first_key_value() {
            Some((&first, _)) => position.next() < first,
            None => position < self.last,
        }
    }

    /// Removes at most `limit` entries whose `until` has passed.
    pub(super) fn prune(&mut self, now: Timestamp, limit: u32) -> u64 {
        let mut removed = 0;
        while removed < u64::from(limit)
            && let Some(&(until, position)) = self.by_until.first()
            && until <= now
        {
            self.by_until.pop_first();
            self.forget(position);
            removed += 1;
        }
        removed
    }

    fn forget(&mut self, position: Position) {
        let Some(revocation) = self.entries.remove(&position) else {
            return;
        };
        self.by_scope.remove(&revocation.scope);
        if let Some(positions) = self.by_user.get_mut(&revocation.user) {
            positions.remove(&position);
            if positions.is_empty() {
                self.by_user.remove(&revocation.user);
            }
        }
    }
}
