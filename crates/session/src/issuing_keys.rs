//! Which keys the service uses now.

use std::sync::{Arc, PoisonError, atomic::Ordering};

use jiff::Timestamp;

use crate::{
    config::Keys,
    key_schedule::{KeySchedule, KeysNotReady},
    service::SessionService,
    unavailable::Unavailable,
};

impl SessionService {
    /// The keys in use now, for example to publish [their JWK set](rescind_token::VerifyingKeys::to_jwks).
    pub fn keys(&self) -> Arc<Keys> {
        self.keys_at(self.ports.clock.now().unwrap_or(Timestamp::MIN))
    }

    fn keys_at(&self, now: Timestamp) -> Arc<Keys> {
        let schedule = self.parts.keys.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(schedule.at(now).0)
    }

    /// Borrows the keys: counting references would cost more than reading them.
    pub(crate) fn with_keys_at<T>(&self, now: Timestamp, with: impl FnOnce(&Keys) -> T) -> T {
        let schedule = self.parts.keys.read().unwrap_or_else(PoisonError::into_inner);
        with(schedule.at(now).0)
    }

    /// Uses these keys from now on, in all clones of the service. What a removed key signed is refused at once.
    ///
    /// Let a new key verify everywhere before it signs anywhere: give every node a [`KeySchedule`] in which the new key
    /// is [retired](rescind_token::KeyRing::with_retired) at first.
    pub fn replace_keys(&self, keys: impl Into<KeySchedule>) {
        let keys = Arc::new(keys.into());
        let versions = keys.versions();
        *self.parts.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        self.parts.verified.keep_only(&versions);
    }

    /// Issues nothing after this instant, unless it is called again: for a node whose keys follow a record that
    /// another node may change. Never called, the keys stay in use.
    pub fn confirm_keys(&self, until: Timestamp) {
        self.parts
            .keys_confirmed
            .store(until.as_millisecond(), Ordering::Release);
    }

    fn key_schedule(&self) -> Arc<KeySchedule> {
        Arc::clone(&self.parts.keys.read().unwrap_or_else(PoisonError::into_inner))
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
