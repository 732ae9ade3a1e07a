//! The names of the stores in use and of this node, for people.
//!
//! The program behaves the same on every store; that is the purpose of the ports. So no decision depends on this: the pages
//! show it, and it is set once, from the settings.

use std::fmt;

use rescind_lab::meter::Store;
use rescind_server::Settings;

/// The store of sessions, accounts and the revocation log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DatabaseKind {
    /// A file, for one process.
    Sqlite,
    /// A server, for any number of nodes.
    Postgres,
}

impl DatabaseKind {
    /// Read after "sessions:".
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "Postgres",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BlacklistKind {
    /// In the memory of this process, for a single node.
    InProcess,
    /// In Redis, for any number of nodes.
    Redis,
}

impl BlacklistKind {
    /// Read after "blacklist:", and after "1 read in".
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::InProcess => "this process",
            Self::Redis => "Redis",
        }
    }
}

/// The stores of this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stores {
    pub(crate) database: DatabaseKind,
    pub(crate) blacklist: BlacklistKind,
    /// The node's name, if there are several.
    pub(crate) node: Option<String>,
}

impl Stores {
    /// Of a node with these settings.
    pub(crate) fn of(settings: &Settings) -> Self {
        Self {
            database: if settings.storage.database.is_postgres() {
                DatabaseKind::Postgres
            } else {
                DatabaseKind::Sqlite
            },
            blacklist: if settings.storage.redis.is_some() {
                BlacklistKind::Redis
            } else {
                BlacklistKind::InProcess
            },
            node: settings.node.clone(),
        }
    }

    pub(crate) fn place_of(&self, store: Store) -> &'static str {
        match store {
            Store::Blacklist => self.blacklist.name(),
            Store::Sessions | Store::Users => self.database.name(),
        }
    }
}

/// "Sessions: Postgres; blacklist: Redis, shared by every node".
impl fmt::Display for Stores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let blacklist = match self.blacklist {
            BlacklistKind::InProcess => "in this process",
            BlacklistKind::Redis => "Redis, shared by every node",
        };
        write!(f, "Sessions: {}; blacklist: {blacklist}", self.database.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_store_is_named_as_shared() {
        let stores = |urls: &[&str]| {
            let flags = ["rescind", "--node=a"].iter().chain(urls);
            let line = <rescind_server::CommandLine as clap::Parser>::parse_from(flags);
            Stores::of(&Settings::judge(&line.given).unwrap()).to_string()
        };
        assert_eq!(
            stores(&[
                "--database-url=postgres://127.0.0.1/rescind",
                "--redis-url=redis://127.0.0.1"
            ]),
            "Sessions: Postgres; blacklist: Redis, shared by every node"
        );
        assert_eq!(stores(&[]), "Sessions: SQLite; blacklist: in this process");
    }
}
