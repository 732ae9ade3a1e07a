//! The names of the stores in use and of this node, for people.
//!
//! The program behaves the same on every store; that is the purpose of the ports. So no decision depends on this: the pages
//! show it, and it is set once, from the settings.

use std::fmt;

use rescind_lab::meter::Store;
use rescind_server::Settings;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stores {
    /// Where sessions, accounts and the revocation log are. Read after "sessions:".
    pub(crate) database: &'static str,
    /// Whether the blacklist is in Redis, for any number of nodes, and not in the memory of this process.
    pub(crate) is_shared: bool,
    /// The node's name, if there are several.
    pub(crate) node: Option<String>,
}

impl Stores {
    pub(crate) fn of(settings: &Settings) -> Self {
        let is_postgres = settings.storage.database.is_postgres();
        Self {
            database: if is_postgres { "Postgres" } else { "SQLite" },
            is_shared: settings.storage.redis.is_some(),
            node: settings.node.clone(),
        }
    }

    /// Read after "1 read in".
    pub(crate) fn place_of(&self, store: Store) -> &'static str {
        match store {
            Store::Blacklist if self.is_shared => "Redis",
            Store::Blacklist => "this process",
            Store::Sessions | Store::Users => self.database,
        }
    }
}

/// "Sessions: Postgres; blacklist: Redis, shared by every node".
impl fmt::Display for Stores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let blacklist = match self.is_shared {
            true => "Redis, shared by every node",
            false => "in this process",
        };
        write!(f, "Sessions: {}; blacklist: {blacklist}", self.database)
    }
}
