//! A relay between one node and one of its stores, on loopback, that can be cut while other nodes keep their
//! connections.
//!
//! Killing or pausing a store affects every node alike. A network fault is harder: one node loses its store, and
//! another still revokes in it. So the node that is to be cut off gets the relay's port instead of the store's.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::port::free_port;

const TRIES: usize = 100;
const BACKLOG: u32 = 1024;
/// How many bytes are forwarded at once.
const PIECE: usize = 16 * 1024;

/// Forwards the bytes of any number of connections from its own port to another one of 127.0.0.1. Dropping it cuts them
/// all. It runs in the runtime that made it.
///
/// ```no_run
/// # async fn test() {
/// use rescind_testkit::{Program, RedisServer, TcpRelay};
/// let redis = RedisServer::start().await;
/// let cable = TcpRelay::to(redis.port()).await;
/// let a = Program::new("target/debug/rescind").env("REDIS_URL", redis.url()).start().await.unwrap();
/// let b = a.second_node().env("REDIS_URL", redis.url_through(cable.port())).start().await.unwrap();
/// cable.cut().await; // and now only `b` has lost it
/// # }
/// ```
#[derive(Debug)]
pub struct TcpRelay {
    port: u16,
    cable: Cable,
    /// `None` while it is cut.
    open: Mutex<Option<Open>>,
}

/// The shared state of the connections.
#[derive(Debug, Clone)]
struct Cable {
    to: Arc<AtomicU16>,
    frozen: watch::Sender<bool>,
    round_trips: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Open {
    close: oneshot::Sender<()>,
    closed: JoinHandle<()>,
}

impl TcpRelay {
    /// A relay to this port of 127.0.0.1. No program has to listen there yet.
    ///
    /// # Panics
    /// If there is no port to listen on.
    pub async fn to(port: u16) -> Self {
        let cable = Cable {
            to: Arc::new(AtomicU16::new(port)),
            frozen: watch::Sender::new(false),
            round_trips: Arc::default(),
        };
        for _ in 0..TRIES {
            let own = free_port();
            if let Ok(listener) = listen(own) {
                return Self {
                    port: own,
                    open: Mutex::new(Some(Open::start(listener, cable.clone()))),
                    cable,
                };
            }
            tokio::task::yield_now().await;
        }
        panic!("no port for a relay");
    }

    /// The relay's own port, in all its states.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Forwards new connections to another port of 127.0.0.1, like a name or a proxy that was moved. Open connections
    /// keep their target.
    pub fn lead_to(&self, port: u16) {
        self.cable.to.store(port, Ordering::SeqCst);
    }

    /// The same, and ends the connections that are open.
    ///
    /// # Panics
    /// As [`restore`](Self::restore).
    pub async fn move_to(&self, port: u16) {
        self.lead_to(port);
        self.cut().await;
        self.restore().await;
    }

    /// Ends all connections and refuses new ones, before this returns.
    pub async fn cut(&self) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Open { close, closed }) = open {
            let _ = close.send(());
            let _ = closed.await;
        }
    }

    /// Keeps connections open, accepts new ones, and forwards nothing: bytes and ends wait.
    pub fn freeze(&self) {
        self.cable.frozen.send_replace(true);
    }

    /// Undoes [`cut`](Self::cut) and [`freeze`](Self::freeze); waiting bytes are forwarded.
    ///
    /// # Panics
    /// If another program has taken the port and keeps it.
    pub async fn restore(&self) {
        self.cable.frozen.send_replace(false);
        if self.is_open() {
            return;
        }
        for _ in 0..TRIES {
            if let Ok(listener) = listen(self.port) {
                let open = Open::start(listener, self.cable.clone());
                *self.open.lock().unwrap_or_else(PoisonError::into_inner) = Some(open);
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("port {} of the relay is taken", self.port);
    }

    /// The number of requests that waited for a reply: a burst of bytes towards the store counts once, in any number of
    /// pieces and with any number of commands, until bytes come back. Opening a connection does not count; its first
    /// request does.
    #[must_use]
    pub fn round_trips(&self) -> u64 {
        self.cable.round_trips.load(Ordering::SeqCst)
    }

    fn is_open(&self) -> bool {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}

impl Open {
    /// Forwards until it is closed or dropped.
    fn start(listener: TcpListener, cable: Cable) -> Self {
        let (close, mut told) = oneshot::channel();
        let closed = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => {
                        if let Ok((near, _)) = accepted {
                            connections.spawn(cable.clone().carry(near));
                        }
                    }
                    Some(_) = connections.join_next() => {}
                    _ = &mut told => break,
                }
            }
            drop(listener);
            connections.shutdown().await;
        });
        Self { close, closed }
    }
}

impl Cable {
    /// An error means that one side is gone, and then the other is closed too.
    async fn carry(self, mut near: TcpStream) -> io::Result<()> {
        self.whole().await;
        let mut far = TcpStream::connect(("127.0.0.1", self.to.load(Ordering::SeqCst))).await?;
        near.set_nodelay(true)?;
        far.set_nodelay(true)?;
        let (mut from_near, mut to_near) = near.split();
        let (mut from_far, mut to_far) = far.split();
        let asking = AtomicBool::new(false);
        let ask = || {
            if !asking.swap(true, Ordering::SeqCst) {
                self.round_trips.fetch_add(1, Ordering::SeqCst);
            }
        };
        let answer = || asking.store(false, Ordering::SeqCst);
        tokio::try_join!(
            self.pass(&mut from_near, &mut to_far, ask),
            self.pass(&mut from_far, &mut to_near, answer),
        )?;
        Ok(())
    }

    async fn pass(
        &self,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
        notice: impl Fn(),
    ) -> io::Result<()> {
        let mut piece = vec![0; PIECE];
        loop {
            let read = from.read(&mut piece).await;
            // It may have been frozen while this waited; then nothing is forwarded, not even an end.
            self.whole().await;
            let length = read?;
            if length == 0 {
                return to.shutdown().await;
            }
            notice();
            to.write_all(&piece[..length]).await?;
        }
    }

    async fn whole(&self) {
        let _ = self.frozen.subscribe().wait_for(|frozen| !frozen).await;
    }
}

fn listen(port: u16) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    // The ends of recently cut connections still occupy the port.
    socket.set_reuseaddr(true)?;
    socket.bind(([127, 0, 0, 1], port).into())?;
    socket.listen(BACKLOG)
}
