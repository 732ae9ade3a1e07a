//! The stored size of one user's data, in bytes.
//!
//! Only the values count, as they were in the stores at that time: 16 bytes for an id, 8 for a time or a number, its
//! length for a text. A store's overhead (pages, indexes, the map around an entry) does not depend on the answer, so it
//! does not count.

use rescind_session::{Revocation, Session, SessionState};

use crate::snapshot::{PlainRow, Snapshot};

const ID: usize = 16;
const INSTANT: usize = 8;
const NUMBER: usize = 8;
/// An enum.
const CHOICE: usize = 1;

/// All stores: rows, log and blacklist.
pub(crate) fn kept(snapshot: &Snapshot) -> usize {
    let sessions: usize = snapshot.sessions.iter().map(row).sum();
    let plain: usize = snapshot.plain.iter().map(plain_row).sum();
    let log: usize = snapshot.log.iter().map(log_entry).sum();
    sessions + plain + log + snapshot.blacklist.len() * blacklist_entry()
}

fn row(session: &Session) -> usize {
    let ids = 2 * ID + session.client_id.as_str().len();
    let times = 4 * INSTANT + session.reuse_noticed_at.map_or(0, |_| INSTANT);
    let refresh = session.refresh.as_ref().map_or(0, |refresh| {
        let generation = 4;
        generation + refresh.salt.as_bytes().len() + INSTANT + refresh.grace_until.map_or(0, |_| INSTANT)
    });
    let state = match session.state {
        SessionState::Open => CHOICE,
        SessionState::Closed { .. } => CHOICE + INSTANT + CHOICE,
    };
    ids + times + refresh + state
}

fn plain_row(row: &PlainRow) -> usize {
    let values: usize = row.values.iter().map(|(name, value)| name.len() + value.len()).sum();
    row.key.len() + values + INSTANT
}

fn log_entry(_: &Revocation) -> usize {
    let (scope, cause) = (CHOICE + ID, CHOICE);
    NUMBER + scope + ID + 2 * INSTANT + cause
}

fn blacklist_entry() -> usize {
    CHOICE + ID + INSTANT
}
