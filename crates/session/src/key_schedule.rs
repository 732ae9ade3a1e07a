//! Which keys are used when.
//!
//! A new key must verify at every node, and be in every cached JWK set, before it signs anywhere. So the instant at which
//! it begins is fixed beforehand, and every node changes over at that instant, by the same clock that stamps its tokens.
//! Rejected: a timer that replaces the keys. It may be late, and then two nodes issue with different keys.
//!
//! **Fail closed.** A node that lacks the key that is due issues nothing, since tokens of an older key may be refused
//! elsewhere. A credential that it does not recognise may have been made with that key, so it is no forgery: 503.

use std::sync::Arc;

use jiff::Timestamp;

use crate::config::Keys;

/// The keys of a service: one set from the start, others from an instant on.
#[derive(Debug, Clone)]
pub struct KeySchedule {
    first: Arc<Keys>,
    later: Vec<(Timestamp, Option<Arc<Keys>>)>,
}

/// Why no token can be issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeysNotReady {
    /// The key that issues tokens from this instant on is not here.
    #[error("the key that issues tokens since {0} is missing here: put its file into the directory of the keys")]
    Missing(Timestamp),
    /// Another key may be due: see [`SessionService::confirm_keys`](crate::SessionService::confirm_keys).
    #[error("the database has not confirmed since {0} which key issues tokens")]
    Unconfirmed(Timestamp),
}

impl From<Keys> for KeySchedule {
    fn from(keys: Keys) -> Self {
        Self {
            first: Arc::new(keys),
            later: Vec::new(),
        }
    }
}

impl KeySchedule {
    /// From this instant on these keys issue tokens. `None`: the issuing key is not on this node. Call it in the order of
    /// the instants. All sets should verify with the same keys.
    #[must_use]
    pub fn then_from(mut self, instant: Timestamp, keys: Option<Keys>) -> Self {
        self.later.push((instant, keys.map(Arc::new)));
        self
    }

    fn all(&self) -> impl Iterator<Item = &Arc<Keys>> {
        let later = self.later.iter().filter_map(|(_, keys)| keys.as_ref());
        std::iter::once(&self.first).chain(later)
    }

    /// Whether a shared secret signs, now or later.
    pub(crate) fn has_shared_secret(&self) -> bool {
        self.all().any(|keys| keys.ring.active().algorithm().is_symmetric())
    }

    /// The versions of the keys that verify, now or later.
    pub(crate) fn versions(&self) -> Vec<u64> {
        self.all().map(|keys| keys.ring.version()).collect()
    }

    /// The keys at a time; those before, if the ones that are due are not here.
    pub(crate) fn at(&self, now: Timestamp) -> (&Arc<Keys>, Result<(), KeysNotReady>) {
        let due = self.later.iter().take_while(|(from, _)| *from <= now);
        due.fold((&self.first, Ok(())), |(before, _), (from, keys)| match keys {
            Some(keys) => (keys, Ok(())),
            None => (before, Err(KeysNotReady::Missing(*from))),
        })
    }
}
