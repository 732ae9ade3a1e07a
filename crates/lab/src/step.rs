//! What happened: one step a button, with everything that went over the wire in it.

use std::time::Duration;

use crate::{action::Action, meter::Call, picture::Picture, trace::Exchange};

/// One step.
#[derive(Clone)]
pub struct Step {
    /// From 1.
    pub number: usize,
    /// How long the sandbox has existed, in its own time, when the step was over.
    pub at: Duration,
    /// Which button was pressed.
    pub action: Action,
    /// What went over the wire, in order. None, where only time passed or something was broken.
    pub exchanges: Vec<Exchange>,
    /// What the maintenance asked of the stores afterwards, nobody having pressed anything.
    pub maintenance: Vec<Call>,
    /// How everything stood afterwards.
    pub after: Picture,
}

impl Step {
    /// About how much memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.exchanges.iter().map(Exchange::bytes).sum::<usize>()
            + size_of_val(self.maintenance.as_slice())
            + self.after.bytes()
    }
}
