//! Which stores are in use, and which node this is, in words for people.
//!
//! The program behaves the same on every store; that is what the ports are for. So nothing asks this to decide anything:
//! it is what the demo says of the place that it plays in, and it is filled once, where the adapters are chosen.

use std::fmt;

use rescind_lab::meter::Store;
use rescind_server::Settings;

/// Where sessions, accounts and the revocation log are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DatabaseKind {
    /// A file, which one process has for itself.
    Sqlite,
    /// A server, which any number of nodes share.
    Postgres,
}

impl DatabaseKind {
    /// To be read after "sessions:".
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "Postgres",
        }
    }
}

/// Where the blacklist is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BlacklistKind {
    /// In the memory of this process, which is then alone.
    InProcess,
    /// In Redis, which any number of nodes share.
    Redis,
}

impl BlacklistKind {
    /// To be read after "blacklist:", and after "1 read in".
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
    /// What this node is called, where there are several.
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

    /// Where a store is, for people.
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
    fn what_is_shared_is_said_to_be() {
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
