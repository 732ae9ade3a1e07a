//! Why the program does not start, in words that say what to do.

use std::{error::Error, io, net::SocketAddr, path::PathBuf, process::ExitCode};

use rescind_session::{ConfigError, WithCauses, ports::StoreError};
use rescind_store::ConnectError;

use crate::{
    keys::KeysError,
    settings::{DotEnvError, Faults},
};

/// Why the program does not start, or a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Settings(#[from] Faults),
    #[error(transparent)]
    DotEnv(#[from] DotEnvError),
    #[error("the settings contradict each other")]
    Contradiction(#[from] ConfigError),
    #[error("the data directory {} cannot be made", path.display())]
    DataDirectory { path: PathBuf, source: io::Error },
    #[error("the lock file {} cannot be locked", path.display())]
    Lock { path: PathBuf, source: io::Error },
    #[error(
        "another rescind is using the database {} (it holds {}): without Redis one node alone may use a database, because \
         what is revoked on one would be accepted by the other. Stop it, or set RESCIND_DATA_DIR or DATABASE_URL to a place \
         of its own for this one",
        database.display(), lock.display()
    )]
    InUse { database: PathBuf, lock: PathBuf },
    #[error(transparent)]
    Connect(#[from] ConnectError),
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
         `rescind keys adopt`, and next time `rescind keys rotate`, which changes them without logging anybody out",
        .0.display()
    )]
    ForeignKeys(PathBuf),
    #[error("RESCIND_BIND: cannot listen on {address}")]
    Bind { address: SocketAddr, source: io::Error },
    #[error("the demo accounts cannot be made ready")]
    DemoAccounts(#[source] Box<dyn Error + Send + Sync>),
    #[error("the machine's random number generator fails")]
    Randomness(#[source] Box<dyn Error + Send + Sync>),
    #[error("the demo's thief cannot be made ready")]
    Thief(#[source] reqwest::Error),
    #[error("{0}")]
    Runtime(&'static str, #[source] io::Error),
}

impl Failure {
    /// 2 if the settings are to blame, else 1.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Settings(_) | Self::DotEnv(_) | Self::Contradiction(_) => ExitCode::from(2),
            Self::Connect(error) if error.is_the_urls_fault() => ExitCode::from(2),
            _ => ExitCode::FAILURE,
        }
    }

    /// The failure and everything behind it.
    pub(crate) fn told(&self) -> String {
        WithCauses(self).to_string()
    }
}
