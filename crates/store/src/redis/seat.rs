//! This node in the table of holders, and the texts of the table.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use rescind_session::{
    CryptoRng, Position, Revocation, Scope, SystemRandom,
    holders::{HolderTerm, Revoker, Table, TableRow},
    life::Term,
    token::{SessionId, TokenId},
};
use tokio::sync::Notify;
use uuid::Uuid;

use super::error::{Failure, RedisConnectError};

/// This node in the table.
pub(super) struct Seat {
    /// Another one after each start.
    pub(super) node: Uuid,
    /// The number of the last command, for the numbers of renewals and for nonces.
    counted: AtomicU64,
    revoker: Mutex<Revoker>,
    /// Another node has reported how far it applied the log.
    pub(super) applied: Notify,
}

/// What a node asks for when it renews its row.
pub(super) struct Request {
    /// What it trusts.
    pub(super) trust: Term,
    pub(super) lease: Duration,
    pub(super) known: Option<HolderTerm>,
    pub(super) applied: Position,
}

impl Request {
    /// For a node that reads directly.
    pub(super) fn direct(trust: Term) -> Self {
        Self {
            trust,
            lease: Duration::ZERO,
            known: None,
            applied: Position::START,
        }
    }
}

/// The reply to a renewal.
pub(super) struct Renewed {
    pub(super) table: Table,
    pub(super) head: Position,
    /// Whether the copy in Redis is complete. Otherwise there is no lease.
    pub(super) is_marked: bool,
    pub(super) newest: Vec<NewEntry>,
}

/// One of the newest entries, as Redis carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NewEntry {
    pub(super) position: Position,
    pub(super) scope: Scope,
    pub(super) until: Timestamp,
}

impl NewEntry {
    pub(super) fn write(revocation: &Revocation) -> String {
        let (kind, id) = match revocation.scope {
            Scope::Session(session) => ("s", session.as_uuid()),
            Scope::Token(token) => ("t", token.as_uuid()),
        };
        let (position, until) = (revocation.position.get(), revocation.until.as_millisecond());
        format!("{position} {kind} {id} {until}")
    }

    pub(super) fn read(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let position = Position::new(words.next()?.parse().ok()?);
        let (kind, id) = (words.next()?, Uuid::parse_str(words.next()?).ok()?);
        let scope = match kind {
            "s" => Scope::Session(SessionId::from_uuid(id)),
            "t" => Scope::Token(TokenId::from_uuid(id)),
            _ => return None,
        };
        let until = Timestamp::from_millisecond(words.next()?.parse().ok()?).ok()?;
        Some(Self { position, scope, until })
    }
}

/// A table from the fields of its hash. Of the fields, only nodes are called by a UUID. A row that cannot be read is an
/// error: without it a revoker would not wait for that node.
pub(super) fn read_table(term: &str, fields: &[String]) -> Result<Table, Failure> {
    let mut rows = Vec::new();
    for field in fields.chunks(2) {
        let [name, row] = field else {
            return Err(Failure::Unreadable);
        };
        if let Ok(node) = Uuid::parse_str(name) {
            rows.push(read_row(node, row).ok_or(Failure::Unreadable)?);
        }
    }
    Ok(Table {
        term: HolderTerm::new(term),
        rows,
    })
}

fn read_row(node: Uuid, row: &str) -> Option<TableRow> {
    let mut words = row.split(' ').map(str::parse);
    let mut number = || words.next()?.ok();
    Some(TableRow {
        node,
        renewal: number()?,
        lease: Duration::from_millis(number()?),
        applied: Position::new(number()?),
    })
}

impl Seat {
    pub(super) fn new() -> Result<Self, RedisConnectError> {
        let mut random = SystemRandom::new().map_err(|error| RedisConnectError::Unusable(error.into()))?;
        let mut node = [0; 16];
        let random: &mut dyn CryptoRng = &mut random;
        random.fill_bytes(&mut node);
        Ok(Self {
            node: Uuid::from_bytes(node),
            counted: AtomicU64::new(0),
            revoker: Mutex::default(),
            applied: Notify::new(),
        })
    }

    pub(super) fn count(&self) -> u64 {
        self.counted.fetch_add(1, Ordering::Relaxed)
    }

    /// A name for the table that this command may have to begin.
    pub(super) fn nonce(&self) -> String {
        format!("{}.{}", self.node, self.count())
    }

    pub(super) fn revoker(&self) -> MutexGuard<'_, Revoker> {
        // No panic in here can leave a half-changed state.
        self.revoker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
