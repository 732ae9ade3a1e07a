//! Limits per address: failed logins, and sign-ups.
//!
//! For logins only failures count, so logging in costs nothing. A login whose client hangs up before the answer is a
//! failure too: otherwise an address could keep others waiting and stay below its limit. Each address has a budget of
//! failures. Once it is used up, the right password is answered like a wrong one, since a different reply would make
//! the limit an oracle. For sign-ups each one counts that hashes a password. IPv6 addresses are counted by their /64.
//!
//! Guesses at one account from many addresses are slowed by [`guesses`](crate::guesses); no account is ever locked.
//!
//! The `governor` crate does the arithmetic (GCRA: a used-up budget grows back evenly). It can only take from a budget.
//! The store below adds a check without taking, and a bound on how many addresses are remembered.
//!
//! Each node counts for itself.

use std::{
    collections::HashMap,
    net::IpAddr,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use governor::{Quota, RateLimiter, clock::Clock, middleware::NoOpMiddleware, nanos::Nanos, state::StateStore};
use rescind_session::{Password, SessionService, network_of};

use crate::{
    guesses::{Guesses, Key, Turn},
    problem::Problem,
    service_clock::ServiceClock,
    settings::{Period, RateLimit, Settings},
};

/// How many addresses are remembered at once.
const MOST: usize = 50_000;

pub(crate) struct Limiter {
    failures: Option<Budget>,
    sign_ups: Option<Budget>,
    guesses: Option<Arc<Guesses>>,
    clock: ServiceClock,
}

struct Budget {
    limiter: RateLimiter<Call, Debts, ServiceClock, NoOpMiddleware<Nanos>>,
    debts: Debts,
    since: Nanos,
}

impl Budget {
    fn new(quota: Quota, clock: ServiceClock) -> Self {
        let (debts, since) = (Debts::default(), clock.now());
        Self {
            limiter: RateLimiter::new(quota, debts.clone(), clock),
            debts,
            since,
        }
    }

    /// Whether the address has used a part of its budget that has not grown back yet.
    fn owes(&self, network: Option<IpAddr>) -> bool {
        let debt = self.debts.lock().get(&network).copied();
        debt.is_some_and(|debt| debt > self.limiter.clock().now().saturating_sub(self.since))
    }
}

impl Limiter {
    pub(crate) fn new(settings: &Settings, service: SessionService) -> Self {
        let clock = ServiceClock(service);
        let failures = quota(settings.login_limit);
        let budget = |quota| Budget::new(quota, clock.clone());
        Self {
            guesses: failures.map(|quota| Arc::new(Guesses::new(quota, clock.clone()))),
            failures: failures.map(budget),
            sign_ups: quota(settings.signup_limit).map(budget),
            clock,
        }
    }

    /// Whether that address may try a password now.
    pub(crate) fn admit(&self, address: Option<IpAddr>) -> Result<(), Problem> {
        self.check(self.failures.as_ref(), &Call::Ask(address.map(network_of)))
    }

    /// Counts a failure of the address. It may exceed the budget, because it began beside others.
    pub(crate) fn failed(&self, address: Option<IpAddr>) -> Result<(), Problem> {
        self.check(self.failures.as_ref(), &Call::Take(address.map(network_of)))
    }

    /// Counts a sign-up of the address, if it costs a hash.
    pub(crate) fn sign_up(&self, address: Option<IpAddr>, username: &str, password: &Password) -> Result<(), Problem> {
        if self.clock.0.parse_username(username).is_err() || password.check_rules().is_err() {
            return Ok(());
        }
        self.check(self.sign_ups.as_ref(), &Call::Take(address.map(network_of)))
    }

    /// Whether a guess would have to wait.
    pub(crate) fn is_contended(&self, key: &Key) -> bool {
        self.guesses.as_ref().is_some_and(|guesses| guesses.is_contended(key))
    }

    /// Waits for the turn to guess; returns `None` at once if guesses are not counted.
    pub(crate) async fn turn(&self, key: &Key, address: Option<IpAddr>) -> Result<Option<Turn>, Problem> {
        let (Some(guesses), Some(failures)) = (&self.guesses, &self.failures) else {
            return Ok(None);
        };
        let network = address.map(network_of);
        let mut turn = pin!(guesses.turn(key, network, || failures.owes(network)));
        let unanswered = self.unanswered(address);
        let turn = turn.as_mut().await;
        std::mem::forget(unanswered);
        turn.map(Some)
            .map_err(|retry_after| Problem::RateLimited { retry_after })
    }

    /// Counts a failure of the address when it is dropped, for a client that hangs up, unless the outcome is known
    /// first. It is made after the turn and so dropped before it: the network's next request sees the failure.
    pub(crate) fn unanswered(&self, address: Option<IpAddr>) -> Unanswered<'_> {
        Unanswered(self, address)
    }

    fn check(&self, budget: Option<&Budget>, call: &Call) -> Result<(), Problem> {
        let Some(budget) = budget else { return Ok(()) };
        budget.limiter.check_key(call).map_err(|until| Problem::RateLimited {
            retry_after: until.wait_time_from(self.clock.now()),
        })
    }
}

