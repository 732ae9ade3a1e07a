//! What both kinds of database share when one is opened: settings, errors, the choice by the URL.

use std::{error::Error, io, path::PathBuf, time::Duration};

use super::SqlStore;

/// How a database is used. The defaults suit one node under moderate load.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SqlSettings {
    /// The number of connections, at least one. On SQLite they are for reading; writers use one further connection in
    /// turn. Default 8.
    pub max_connections: u32,
    /// The longest that a caller waits for a connection, and on SQLite for its turn to write. Default 5 s.
    pub acquire_timeout: Duration,
    /// The longest wait for others: for a process that writes to the same SQLite file, for a lock in Postgres; and how
    /// long a transaction is retried because of them. Default 5 s.
    pub busy_timeout: Duration,
    /// The minimum time for which an entry of the revocation log is kept on Postgres after its commit. As long as it is
    /// kept, an entry that got its position after a loss of commits can be distinguished from it. Default none.
    pub keep_entries: Duration,
    /// How long an entry of the revocation log waits at most for a receiver of security events. Default 7 days.
    pub event_retention: Duration,
}

impl Default for SqlSettings {
    fn default() -> Self {
        Self {
            max_connections: 8,
            acquire_timeout: Duration::from_secs(5),
            busy_timeout: Duration::from_secs(5),
            keep_entries: Duration::ZERO,
            event_retention: Duration::from_secs(7 * 24 * 60 * 60),
        }
    }
}

rescind_session::__setters!(SqlSettings {
    max_connections: u32,
    acquire_timeout: Duration,
    busy_timeout: Duration,
    keep_entries: Duration,
    event_retention: Duration,
});

/// Why a database cannot be used. No variant prints the URL: it may contain a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL's scheme is unknown.
    #[error("DATABASE_URL must begin with `sqlite:`, followed by the path of a file, or with `postgres://`")]
    UnknownScheme,
    /// The database is of a kind that this program was built without.
    #[error("DATABASE_URL names a database for which rescind-store needs its feature `{0}`")]
    Feature(&'static str),
    /// A database in memory.
    #[error("DATABASE_URL names a database in memory: a restart would lose the revocations; name a file")]
    InMemory,
    /// The URL has no path, or it cannot be decoded.
    #[error("DATABASE_URL names no file: write `sqlite:` and a path")]
    NoFile,
    /// A parameter that would change the store's guarantees.
    #[error("DATABASE_URL has the parameter `{0}`: only `mode=rw` and `mode=rwc` are supported")]
    Parameter(String),
    /// The file, or its directory, cannot be created.
    #[error("the database file {} cannot be created", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The file cannot be opened, or is not a database.
    #[error("the database {} cannot be opened", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The database's error.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The URL has the scheme of Postgres, but cannot be parsed.
    #[error(
        "DATABASE_URL cannot be read: write `postgres://user:password@host:port/database`, with `%` escapes for \
         special characters, such as `%23` for `#`"
    )]
    PostgresUrl,
    /// A parameter that is unknown, or would change the store's guarantees. Its name, not its value.
    #[error("DATABASE_URL has the parameter `{0}`: only parameters of the connection are supported, such as `sslmode`")]
    PostgresParameter(String),
    /// The schema is not one plain name.
    #[error("DATABASE_URL has a `search_path` that is not one name of lower-case letters, digits and `_`")]
    SearchPath,
    /// The server cannot be reached, or refuses the connection.
    #[error("the database cannot be reached")]
    Unreachable(#[source] Box<dyn Error + Send + Sync>),
    /// A pooler in front of the server gives each transaction another session.
    #[error(
        "DATABASE_URL leads to a connection pooler that changes sessions between statements, such as PgBouncer with \
         `pool_mode=transaction`: locks and settings of a session do not hold there; name the server itself, or use \
         `pool_mode=session`"
    )]
    Pooler,
    /// The server is too old.
    #[error("the database is Postgres {found}: at least 13 is needed")]
    TooOld {
        /// Its major version.
        found: String,
    },
    /// The server is a standby. Its data is old.
    #[error("the database is a standby, which may lack the latest logouts; name the primary")]
    Standby,
    /// The database is read-only for new sessions.
    #[error(
        "the database is read-only: `default_transaction_read_only` is on, as hosts set it when a disk is full; make room, then \
         set it off"
    )]
    ReadOnly,
    /// The database could lose acknowledged commits, for instance on a file system without shared memory.
    #[error("the database does not make commits durable: `{setting}` is {found}, but {wanted} is required")]
    NotDurable {
        /// The name of the setting.
        setting: String,
        /// What it must be.
        wanted: &'static str,
        /// What it is.
        found: String,
    },
}

impl ConnectError {
    /// Whether the URL itself is wrong, and not the database that it names.
    pub fn is_url_error(&self) -> bool {
        match self {
            Self::UnknownScheme
            | Self::Feature(_)
            | Self::InMemory
            | Self::NoFile
            | Self::Parameter(_)
            | Self::PostgresUrl
            | Self::PostgresParameter(_)
            | Self::SearchPath
            | Self::Pooler => true,
            Self::File { .. }
            | Self::Open { .. }
            | Self::Unreachable(_)
            | Self::TooOld { .. }
            | Self::Standby
            | Self::ReadOnly
            | Self::NotDurable { .. } => false,
        }
    }
}

impl SqlStore {
    /// Opens the database that a `DATABASE_URL` names: `sqlite:` and the path of a file, with `%3F` for a `?` in it; or
    /// `postgres:` (also `postgresql:`) and the server.
    ///
    /// A missing file is created, readable by its owner only, and so is its directory. With `?mode=rw` the file must
    /// exist. The schema is not changed: see [`is_current`](Self::is_current) and [`migrate_up`](Self::migrate_up).
    ///
    /// # Errors
    /// [`ConnectError`], which names the setting if the URL is wrong.
    pub async fn connect(url: &str, settings: &SqlSettings) -> Result<Self, ConnectError> {
        if is_postgres(url) {
            #[cfg(feature = "postgres")]
            return Self::connect_postgres(url, settings).await;
            #[cfg(not(feature = "postgres"))]
            return Err(ConnectError::Feature("postgres"));
        }
        #[cfg(feature = "sqlite")]
        return Self::connect_sqlite(url, settings).await;
        #[cfg(not(feature = "sqlite"))]
        Err(if url.starts_with("sqlite:") {
            ConnectError::Feature("sqlite")
        } else {
            ConnectError::UnknownScheme
        })
    }
}

/// Whether a URL has the scheme of Postgres.
pub(crate) fn is_postgres(url: &str) -> bool {
    matches!(url.split_once(':'), Some(("postgres" | "postgresql", _)))
}
