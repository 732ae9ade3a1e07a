//! What the servers of the stores have in common: a port, a directory, a process, and its faults.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};

use crate::daemon::{Daemon, Farewell};
use crate::port::free_port;

/// Far more than a start, a recovery or an answer takes, even on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
pub(crate) const PORTS_TO_TRY: usize = 5;

/// A store's server on a port of 127.0.0.1, with the faults that a test can cause in its process.
#[derive(Debug)]
pub struct Server {
    name: &'static str,
    port: u16,
    farewell: Farewell,
    /// Dropped before the directory in which it works.
    daemon: Mutex<Option<Daemon>>,
    directory: TempDir,
}

impl Server {
    /// The port, which stays the same after a restart.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// All output of the server, also from before a restart.
    #[must_use]
    pub fn logs(&self) -> String {
        fs::read(self.log_file()).map_or_else(
            |error| format!("no log: {error}"),
            |log| String::from_utf8_lossy(&log).into_owned(),
        )
    }

    /// Stops all processes of the server (SIGSTOP): connections stay open, the kernel still accepts new ones, and there
    /// are no replies.
    ///
    /// # Panics
    /// If it does not run.
    pub fn pause(&self) {
        self.running(Daemon::pause);
    }

    /// Resumes it (SIGCONT); it answers the requests that it got meanwhile.
    ///
    /// # Panics
    /// If it does not run.
    pub fn resume(&self) {
        self.running(Daemon::resume);
    }

    /// Kills all its processes without a warning.
    ///
    /// # Panics
    /// If the machine would not.
    pub fn kill_9(&self) {
        if let Some(mut daemon) = self.daemon().take() {
            daemon
                .kill()
                .unwrap_or_else(|e| panic!("{} cannot be killed: {e}", self.name));
        }
    }

    /// A server that has no port yet and does not run.
    pub(crate) fn new(name: &'static str, directory: TempDir, farewell: Farewell) -> Self {
        Self {
            name,
            port: 0,
            farewell,
            daemon: Mutex::new(None),
            directory,
        }
    }

    /// Takes a free port. Another program may take it before the server does.
    pub(crate) fn take_port(&mut self) {
        self.port = free_port();
    }

    /// Whether it has ended because another program has its port.
    pub(crate) fn has_lost_its_port(&self) -> bool {
        self.logs().contains("Address already in use")
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.directory().join("data")
    }

    fn log_file(&self) -> PathBuf {
        self.directory().join("log")
    }

    /// Starts the server, and returns whether it is ready; otherwise it has ended. `is_ready` gets its process id, by which
    /// it is recognised: another server may have taken the port.
    pub(crate) async fn come_up(&self, mut command: Command, is_ready: impl AsyncFn(u32) -> bool) -> bool {
        command.current_dir(self.directory());
        let daemon = Daemon::spawn(command, &self.log_file(), self.directory(), self.farewell)
            .unwrap_or_else(|e| panic!("{} cannot be run: {e}", self.name));
        let id = daemon.id();
        *self.daemon() = Some(daemon);
        let mut tick = ticks();
        let up = async {
            loop {
                tick.tick().await;
                if is_ready(id).await {
                    return true;
                }
                if !self.running(Daemon::is_running) {
                    *self.daemon() = None;
                    return false;
                }
            }
        };
        timeout(DEADLINE, up).await.unwrap_or_else(|_| {
            let seconds = DEADLINE.as_secs();
            panic!("{} was not ready within {seconds} s:\n{}", self.name, self.logs())
        })
    }

    pub(crate) fn daemon(&self) -> MutexGuard<'_, Option<Daemon>> {
        // A test that failed while it held the lock has reported its failure already.
        self.daemon.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[track_caller]
    pub(crate) fn running<T>(&self, act: impl FnOnce(&mut Daemon) -> io::Result<T>) -> T {
        match self.daemon().as_mut().map(act) {
            Some(Ok(outcome)) => outcome,
            Some(Err(error)) => panic!("this {} cannot be reached by signals: {error}", self.name),
            None => panic!("this {} does not run", self.name),
        }
    }
}

pub(crate) fn ticks() -> Interval {
    let mut tick = interval(Duration::from_millis(10));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tick
}
