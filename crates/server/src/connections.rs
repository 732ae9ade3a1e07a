//! Connections: how many, and how long a client may stall one.
//!
//! actix sets a deadline for the first head of a connection, `rescind_api` for every body. Neither ends a later head that
//! stays unfinished, the unread rest of a body, or an answer that the client does not read. So the socket itself has a
//! timeout, beneath HTTP: a connection is closed when no byte could be sent for a while.
//!
//! There is no bound per address: behind a proxy, or in a class, many people share one. `docs/load.md` explains what the
//! proxy does.

use std::{
    future::Future,
    io,
    num::NonZeroUsize,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep},
};

/// The deadline of the first head.
pub(crate) const HEAD: Duration = Duration::from_secs(5);
/// The longest time without a byte sent to a client. Longer than the slowest answer takes (a login that waits until tokens
/// can be issued), and than the silence of a stream.
const SILENCE: Duration = Duration::from_secs(30);

/// Files beside the connections: the database, keys, Redis, the program's own requests, and what the libraries open.
const OTHER_FILES: u64 = 256;
/// More connections need more memory than a default should take.
const MOST_BY_DEFAULT: usize = 16_384;
/// Enough for every use; some machines report no limit.
const MOST_FILES: u64 = 1 << 20;

/// Raises the soft limit on open files to the hard limit, and returns the largest number of connections. If `asked` is
/// larger than possible, the error is the possible number.
pub(crate) fn most(asked: Option<NonZeroUsize>) -> Result<usize, usize> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = maximum.unwrap_or(MOST_FILES).min(MOST_FILES).max(current.unwrap_or(0));
    let limit = Rlimit {
        current: Some(raised),
        maximum,
    };
    let files = setrlimit(Resource::Nofile, limit).map_or(current.unwrap_or(raised), |()| raised);
    let possible = usize::try_from(files.saturating_sub(OTHER_FILES).max(files / 4)).unwrap_or(usize::MAX);
    match asked.map(NonZeroUsize::get) {
        Some(asked) if asked > possible => Err(possible),
        asked => Ok(asked.unwrap_or(possible.min(MOST_BY_DEFAULT))),
    }
}

/// A connection that fails when no byte could be sent for [`SILENCE`].
pub(crate) struct Timed<S> {
    socket: S,
    /// When bytes were last sent.
    sent: Instant,
    /// When to look at `sent` again: to move a timer costs more than to read the clock, and most answers are followed by
    /// the next long before it ends.
    look: Pin<Box<Sleep>>,
}

impl<S> Timed<S> {
    pub(crate) fn new(socket: S) -> Self {
        Self {
            socket,
            sent: Instant::now(),
            look: Box::pin(sleep(SILENCE)),
        }
    }

    /// Turns a pending operation into a timeout once the silence is over.
    fn or_over<T>(&mut self, done: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        while done.is_pending() && self.look.as_mut().poll(cx).is_ready() {
            let over = self.sent + SILENCE;
            if over <= Instant::now() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            self.look.as_mut().reset(over);
        }
        done
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Timed<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.socket).poll_read(cx, buffer);
        self.or_over(read, cx)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Timed<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(cx, bytes);
        if written.is_ready() {
            self.sent = Instant::now();
        }
        self.or_over(written, cx)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
