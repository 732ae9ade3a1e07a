//! Keeps a race close: the side that came first starts later the next time. So both orders occur, near the point at which one
//! turns into the other.

use std::time::Duration;

#[derive(Default)]
pub(crate) struct HeadStart {
    /// How many milliseconds the first side waits; below zero, the second one does.
    first_waits: i64,
    /// How often each side came first.
    pub(crate) wins: [u32; 2],
}

impl HeadStart {
    /// How long each side waits before it starts.
    pub(crate) fn waits(&self) -> [Duration; 2] {
        [self.first_waits, -self.first_waits].map(|wait| Duration::from_millis(wait.max(0).unsigned_abs()))
    }

    /// Notes who came first.
    pub(crate) fn came_first(&mut self, first: bool) {
        self.wins[usize::from(!first)] += 1;
        self.first_waits += if first { 1 } else { -1 };
    }

    /// A race that one side always wins does not test the other order.
    #[track_caller]
    pub(crate) fn assert_both_won(&self) {
        assert!(
            self.wins.iter().all(|wins| *wins > 0),
            "one side always won: {:?}",
            self.wins
        );
    }
}