pub(crate) struct Unanswered<'a>(&'a Limiter, Option<IpAddr>);

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        let _ = self.0.failed(self.1);
    }
}

fn quota(limit: RateLimit) -> Option<Quota> {
    match limit {
        RateLimit::Off => None,
        RateLimit::Quota { count, per } => Some(match per {
            Period::Second => Quota::per_second(count),
            Period::Minute => Quota::per_minute(count),
            Period::Hour => Quota::per_hour(count),
        }),
    }
}

/// A call on a budget.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Call {
    /// Checks whether any of it is left.
    Ask(Option<IpAddr>),
    /// Takes one unit of it.
    Take(Option<IpAddr>),
}

/// Until when each address has used up its budget, theoretically ("theoretical arrival time" in GCRA).
#[derive(Clone, Default)]
struct Debts(Arc<Mutex<HashMap<Option<IpAddr>, Nanos>>>);

impl Debts {
    fn lock(&self) -> MutexGuard<'_, HashMap<Option<IpAddr>, Nanos>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StateStore for Debts {
    type Key = Call;

    fn measure_and_replace<T, F, E>(&self, call: &Call, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut debts = self.lock();
        match call {
            Call::Ask(key) => measure(debts.get(key).copied()).map(|(answer, _)| answer),
            Call::Take(key) => {
                let (answer, debt) = measure(debts.get(key).copied())?;
                if debts.len() >= MOST && !debts.contains_key(key) {
                    forget_least(&mut debts);
                }
                debts.insert(*key, debt);
                Ok(answer)
            }
        }
    }
}

/// Forgets the address with the smallest debt. Looking for it costs less than the password hash before it.
fn forget_least(debts: &mut HashMap<Option<IpAddr>, Nanos>) {
    if let Some(least) = debts.iter().min_by_key(|(_, debt)| **debt).map(|(key, _)| *key) {
        debts.remove(&least);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_full_store_forgets_the_address_with_the_smallest_debt() {
        let debts = Debts::default();
        let address = |number: u32| Some(IpAddr::V4(Ipv4Addr::from_bits(number)));
        let owe = |number: u32, debt: u64| {
            debts
                .measure_and_replace(&Call::Take(address(number)), |_| Ok::<_, ()>(((), Nanos::new(debt))))
                .unwrap();
        };
        let most = u32::try_from(MOST).unwrap();
        for number in 0..most {
            owe(number, 1_000_000 - u64::from(number));
        }
        owe(1_000_000, 5_000_000);
        let debts = debts.lock();
        assert_eq!(debts.len(), MOST);
        assert!(debts.contains_key(&address(1_000_000)) && debts.contains_key(&address(0)));
        assert!(!debts.contains_key(&address(most - 1)), "it had the smallest debt");
    }
}
