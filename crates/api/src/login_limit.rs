//! How many passwords somebody may guess.
//!
//! Only failures are counted, so nobody pays for logging in. Each address has a budget of them; once it is used up,
//! the right password is answered like a wrong one, since a reply that differed would make the limit an oracle. IPv6
//! addresses are counted by their /64, which is what one customer gets.
//!
//! A second budget, for an account and an address together, would be as large and so never the first to run out; there
//! is none. Each account has a budget over all addresses, and that one only slows: if it locked, anybody could lock
//! anybody out.
//!
//! The `governor` crate does the arithmetic (GCRA: a used-up budget grows back evenly). It can only take; asking without
//! taking is what the store below adds, and a bound on how many are remembered.
//!
//! Each node counts for itself.

use std::{
    collections::HashMap,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use governor::{Quota, RateLimiter, clock::Clock, middleware::NoOpMiddleware, nanos::Nanos, state::StateStore};
use rescind_session::{SessionService, Username};

use crate::{
    problem::Problem,
    settings::{LoginLimit, Period},
};

/// The longest that a login waits because others have failed on the account.
const LONGEST_DELAY: Duration = Duration::from_secs(2);

/// How many addresses, and how many accounts, are remembered at once.
const MOST: usize = 50_000;

pub(crate) struct LoginLimiter {
    budgets: Option<Budgets>,
}

struct Budgets {
    addresses: Budget<Option<IpAddr>>,
    accounts: Budget<Username>,
    clock: ServiceClock,
}

type Budget<K> = RateLimiter<Call<K>, Debts<K>, ServiceClock, NoOpMiddleware<Nanos>>;

impl LoginLimiter {
    pub(crate) fn new(limit: LoginLimit, service: SessionService) -> Self {
        let quota = match limit {
            LoginLimit::Off => None,
            LoginLimit::Quota { failures, per } => Some(match per {
                Period::Second => Quota::per_second(failures),
                Period::Minute => Quota::per_minute(failures),
                Period::Hour => Quota::per_hour(failures),
            }),
        };
        let clock = ServiceClock(service);
        let budgets = quota.map(|quota| Budgets {
            addresses: RateLimiter::new(quota, Debts::default(), clock.clone()),
            accounts: RateLimiter::new(quota, Debts::default(), clock.clone()),
            clock,
        });
        Self { budgets }
    }

    /// Whether that address may try a password now.
    pub(crate) fn admit(&self, address: Option<IpAddr>) -> Result<(), Problem> {
        self.address(&Call::Ask(address.map(counted)))
    }

    /// Counts a failure. It may be one too many, having begun beside others.
    pub(crate) fn failed(&self, address: Option<IpAddr>, account: Option<Username>) -> Result<(), Problem> {
        if let (Some(budgets), Some(account)) = (&self.budgets, account) {
            // Used up or not: what follows from it is asked at the next login.
            let _ = budgets.accounts.check_key(&Call::Take(account));
        }
        self.address(&Call::Take(address.map(counted)))
    }

    /// How long a login has to wait because others have failed on the account, if it has to.
    pub(crate) fn delay(&self, account: Option<&Username>) -> Option<Duration> {
        let budgets = self.budgets.as_ref()?;
        let until = budgets.accounts.check_key(&Call::Ask(account?.clone())).err()?;
        Some(until.wait_time_from(budgets.clock.now()).min(LONGEST_DELAY))
    }

    fn address(&self, call: &Call<Option<IpAddr>>) -> Result<(), Problem> {
        let Some(budgets) = &self.budgets else { return Ok(()) };
        budgets.addresses.check_key(call).map_err(|until| Problem::RateLimited {
            retry_after: until.wait_time_from(budgets.clock.now()),
        })
    }
}

/// What of an address is counted.
fn counted(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

/// The time that tokens are judged by. While it is not known there are no logins to be counted.
#[derive(Clone)]
struct ServiceClock(SessionService);

impl Clock for ServiceClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        let nanos = self
            .0
            .now()
            .map_or(0, |now| u64::try_from(now.as_nanosecond()).unwrap_or(0));
        Nanos::new(nanos)
    }
}

/// What is wanted of a budget.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Call<K> {
    /// Whether there is anything left of it.
    Ask(K),
    /// A piece of it.
    Take(K),
}

/// Until when each has used up its budget, theoretically ("theoretical arrival time" in GCRA).
struct Debts<K>(Mutex<HashMap<K, Nanos>>);

impl<K> Default for Debts<K> {
    fn default() -> Self {
        Self(Mutex::new(HashMap::new()))
    }
}

impl<K: Clone + Eq + Hash> StateStore for Debts<K> {
    type Key = Call<K>;

    fn measure_and_replace<T, F, E>(&self, call: &Call<K>, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut debts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match call {
            Call::Ask(key) => measure(debts.get(key).copied()).map(|(answer, _)| answer),
            Call::Take(key) => {
                let (answer, debt) = measure(debts.get(key).copied())?;
                if debts.len() >= MOST && !debts.contains_key(key) {
                    forget_least(&mut debts);
                }
                debts.insert(key.clone(), debt);
                Ok(answer)
            }
        }
    }
}

/// Whoever owes least is closest to owing nothing. Looking for them costs less than the password that was hashed before.
fn forget_least<K: Clone + Eq + Hash>(debts: &mut HashMap<K, Nanos>) {
    let least = debts.iter().min_by_key(|(_, debt)| **debt).map(|(key, _)| key.clone());
    if let Some(least) = least {
        debts.remove(&least);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_store_forgets_whoever_owes_least() {
        let debts = Debts::<u32>::default();
        let owe = |key: u32, debt: u64| {
            debts
                .measure_and_replace(&Call::Take(key), |_| Ok::<_, ()>(((), Nanos::new(debt))))
                .unwrap();
        };
        for key in 0..u32::try_from(MOST).unwrap() {
            owe(key, 1_000_000 - u64::from(key));
        }
        owe(1_000_000, 5_000_000);
        let debts = debts.0.into_inner().unwrap();
        assert_eq!(debts.len(), MOST);
        assert!(debts.contains_key(&1_000_000) && debts.contains_key(&0));
        assert!(
            !debts.contains_key(&(u32::try_from(MOST).unwrap() - 1)),
            "it owed least"
        );
    }

    #[test]
    fn ipv6_addresses_are_counted_by_their_64_bits_of_network() {
        let network = |address: &str| counted(address.parse().unwrap());
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), network("2001:db8:1:2:ffff::1"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
    }
}
