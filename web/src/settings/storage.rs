//! Where the program keeps what must not be lost.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use rescind_session::token::Algorithm;

use super::{Faults, Given, Setting};

/// Where the database and the keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Storage {
    /// Made with mode 0700 if it is missing.
    pub(crate) data_dir: PathBuf,
    /// The database.
    pub(crate) database: Database,
    /// The directory of the keys.
    pub(crate) keys: PathBuf,
    /// The algorithm that was asked for; nothing means that of the active key, and EdDSA if there is none yet.
    pub(crate) algorithm: Option<Algorithm>,
}

/// Which database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Database {
    /// The SQLite file in the data directory. It belongs to this program, which moves its schema by itself.
    Embedded(PathBuf),
    /// A database that somebody chose, and whose schema they move.
    Chosen(String),
}

impl Storage {
    pub(super) fn judge(given: &Given, faults: &mut Faults) -> Self {
        let directory = |value: &Option<OsString>| {
            value
                .as_deref()
                .filter(|value| !value.is_empty())
                .map(|value| Path::new(value).to_owned())
        };
        let data_dir = directory(&given.data_dir).unwrap_or_else(|| PathBuf::from("data"));
        let redis = Setting::new("REDIS_URL", &given.redis_url);
        if redis.is_given() {
            faults.add(
                redis.variable,
                "must not be set: this version keeps the blacklist in the process; unset it",
            );
        }
        let algorithm = Setting::new("RESCIND_ALGORITHM", &given.algorithm);
        Self {
            database: database(Setting::new("DATABASE_URL", &given.database_url), &data_dir, faults),
            keys: directory(&given.keys).unwrap_or_else(|| data_dir.join("keys")),
            algorithm: faults.parsed(algorithm, "must be EdDSA, ES256, RS256 or HS256"),
            data_dir,
        }
    }
}

fn database(setting: Setting<'_>, data_dir: &Path, faults: &mut Faults) -> Database {
    let Some(url) = faults.text(setting) else {
        return Database::Embedded(data_dir.join("rescind.db"));
    };
    match url.split_once(':').map(|(scheme, _)| scheme) {
        Some("sqlite") => {}
        Some("postgres" | "postgresql") => faults.add(
            setting.variable,
            "must begin with `sqlite:`: this version keeps its data in SQLite and does not speak to Postgres; unset it",
        ),
        _ => faults.add(
            setting.variable,
            "must begin with `sqlite:`, followed by the path of a file",
        ),
    }
    Database::Chosen(url.to_owned())
}
