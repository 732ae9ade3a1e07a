//! What a node has done since it began, for its operator. No name, no id and no token is in it.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
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

/// The counts. Logins, refreshes and logouts change them; a check of a token does not.
#[derive(Default)]
pub(crate) struct Counters(Mutex<Counts>);

impl Counters {
    pub(crate) fn add(&self, add: impl FnOnce(&mut Counts)) {
        add(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn add_revocations(&self, revocations: &[Revocation]) {
        self.add(|counts| {
            for revocation in revocations {
                *counts.revocations.entry(revocation.cause.name()).or_default() += 1;
            }
        });
    }

    /// What was counted; `hashing` is known elsewhere.
    pub(crate) fn read(&self, hashing: usize) -> Counts {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Counts { hashing, ..counts }
    }
}
