//! A remote table of sessions.
//!
//! The adapters in memory rotate under a lock, so no other call comes between the read and the write. A database is
//! remote: a round trip separates a `SELECT` from the following `UPDATE`, and other callers run meanwhile. [`Rows`] is
//! such a table, small enough to read: a few statements, each atomic by itself, without transactions.
//!
//! Its rows are in the [`MemorySessions`] that the real service can use, which always compares and swaps. So an
//! `UPDATE` without a condition on the generation is a compare-and-swap with the current generation.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use rescind_session::{
    EndReason, MARGIN, Session, SessionState,
    memory::MemorySessions,
    ports::{Closing, Rotated, Rotation, SessionStore, StoreError},
    token::{Generation, SessionId},
};
use tokio::sync::Notify;

/// How long an exchanged generation still gets its successor, from the first exchange.
pub const GRACE: Duration = Duration::from_secs(10);
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
#[derive(Debug, Clone, Default)]
pub struct Rows {
    table: Arc<MemorySessions>,
    gate: Option<Arc<Gate>>,
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
        if let Where::Generation(from) = only {
            let changed = Rotation {
                from,
                ..rotation.clone()
            };
            return Ok(rows(self.table.rotate(&changed).await?));
        }
        self.whatever_is_there(rotation.session, |_| rotation.clone()).await
    }

    /// `UPDATE sessions SET grace_until = ? WHERE id = ? AND state = 'open'`; returns how many rows it changed.
    ///
    /// # Errors
    /// If the table cannot answer.
    pub async fn set_grace(&self, id: SessionId, grace_until: Timestamp) -> Result<u64, StoreError> {
        self.pass(Moment::BeforeWriting).await;
        tokio::time::sleep(WIRE).await;
        self.whatever_is_there(id, |row| Rotation {
            session: id,
            from: row.generation(),
            to: row.generation(),
            at: row.last_seen_at,
            access_until: row.access_until,
            idle_until: row.ends_at(),
            grace_until,
            device: row.device.clone(),
        })
        .await
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

    /// Changes an open row of any generation.
    async fn whatever_is_there(
        &self,
        id: SessionId,
        change: impl Fn(&Session) -> Rotation + Send,
    ) -> Result<u64, StoreError> {
        loop {
            let row = match self.table.find(id).await? {
                Some(row) if row.state == SessionState::Open && row.refresh.is_some() => row,
                _ => return Ok(0),
            };
            let changed = Rotation {
                from: row.generation(),
                ..change(&row)
            };
            if self.table.rotate(&changed).await? == Rotated::Won {
                return Ok(1);
            }
        }
    }

    /// The table itself, without the latency: for the stories, and for what is not in an exercise.
    pub(super) fn table(&self) -> &MemorySessions {
        &self.table
    }

    /// A connection that stops once at that moment, until its gate is opened.
    pub(super) fn held_at(&self, moment: Moment) -> (Self, Arc<Gate>) {
        let gate = Arc::new(Gate {
            moment,
            passed: AtomicBool::new(false),
            reached: Notify::new(),
            opened: Notify::new(),
        });
        let held = Self {
            table: Arc::clone(&self.table),
            gate: Some(Arc::clone(&gate)),
        };
        (held, gate)
    }

    async fn pass(&self, moment: Moment) {
        if let Some(gate) = &self.gate {
            gate.pass(moment).await;
        }
    }
}

fn rows(rotated: Rotated) -> u64 {
    match rotated {
        Rotated::Won => 1,
        Rotated::Lost => 0,
    }
}

/// Where other callers can overtake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// After the first row has arrived.
    AfterReading,
    /// Before the first write is sent.
    BeforeWriting,
}

/// Where a connection stops, so that a race always has the same outcome.
#[derive(Debug)]
pub(super) struct Gate {
    moment: Moment,
    passed: AtomicBool,
    reached: Notify,
    opened: Notify,
}

impl Gate {
    async fn pass(&self, moment: Moment) {
        if moment == self.moment && !self.passed.swap(true, Ordering::SeqCst) {
            self.reached.notify_one();
            self.opened.notified().await;
        }
    }

    pub(super) async fn reached(&self) {
        self.reached.notified().await;
    }

    pub(super) fn open(&self) {
        self.opened.notify_one();
    }
}
