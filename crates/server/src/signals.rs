//! Being asked to end.
//!
//! actix handles signals too, but only from the moment at which its server is first polled. A program that says "listens"
//! and is asked to end in that instant would be killed with its requests. So the handlers are set up before it says so.
//!
//! SIGHUP ends the program like SIGTERM: a terminal sends it when it is closed, and there are no settings to read again in a
//! running program. Where the parent has it ignored, as `nohup` does, it stays ignored.

use std::io;

use actix_web::dev::ServerHandle;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that ask a program to end, listened to from now on.
pub(crate) struct EndSignals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Option<Signal>,
}

impl EndSignals {
    /// Begins to listen.
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

    /// Ends the server when asked to, after the requests that are under way; asked again, without waiting for them.
    /// `let_go` ends what would go on for ever.
    pub(crate) async fn end(mut self, server: ServerHandle, let_go: impl FnOnce()) {
        self.next().await;
        tracing::info!("asked to end; requests that are under way are finished first");
        let_go();
        tokio::select! {
            () = server.stop(true) => {}
            () = self.next() => server.stop(false).await,
        }
    }
}

/// Whether SIGHUP, signal 1, is ignored, as far as Linux tells (proc(5), `SigIgn`).
fn ignores_hang_up() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 1 == 1)
}
