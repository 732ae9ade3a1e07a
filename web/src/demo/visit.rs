//! What is remembered of one visitor: their log, and the robbery they asked for.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::{Semaphore, watch};

use super::{heist::Heist, log::Entry, log::Log};

/// How many event streams one visitor may hold: a tab each, and a browser allows six to a server.
pub(crate) const MOST_STREAMS: usize = 6;

/// One visitor's memory. It is dropped as a whole, and the tokens in it are wiped.
pub(crate) struct Visit {
    state: Mutex<Remembered>,
    next: AtomicU64,
    changed: watch::Sender<()>,
    pub(crate) streams: Arc<Semaphore>,
}

/// Log and loot.
#[derive(Default)]
pub(crate) struct Remembered {
    pub(crate) log: Log,
    pub(crate) heist: Option<Heist>,
}

impl Default for Visit {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            next: AtomicU64::new(1),
            changed: watch::Sender::new(()),
            streams: Arc::new(Semaphore::new(MOST_STREAMS)),
        }
    }
}

impl Visit {
    /// The id of a request that begins now.
    pub(crate) fn begin(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// A request has been answered.
    pub(crate) fn saw(&self, entry: Entry) {
        {
            let mut state = self.lock();
            if let Some(heist) = &mut state.heist {
                heist.saw(&entry);
            }
            state.log.add(entry);
        }
        self.changed.send_replace(());
    }

    /// Looks at what is remembered. Short: others wait.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Remembered> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Loot and log are thrown away.
    pub(crate) fn forget(&self) {
        *self.lock() = Remembered::default();
        self.changed.send_replace(());
    }

    /// Wakes whenever something has come into the log.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }
}
