//! Which keys are used when.
//!
//! A new key must verify at every node, and be in every cached JWK set, before it signs anywhere. So the instant at which
//! it begins is fixed beforehand, and every node changes over at that instant, by the same clock that stamps its tokens.
//! Rejected: a timer that replaces the keys. It may be late, and then two nodes issue with different keys.
//!
//! **Fail closed.** A node that lacks the key that is due issues nothing, since tokens of an older key may be refused
//! elsewhere. A credential that it does not recognise may have been made with that key, so it is no forgery: 503.

use std::sync::{Arc, atomic::Ordering};

use jiff::Timestamp;

use crate::{config::Keys, service::SessionService, unavailable::Unavailable};

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
    /// Another key may be due: see [`SessionService::confirm_keys`].
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
    /// From an instant on these keys issue tokens; with `None`, a key that is not here does. Call it in the order of the
    /// instants. All sets should verify with the same keys.
    #[must_use]
    pub fn then_from(mut self, instant: Timestamp, keys: Option<Keys>) -> Self {
        self.later.push((instant, keys.map(Arc::new)));
        self
    }

    /// Whether a shared secret signs, now or later.
    pub(crate) fn has_shared_secret(&self) -> bool {
        let later = self.later.iter().filter_map(|(_, keys)| keys.as_ref());
        let mut all = std::iter::once(&self.first).chain(later);
        all.any(|keys| keys.ring.active().algorithm().is_symmetric())
    }

    /// The keys at a time; those before, if the ones that are due are not here.
    fn at(&self, now: Timestamp) -> (&Arc<Keys>, Result<(), KeysNotReady>) {
        let due = self.later.iter().take_while(|(from, _)| *from <= now);
        due.fold((&self.first, Ok(())), |(before, _), (from, keys)| match keys {
            Some(keys) => (keys, Ok(())),
            None => (before, Err(KeysNotReady::Missing(*from))),
        })
    }
}

impl SessionService {
    /// The keys in use now, for example to publish [their JWK set](rescind_token::VerifyingKeys::to_jwks).
    #[must_use]
    pub fn keys(&self) -> Arc<Keys> {
        let now = self.ports.clock.now().unwrap_or(Timestamp::MIN);
        Arc::clone(self.key_schedule().at(now).0)
    }

    /// Uses these keys from now on, in all clones of the service. What a removed key signed is refused at once.
    ///
    /// Let a new key verify everywhere before it signs anywhere: give every node a [`KeySchedule`] in which the new key
    /// is [retired](rescind_token::KeyRing::with_retired) at first.
    pub fn replace_keys(&self, keys: impl Into<KeySchedule>) {
        *self
            .parts
            .keys
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = Arc::new(keys.into());
    }

    /// Issues nothing after this instant, unless it is called again: for a node whose keys follow a record that
    /// another node may change. Never called, the keys stay in use.
    pub fn confirm_keys(&self, until: Timestamp) {
        self.parts
            .keys_confirmed
            .store(until.as_millisecond(), Ordering::Release);
    }

    fn key_schedule(&self) -> Arc<KeySchedule> {
        Arc::clone(
            &self
                .parts
                .keys
                .read()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        )
    }

    /// The keys that issue tokens.
    pub(crate) fn issuing_keys(&self, now: Timestamp) -> Result<Arc<Keys>, Unavailable> {
        let confirmed = self.parts.keys_confirmed.load(Ordering::Acquire);
        if now.as_millisecond() > confirmed {
            let since = Timestamp::from_millisecond(confirmed).unwrap_or(Timestamp::MIN);
            return Err(KeysNotReady::Unconfirmed(since).into());
        }
        let schedule = self.key_schedule();
        let (keys, is_here) = schedule.at(now);
        is_here?;
        Ok(Arc::clone(keys))
    }

    /// Whether the keys that issue tokens are here. Without them a credential that is not recognised may be genuine.
    ///
    /// # Errors
    /// [`Unavailable::Keys`], or [`Unavailable::Clock`] if the time is not known.
    pub fn require_keys(&self) -> Result<(), Unavailable> {
        self.issuing_keys(self.now()?).map(drop)
    }
}
