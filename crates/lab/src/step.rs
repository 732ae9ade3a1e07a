//! The steps: one per button, with all its requests and replies.

use std::time::Duration;

use crate::{action::Action, meter::Call, snapshot::Snapshot, trace::Exchange};

#[derive(Clone)]
pub struct Step {
    /// Counted from 1.
    pub number: usize,
    /// The sandbox's age at the end of the step, in its own time.
    pub at: Duration,
    pub action: Action,
    /// The exchanges, in order. Empty if only time passed or something was broken.
    pub exchanges: Vec<Exchange>,
    /// The store calls of the maintenance afterwards.
    pub maintenance: Vec<Call>,
    /// What reached the service elsewhere, while time passed.
    pub news: Vec<Exchange>,
    /// The snapshot afterwards.
    pub after: Snapshot,
}

impl Step {
    /// Its approximate size in memory.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>()
            + self
                .exchanges
                .iter()
                .chain(&self.news)
                .map(Exchange::bytes)
                .sum::<usize>()
            + size_of_val(self.maintenance.as_slice())
            + self.after.bytes()
    }
}
