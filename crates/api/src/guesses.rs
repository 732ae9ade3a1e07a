//! One guess at a time for each login name.
//!
//! Limits per address do not stop many addresses that guess at one account at once. So the passwords for one name are
//! tried one after the other, after a pause that grows with each failure, for known and unknown names alike. No account
//! is ever locked: a request from a device that the owner has used before waits in a lane of its own, with failures and
//! pauses of its own; the device is known by the session that its refresh token names. An address without failures
//! waits for at most one request of an address with failures, because those wait for each other first. And of each
//! network only one request waits for the turn or has it; the network's other requests wait behind that one.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use governor::{Quota, clock::Clock};
use rescind_session::token::SessionId;
use tokio::{
    sync::{Mutex as Lane, OwnedMutexGuard},
    time::{sleep, timeout},
};

use crate::service_clock::ServiceClock;

/// Failures that cost no pause, unless the limit is smaller.
const FREE: u64 = 3;
/// The pauses after further failures: in the end about twenty guesses a minute.
const PAUSES: [u64; 5] = [250, 500, 1_000, 2_000, 3_000];
/// The longest that a request waits for its turn.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// Names without failures are forgotten once there are this many.
const MANY: usize = 10_000;

/// The target of a guess.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    /// A name, known or not.
    Name(Box<str>),
    /// The account of a device that is known by this session.
    Device(SessionId),
    /// One of these, for one network: its lane lets one of the network's requests at a time wait for the turn or have
    /// it.
    From(Option<IpAddr>, Box<Key>),
}

pub(crate) struct Guesses {
    free: u64,
    /// The time after which one failure is forgiven, in nanoseconds.
    forgiven_after: u64,
    clock: ServiceClock,
    keys: Mutex<HashMap<Key, Arc<Guessed>>>,
}

/// One target. The turn holds the time at which all failures are forgiven, in nanoseconds.
#[derive(Default)]
struct Guessed {
    turn: Arc<Lane<u64>>,
    failed_before: Lane<()>,
}

/// The turn to guess. Dropping it gives the turn to the next request.
pub(crate) struct Turn {
    forgiven_at: OwnedMutexGuard<u64>,
    guesses: Arc<Guesses>,
    counts: bool,
    _network: OwnedMutexGuard<u64>,
}

impl Guesses {
    pub(crate) fn new(quota: Quota, clock: ServiceClock) -> Self {
        Self {
            free: FREE.min(quota.burst_size().get().into()),
            forgiven_after: u64::try_from(quota.replenish_interval().as_nanos()).unwrap_or(u64::MAX),
            clock,
            keys: Mutex::default(),
        }
    }

    /// Whether a guess would have to wait.
    pub(crate) fn is_contended(&self, key: &Key) -> bool {
        let guessed = self.of(key);
        guessed.turn.try_lock().map_or(true, |at| !self.pause(*at).is_zero())
    }

    /// Waits for the turn, and then for the pause. If it takes too long, returns the time after which to try again.
    /// From the pause on it counts as a failure, also if the client hangs up, unless [`settle`](Turn::settle) is
    /// called.
    pub(crate) async fn turn(
        self: &Arc<Self>,
        key: &Key,
        network: Option<IpAddr>,
        has_failed: impl Fn() -> bool,
    ) -> Result<Turn, Duration> {
        let guessed = self.of(key);
        let turn = async {
            let of_network = self.of(&Key::From(network, Box::new(key.clone())));
            let network = Arc::clone(&of_network.turn).lock_owned().await;
            // Not earlier: the request that it waited for may have failed.
            let _one_of_them = if has_failed() {
                Some(guessed.failed_before.lock().await)
            } else {
                None
            };
            (network, Arc::clone(&guessed.turn).lock_owned().await)
        };
        let longest_pause = Duration::from_millis(PAUSES[PAUSES.len() - 1]);
        let (network, forgiven_at) = timeout(LONGEST_WAIT, turn).await.map_err(|_| longest_pause)?;
        let turn = Turn {
            forgiven_at,
            guesses: Arc::clone(self),
            counts: true,
            _network: network,
        };
        sleep(self.pause(*turn.forgiven_at)).await;
        Ok(turn)
    }

    fn of(&self, key: &Key) -> Arc<Guessed> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= MANY {
            let now = self.clock.now().as_u64();
            let is_idle = |guessed: &Guessed| guessed.turn.try_lock().is_ok_and(|at| *at <= now);
            keys.retain(|_, guessed| Arc::strong_count(guessed) > 1 || !is_idle(guessed));
        }
        Arc::clone(keys.entry(key.clone()).or_default())
    }

    fn pause(&self, forgiven_at: u64) -> Duration {
        let left = forgiven_at.saturating_sub(self.clock.now().as_u64());
        let beyond = left.div_ceil(self.forgiven_after).checked_sub(self.free);
        let pause = beyond.and_then(|beyond| PAUSES.get(usize::try_from(beyond).ok()?));
        Duration::from_millis(pause.copied().unwrap_or_default())
    }
}

impl Turn {
    /// The guess was no failure: the password was right, or was not tried, or the stores failed.
    pub(crate) fn settle(&mut self) {
        self.counts = false;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.counts {
            let (now, one) = (self.guesses.clock.now().as_u64(), self.guesses.forgiven_after);
            // At most as many as lead to the longest pause, so that no more have to be forgiven.
            let most = self.guesses.free + PAUSES.len() as u64 - 1;
            let at = (*self.forgiven_at).max(now).saturating_add(one);
            *self.forgiven_at = at.min(now.saturating_add(one.saturating_mul(most)));
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};
    use rescind_session::{Config, Keys, ManualClock, SessionService, memory};

    use super::*;

    fn guesses() -> Arc<Guesses> {
        let mut rng = StdRng::seed_from_u64(1);
        let keys = Keys::generate(&mut rng).unwrap();
        let ports = memory::ports(ManualClock::at("2026-01-01T12:00:00Z".parse().unwrap()));
        let service = SessionService::new(Config::new("https://a.example", "a"), keys, ports, rng).unwrap();
        Arc::new(Guesses::new(
            Quota::per_minute(10.try_into().unwrap()),
            ServiceClock(service),
        ))
    }

    #[tokio::test]
    async fn names_without_failures_are_forgotten_when_there_are_many() {
        let guesses = guesses();
        let name = |name: &str| Key::Name(name.into());
        for _ in 0..=FREE {
            drop(guesses.turn(&name("failed"), None, || false).await);
        }
        let _turn = guesses.turn(&name("guessed-at"), None, || false).await;
        let remembered = || guesses.keys.lock().unwrap().len();
        for number in 0..MANY + 10 {
            assert!(!guesses.is_contended(&name(&format!("name-{number}"))));
            // Looking through them takes time, so only many are looked through.
            assert!(number != 1_000 || remembered() > 1_000);
        }
        assert!(remembered() < 100);
        assert!(guesses.is_contended(&name("failed")) && guesses.is_contended(&name("guessed-at")));
    }
}
