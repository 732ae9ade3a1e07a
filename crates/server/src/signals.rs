//! The signals that end the program.
//!
//! actix handles signals too, but only once its server is polled. A signal that comes after the program printed its address
//! and before that would kill the program with its requests. So the handlers are installed before the address is printed.
//!
//! SIGHUP ends the program like SIGTERM: a closed terminal sends it, and a running program does not reload its settings. If
//! the parent ignores it, as `nohup` does, it stays ignored.

use std::io;

use actix_web::dev::ServerHandle;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Handlers of the signals that end the program.
pub(crate) struct EndSignals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Option<Signal>,
}

impl EndSignals {
    /// Installs the handlers.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: if ignores_hang_up() {
                None
            } else {
                Some(signal(SignalKind::hangup())?)
            },
        })
    }

    async fn next(&mut self) {
        let hang_up = async {
            match &mut self.hang_up {
                Some(hang_up) => hang_up.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = hang_up => {}
        }
    }

    /// Ends the server at the first signal, after the running requests; at a second one, without waiting for them. `let_go`
    /// closes streams that would stay open.
    pub(crate) async fn end(mut self, server: ServerHandle, let_go: impl FnOnce()) {
        self.next().await;
        tracing::info!("received a signal to end; running requests are finished first");
        let_go();
        tokio::select! {
            () = server.stop(true) => {}
            () = self.next() => server.stop(false).await,
        }
    }
}

/// Whether SIGHUP (signal 1) is ignored, from `SigIgn` of proc(5).
fn ignores_hang_up() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 1 == 1)
}
