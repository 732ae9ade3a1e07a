//! How everything stands: what the browser keeps, what the thief has, and what is in every store.

use std::time::Duration;

use jiff::Timestamp;
use rescind_session::{Revocation, Session};

use crate::{browser::KeptCookie, faults::Mood};

/// What the thief has.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Loot {
    /// What is sent with each request: an access token, or the cookie of a plain session.
    pub access: Option<String>,
    /// A refresh token.
    pub refresh: Option<String>,
}

/// The whole sandbox, at one moment.
#[derive(Clone)]
pub struct Picture {
    /// How long the sandbox has existed, in its own time.
    pub at: Duration,
    /// What the server takes the time to be; nothing while it does not run.
    pub server_time: Option<Timestamp>,
    /// What the wall clock of its machine says.
    pub wall_clock: Timestamp,
    /// What your browser keeps.
    pub cookies: Vec<KeptCookie>,
    /// What the thief has.
    pub loot: Loot,
    /// The rows of the sessions, oldest first.
    pub sessions: Vec<Session>,
    /// The rows of plain sessions.
    pub plain: Vec<PlainRow>,
    /// The revocation log, in the database.
    pub log: Vec<Revocation>,
    /// What is on the blacklist.
    pub blacklist: Vec<Revocation>,
    /// Whether the blacklist knows its past.
    pub blacklist_is_whole: bool,
    /// How the blacklist is doing.
    pub mood: Mood,
    /// Whether the reply to your next refresh gets lost.
    pub loses_next_reply: bool,
}

impl Picture {
    /// About how much memory it takes beside itself.
    pub(crate) fn bytes(&self) -> usize {
        /// What a row points to: the device's name and address, or key and values.
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
    /// What the cookie names it by.
    pub key: String,
    /// Name and value of everything in it.
    pub values: Vec<(String, String)>,
    /// Until when it counts.
    pub until: Timestamp,
}
