//! What a node has done since it began, for its operator. No name, no id and no token is in it.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::revocation::Revocation;

/// What this node has done since it began, and what is going on. See [`SessionService::counts`](crate::SessionService::counts).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Logins that opened a session, or issued a token under a policy without sessions.
    pub logins: u64,
    /// Password logins with a wrong name or a wrong password.
    pub refused_logins: u64,
    /// Refreshes that were answered with tokens.
    pub refreshes: u64,
    /// Revocations that this node has passed to the blacklist, by the name of their reason. A repeated logout is counted
    /// again, and what the sync copies is not counted.
    pub revocations: BTreeMap<&'static str, u64>,
    /// Passwords that are hashed now, or wait for it.
    pub hashing: usize,
}

/// The counters.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) logins: Counter,
    pub(crate) refused_logins: Counter,
    pub(crate) refreshes: Counter,
    revocations: Mutex<BTreeMap<&'static str, u64>>,
}

#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add_one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counters {
    pub(crate) fn add(&self, revocations: &[Revocation]) {
        let mut counts = self.revocations.lock().unwrap_or_else(PoisonError::into_inner);
        for revocation in revocations {
            *counts.entry(revocation.cause.name()).or_default() += 1;
        }
    }

    /// What was counted; `hashing` is known elsewhere.
    pub(crate) fn read(&self, hashing: usize) -> Counts {
        Counts {
            logins: self.logins.get(),
            refused_logins: self.refused_logins.get(),
            refreshes: self.refreshes.get(),
            revocations: self.revocations.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            hashing,
        }
    }
}
