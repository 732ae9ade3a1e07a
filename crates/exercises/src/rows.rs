//! A remote table of sessions.
//!
//! The adapters in memory rotate under a lock, so no other call comes between the read and the write. A database is
//! remote: a round trip separates a `SELECT` from the following `UPDATE`, and other callers run meanwhile. [`Rows`] is
//! such a table, small enough to read: three statements, each atomic by itself, without transactions.
//!
//! Its rows are in the [`MemorySessions`] that the real service can use, which always compares and swaps. So an
//! `UPDATE` without a condition on the generation is a compare-and-swap with the current generation.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use rescind_session::{
    EndReason, MARGIN, Session, SessionState,
    memory::MemorySessions,
    ports::{Closing, Rotated, Rotation, SessionStore, StoreError},
    token::{Generation, SessionId},
};
use tokio::sync::{Mutex, oneshot};

/// How long an exchanged generation still gets its successor, from the first exchange.
const GRACE: Duration = Duration::from_secs(10);
/// The lifetime of an access token.
const ACCESS: Duration = Duration::from_secs(300);
/// The idle timeout of a session.
const IDLE: Duration = Duration::from_secs(3600);
/// The latency of one direction. Only that it takes time matters.
const WIRE: Duration = Duration::from_millis(1);

/// The condition of an [`update`](Rows::update), besides the session's id and its being open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    /// `WHERE id = ?`: any current generation.
    Session,
    /// `WHERE id = ? AND generation = ?`: only while it has this generation.
    Generation(Generation),
}

/// A connection to the table. Clones are further connections to the same one.
#[derive(Clone, Default)]
pub struct Rows {
    table: Arc<MemorySessions>,
    gate: Arc<Mutex<Option<Gate>>>,
}

/// Where a connection stops once, so that a race always has the same outcome.
struct Gate {
    at: Moment,
    reached: oneshot::Sender<()>,
    opened: oneshot::Receiver<()>,
}

/// Where other callers can overtake.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// After the first row has arrived.
    AfterReading,
    /// Before the first write is sent.
    BeforeWriting,
}

impl Rows {
    /// `SELECT * FROM sessions WHERE id = ?`
    ///
    /// # Errors
    /// If the table cannot answer.
    pub async fn select(&self, id: SessionId) -> Result<Option<Session>, StoreError> {
        let row = self.table.find(id).await?;
        tokio::time::sleep(WIRE).await;
        self.pass(Moment::AfterReading).await;
        Ok(row)
    }

    /// `UPDATE sessions SET generation = to, … WHERE … AND state = 'open'`; returns how many rows it changed: one or
    /// none.
    ///
    /// # Errors
    /// If the table cannot answer.
    pub async fn update(&self, only: Where, rotation: &Rotation) -> Result<u64, StoreError> {
        self.pass(Moment::BeforeWriting).await;
        tokio::time::sleep(WIRE).await;
        loop {
            let row = self.table.find(rotation.session).await?;
            let Some(row) = row.filter(|row| row.state == SessionState::Open && row.refresh.is_some()) else {
                return Ok(0);
            };
            let from = row.generation();
            if only != Where::Session && only != Where::Generation(from) {
                return Ok(0);
            }
            // If another caller writes in between, the condition is checked again.
            let rotation = rotation.clone();
            if self.table.rotate(&Rotation { from, ..rotation }).await? == Rotated::Won {
                return Ok(1);
            }
        }
    }

    /// Closes the session and appends its revocation, like [`SessionStore::close`]; a closed session does not change.
    ///
    /// # Errors
    /// If the table cannot answer.
    pub async fn close(&self, id: SessionId, cause: EndReason, at: Timestamp) -> Result<(), StoreError> {
        self.pass(Moment::BeforeWriting).await;
        tokio::time::sleep(WIRE).await;
        let closing = Closing {
            cause,
            at,
            margin: MARGIN,
        };
        self.table.close(id, &closing).await.map(drop)
    }

    /// The rotation of `row` to the generation `to`.
    #[must_use]
    pub fn rotation(row: &Session, to: Generation, now: Timestamp) -> Rotation {
        Rotation {
            session: row.id,
            from: row.generation(),
            to,
            at: now,
            access_until: now + ACCESS,
            idle_until: now + IDLE,
            grace_until: now + GRACE,
            device: row.device.clone(),
        }
    }

    /// The table itself, without the latency: for the stories, and for what is not in an exercise.
    pub(crate) fn table(&self) -> &MemorySessions {
        &self.table
    }

    /// Runs `slow` with a connection that stops at that moment, and `meanwhile` while it is stopped, or after it if it never
    /// comes to that moment.
    pub(crate) async fn overtaken<S: Future, M: Future>(
        &self,
        at: Moment,
        slow: impl FnOnce(Self) -> S,
        meanwhile: M,
    ) -> (S::Output, M::Output) {
        let ((reached, is_reached), (open, opened)) = (oneshot::channel(), oneshot::channel());
        let held = Self {
            table: Arc::clone(&self.table),
            gate: Arc::new(Mutex::new(Some(Gate { at, reached, opened }))),
        };
        tokio::join!(slow(held), async {
            let _ = is_reached.await;
            let outcome = meanwhile.await;
            let _ = open.send(());
            outcome
        })
    }

    async fn pass(&self, moment: Moment) {
        let gate = self.gate.lock().await.take_if(|gate| gate.at == moment);
        if let Some(Gate { reached, opened, .. }) = gate {
            let _ = reached.send(());
            let _ = opened.await;
        }
    }
}
