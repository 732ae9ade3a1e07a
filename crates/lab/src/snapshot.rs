//! A snapshot: the contents of the browser, of the thief's loot, and of every store.

use std::time::Duration;

use jiff::Timestamp;
use rescind_session::{Revocation, Session};

use crate::{browser::KeptCookie, elsewhere::Heard, faults::BlacklistFault};

#[derive(Clone, Default, PartialEq, Eq)]
pub struct Loot {
    /// Sent with each request: an access token, or the cookie of a plain session.
    pub access: Option<String>,
    pub refresh: Option<String>,
}

#[derive(Clone)]
pub struct Snapshot {
    /// The sandbox's age, in its own time.
    pub at: Duration,
    /// The server's time; `None` while it does not run.
    pub server_time: Option<Timestamp>,
    /// The wall clock of its machine.
    pub wall_clock: Timestamp,
    pub cookies: Vec<KeptCookie>,
    /// What the thief has.
    pub loot: Loot,
    /// The rows of the sessions, oldest first.
    pub sessions: Vec<Session>,
    /// The rows of plain sessions.
    pub plain: Vec<PlainRow>,
    /// The revocation log, in the database.
    pub log: Vec<Revocation>,
    pub blacklist: Vec<Revocation>,
    pub blacklist_is_complete: bool,
    /// What the service elsewhere knows, if there is one.
    pub heard: Option<Heard>,
    pub fault: BlacklistFault,
    /// Whether the reply to your next refresh will be lost.
    pub loses_next_reply: bool,
}

impl Snapshot {
    /// Its approximate heap size.
    pub(crate) fn bytes(&self) -> usize {
        /// The heap size of a row: the device's name and address, or key and values.
        const POINTED_TO: usize = 256;
        let cookies = self
            .cookies
            .iter()
            .map(|cookie| size_of_val(cookie) + cookie.name.len() + cookie.value.len());
        let loot = [&self.loot.access, &self.loot.refresh];
        let loot = loot.into_iter().flatten().map(String::len);
        cookies.chain(loot).sum::<usize>()
            + self.sessions.len() * (size_of::<Session>() + POINTED_TO)
            + self.plain.len() * (size_of::<PlainRow>() + POINTED_TO)
            + (self.log.len() + self.blacklist.len()) * size_of::<Revocation>()
    }
}

/// The row of a plain session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlainRow {
    /// The key in the cookie.
    pub key: String,
    pub values: Vec<(String, String)>,
    pub until: Timestamp,
}
