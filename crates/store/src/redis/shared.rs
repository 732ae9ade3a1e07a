//! The connection that all checks share.
//!
//! A check on every request must not take a connection out of the pool: with as many requests as connections the next one
//! waits. Redis replies in order, so one multiplexed connection carries the checks of all requests, several in one system
//! call. The rules of pooled connections hold for it too. It identified its server when it was made, it leads to one
//! process until it is closed, and it is not used again after an error, after a missing reply, or after a change of
//! [`Trusted`].
//!
//! A cancelled check disturbs no other one: the client counts replies and discards that of the cancelled command. But if
//! the reply was missing for longer than a reply takes, the server may be silent, and later checks get a new connection.

use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use deadpool::managed::{Manager as _, Pool};
use deadpool_redis::redis::FromRedisValue;
use rescind_session::life::Life;
use tokio::{sync::Mutex, time::Instant};

use super::{
    connections::{Connection, Connections, Question},
    error::Failure,
    trust::Trusted,
};

/// Supplies the connection, and renews it.
pub(super) struct Shared {
    current: RwLock<Option<Arc<Link>>>,
    /// Held while a connection is made, so that one is made at a time.
    making: Mutex<()>,
    /// A check that was cancelled after this time without a reply makes the connection unusable.
    silent_after: Duration,
}

impl Shared {
    /// For checks that wait for at most this long.
    pub(super) fn new(timeout: Duration) -> Self {
        Self {
            current: RwLock::default(),
            making: Mutex::default(),
            silent_after: timeout / 4,
        }
    }

    /// The current connection, or a new one if that one may not be used.
    async fn link(&self, pool: &Pool<Connections>, trust: &Trusted) -> Result<Arc<Link>, Failure> {
        if let Some(link) = self.usable(trust) {
            return Ok(link);
        }
        let _making = self.making.lock().await;
        if let Some(link) = self.usable(trust) {
            return Ok(link);
        }
        let link = Arc::new(Link {
            connection: pool.manager().create().await?,
            is_spent: AtomicBool::new(false),
        });
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&link));
        Ok(link)
    }

    fn usable(&self, trust: &Trusted) -> Option<Arc<Link>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        let is_usable = |link: &&Arc<Link>| {
            !link.is_spent.load(Ordering::Acquire) && link.connection.made_as() == trust.connections()
        };
        current.as_ref().filter(is_usable).cloned()
    }

    /// Sends a command over the shared connection. If the server was restarted, the connection fails when it is used;
    /// then the command is sent once more over a new one.
    pub(super) async fn ask<T: FromRedisValue>(
        &self,
        pool: &Pool<Connections>,
        trust: &Trusted,
        question: &Question<'_>,
    ) -> Result<(T, Arc<Link>), Failure> {
        let mut link = self.link(pool, trust).await?;
        let mut answer = link.ask(question, self.silent_after).await;
        if let Err(failure) = &answer {
            if failure.is_of_a_stale_connection() {
                trust.renew_connections_of(link.connection.made_as());
            }
            if failure.is_lost_connection() {
                link = self.link(pool, trust).await?;
                answer = link.ask(question, self.silent_after).await;
            }
        }
        Ok((answer?, link))
    }
}

/// A connection in shared use.
pub(super) struct Link {
    connection: Connection,
    is_spent: AtomicBool,
}

impl Link {
    /// The server's life when the connection was made.
    pub(super) fn life(&self) -> &Life {
        self.connection.life()
    }

    /// Marks the connection as unusable. Commands that are already sent still get their replies.
    pub(super) fn give_up(&self) {
        self.is_spent.store(true, Ordering::Release);
    }

    async fn ask<T: FromRedisValue>(&self, question: &Question<'_>, silent_after: Duration) -> Result<T, Failure> {
        let mut waiting = Waiting {
            link: self,
            silent_from: Some(Instant::now() + silent_after),
        };
        let answer = self.connection.clone().ask(question).await;
        waiting.silent_from = None;
        answer.inspect_err(|_| self.give_up())
    }
}

/// A command without a reply yet.
struct Waiting<'a> {
    link: &'a Link,
    silent_from: Option<Instant>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.silent_from.is_some_and(|from| from <= Instant::now()) {
            self.link.give_up();
        }
    }
}
