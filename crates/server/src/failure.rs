//! Why the program does not start, with messages that name the remedy.

use std::{
    error::Error,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
};

use jiff::Timestamp;
use rescind_api::InvalidSetting;
use rescind_session::{ClockNotReady, ConfigError, ErrorChain, NoRandomness, ports::StoreError};
use rescind_store::{ConnectError, DatabaseLockError, LockMode, RedisConnectError, StoresError};

use crate::{
    keys::KeysError,
    settings::{DotEnvError, Faults},
};

/// The message of a server that ended with an error.
pub(crate) const SERVER_FAILED: &str = "the server failed";

/// Why the program does not start, or a command failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages document the variants")]
pub enum Failure {
    #[error(transparent)]
    Settings(#[from] Faults),
    #[error(transparent)]
    DotEnv(#[from] DotEnvError),
    #[error("the settings contradict each other")]
    Contradiction(#[from] ConfigError),
    #[error(transparent)]
    Http(#[from] InvalidSetting),
    #[error("the data directory {} cannot be made", path.display())]
    DataDirectory { path: PathBuf, source: io::Error },
    #[error(
        "{setting}: everybody can write to {} (mode {mode:04o}), and so undo a logout or become anybody: look through it and \
         run `chmod o-w` on it",
        path.display()
    )]
    Public {
        setting: &'static str,
        path: PathBuf,
        mode: u32,
    },
    #[error("{}", in_use(.0))]
    LockMode(#[from] DatabaseLockError),
    #[error(
        "another rescind is using the database{}: this changes what a running program relies on. Stop all that use it first",
        holding(.lock.as_deref())
    )]
    Running { lock: Option<PathBuf> },
    #[error(
        "a node without Redis is using the database{}: it would not hear in time that an account was changed. Stop it first, or \
         give all nodes and this command the same REDIS_URL",
        holding(.lock.as_deref())
    )]
    AccountsInUse { lock: Option<PathBuf> },
    #[error(
        "there is no account {0:?}; `rescind users list` lists them (an application's own users are in its own table)"
    )]
    NoSuchAccount(String),
    #[error("the lock on the database was granted and lost again; is the server in DATABASE_URL healthy?")]
    Unsettled,
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Redis(#[from] RedisConnectError),
    #[error("the database cannot be used")]
    Store(#[from] StoreError),
    #[error(
        "the schema of the database in DATABASE_URL is not the one that this program needs: run `rescind migrate up` (and \
         `rescind migrate status` to see which steps are missing)"
    )]
    Schema,
    #[error(transparent)]
    Keys(#[from] KeysError),
    #[error(
        "the keys in RESCIND_KEYS ({}) are not the keys of this database: every token issued so far would be refused. Set \
         RESCIND_KEYS to the right directory, or put the right files back; if the keys were changed on purpose, run \
         `rescind keys adopt`, and next time `rescind keys rotate`, which keeps the older ones: what they signed is accepted on",
        .0.display()
    )]
    ForeignKeys(PathBuf),
    #[error("{0}")]
    Refused(String),
    #[error(
        "the database is older than what its keys have seen: its revocation log ends at position {ends}, and {recorded} was \
         recorded outside of it. Tokens that were logged out since would be accepted again. Put the latest files back (of \
         SQLite with the `-wal`), or, if the database was restored or they are lost, run `rescind restored`"
    )]
    OlderDatabase { ends: u64, recorded: u64 },
    #[error(
        "the high-water mark {} cannot be read or written; one of RESCIND_KEYS and RESCIND_DATA_DIR has to be writable",
        .0.display()
    )]
    Mark(PathBuf, #[source] io::Error),
    #[error(
        "a client needs an id of 1 to 64 letters, digits, `-`, `.`, `_` and `~`, other than `rescind`, which stands for no client"
    )]
    ClientId,
    #[error(transparent)]
    Random(#[from] NoRandomness),
    #[error(transparent)]
    Clock(#[from] ClockNotReady),
    #[error("this machine's clock says {0}, which is outside the years 1970 to 9999: set it, then start again")]
    WallClock(Timestamp),
    #[error("RESCIND_BIND: cannot listen on {address}")]
    Bind { address: SocketAddr, source: io::Error },
    #[error("RESCIND_METRICS_BIND: cannot listen on {address}")]
    BindMetrics { address: SocketAddr, source: io::Error },
    #[error("{0}")]
    Other(&'static str, #[source] Box<dyn Error + Send + Sync>),
}

impl Failure {
    /// Any other failure, with its cause. `what` is a sentence: "the server failed".
    pub fn other(what: &'static str, why: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Other(what, why.into())
    }

    /// 2 if a setting is wrong, else 1.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Settings(_) | Self::DotEnv(_) | Self::Contradiction(_) | Self::Http(_) | Self::ClientId => {
                ExitCode::from(2)
            }
            Self::Connect(error) if error.is_url_error() => ExitCode::from(2),
            Self::LockMode(DatabaseLockError::Url(error)) if error.is_url_error() => ExitCode::from(2),
            Self::Redis(error) if error.is_url_error() => ExitCode::from(2),
            _ => ExitCode::FAILURE,
        }
    }

    /// The failure with its causes.
    pub fn with_causes(&self) -> String {
        ErrorChain(self).to_string()
    }
}

impl From<StoresError> for Failure {
    fn from(error: StoresError) -> Self {
        match error {
            StoresError::Store(error) => error.into(),
            StoresError::Unsettled => Self::Unsettled,
            other => Self::other("the stores cannot be used", other),
        }
    }
}

/// The remedy if another process holds the database.
fn in_use(error: &DatabaseLockError) -> String {
    let DatabaseLockError::InUse { asked, lock } = error else {
        return error.to_string();
    };
    let holder = holding(lock.as_deref());
    match asked {
        LockMode::Exclusive => format!(
            "another rescind is using the database{holder}: without Redis one node alone may use a database, because what is \
             revoked on one would be accepted by the other. Stop it, or set REDIS_URL to the same Redis for every node, or \
             set RESCIND_DATA_DIR or DATABASE_URL to a place of its own for this one"
        ),
        LockMode::Shared => format!(
            "another rescind has the database for itself{holder}: it runs without REDIS_URL, and would not hear in time what \
             is revoked here, or it is a command that changes the database. Stop it, or give it the same REDIS_URL"
        ),
    }
}

fn holding(lock: Option<&Path>) -> String {
    lock.map_or_else(String::new, |lock| format!(" (it holds {})", lock.display()))
}
