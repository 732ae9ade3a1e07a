//! The settings of the database, the blacklist and the keys.

use std::{
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};

use rescind_session::token::Algorithm;
use rescind_store::{RedisSettings, ReplicatedBlacklist};

use super::{Faults, Given, Setting, listening::name, tokens::duration};

/// The database, the blacklist and the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Storage {
    /// Made with mode 0700 if it is missing.
    pub data_dir: PathBuf,
    /// Holds accounts, sessions and the revocation log.
    pub database: Database,
    /// How many connections to it at most.
    pub database_connections: u32,
    /// The Redis of the blacklist; `None` if that is in the process.
    pub redis: Option<Redis>,
    /// The directory of the keys.
    pub keys: PathBuf,
    /// The algorithm of keys that are made; `None` means that of the active key, and EdDSA if there is none yet.
    pub algorithm: Option<Algorithm>,
}

/// Which database is used.
#[derive(Clone, PartialEq, Eq, derive_more::Debug)]
#[non_exhaustive]
pub enum Database {
    /// The SQLite file in the data directory. The program migrates its schema by itself.
    Embedded(PathBuf),
    /// The database in `DATABASE_URL`. Its owner migrates its schema. Debug prints only the scheme: the rest may hold a
    /// password.
    Chosen(#[debug("{:?}", scheme(_0))] String),
}

impl Database {
    /// Whether it is Postgres.
    pub fn is_postgres(&self) -> bool {
        matches!(self, Self::Chosen(url) if url.starts_with("postgres"))
    }
}

/// The Redis that holds the blacklist, which nodes share.
#[derive(Clone, PartialEq, Eq, derive_more::Debug)]
#[non_exhaustive]
pub struct Redis {
    /// Its URL. Debug prints only the scheme: the rest may hold a password.
    #[debug("{:?}", scheme(url))]
    pub url: String,
    /// How many connections to it at most.
    pub connections: usize,
    /// What its key names begin with.
    pub namespace: String,
    /// How a check reads it.
    pub read: BlacklistRead,
}

/// How a check reads the blacklist in Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BlacklistRead {
    /// By one command.
    Direct,
    /// From a copy in the memory of this node, under a lease of that length.
    Replicated {
        /// How long the copy is relied on after each renewal.
        lease: Duration,
    },
}

/// The lengths of a lease.
const LEASES: RangeInclusive<Duration> = Duration::from_millis(20)..=Duration::from_secs(1);
/// As many as requests that wait for a store at once, on one node under moderate load.
const CONNECTIONS: u16 = 8;
/// More than one node needs, and more than most servers allow.
const MOST_CONNECTIONS: u16 = 1_000;

impl Storage {
    pub(super) fn judge(given: &Given, faults: &mut Faults) -> Self {
        let directory = |setting: Setting<'_>| setting.given.map(PathBuf::from);
        let data_dir = directory(given.data_dir()).unwrap_or_else(|| PathBuf::from("data"));
        Self {
            database: database(given.database_url(), &data_dir, faults),
            database_connections: connections(given.database_connections(), faults).into(),
            redis: redis(given, faults),
            keys: directory(given.keys()).unwrap_or_else(|| data_dir.join("keys")),
            algorithm: faults.parsed(given.algorithm(), "must be EdDSA, ES256, RS256 or HS256"),
            data_dir,
        }
    }
}

fn database(setting: Setting<'_>, data_dir: &Path, faults: &mut Faults) -> Database {
    let Some(url) = faults.text(setting) else {
        return Database::Embedded(data_dir.join("rescind.db"));
    };
    let must =
        "must begin with `sqlite:`, followed by the path of a file, or be postgres://user:password@host/database";
    faults.require(
        matches!(scheme(url), "sqlite" | "postgres" | "postgresql"),
        setting.variable,
        must,
    );
    Database::Chosen(url.to_owned())
}

fn redis(given: &Given, faults: &mut Faults) -> Option<Redis> {
    let (count, namespace) = (given.redis_connections(), given.redis_namespace());
    let (url, read, lease) = (given.redis_url(), given.blacklist_read(), given.lease());
    let replicated = faults.is_second(read, ["direct", "replicated"], "must be direct or replicated");
    if !url.is_given() {
        let must = "must not be replicated without REDIS_URL: the nodes share their blacklist in Redis";
        faults.require(!replicated, read.variable, must);
        for setting in [count, namespace, lease] {
            let must = "must not be set without REDIS_URL: the blacklist is in the process";
            faults.require(!setting.is_given(), setting.variable, must);
        }
        return None;
    }
    let must = "must be redis://user:password@host:port, redis+sentinel://host:port,host:port/name or \
                redis+cluster://host:port,host:port, with rediss in place of redis for TLS";
    let url = faults.parsed_by(url, must, redis_url);
    let connections = connections(count, faults).into();
    let must = "must be a name of at most 64 letters, digits, dots, dashes, underscores and colons";
    let plain = |text: &str| name(&text.replace(':', "-"), 64).map(|_| text.to_owned());
    let namespace = faults.parsed_by(namespace, must, plain);
    if replicated {
        let must = "must be direct here: only Linux has a clock that counts while the machine sleeps";
        faults.require(cfg!(target_os = "linux"), read.variable, must);
    } else {
        let must = "must not be set unless RESCIND_BLACKLIST_READ is replicated";
        faults.require(!lease.is_given(), lease.variable, must);
    }
    let lease = duration(lease, faults).unwrap_or(ReplicatedBlacklist::LEASE);
    let must = "must be from 20ms to 1s: no node trusts a Redis for longer than a second";
    faults.require(LEASES.contains(&lease), "RESCIND_LEASE", must);
    Some(Redis {
        read: match replicated {
            true => BlacklistRead::Replicated { lease },
            false => BlacklistRead::Direct,
        },
        url: url?,
        connections,
        namespace: namespace.unwrap_or_else(|| RedisSettings::default().namespace),
    })
}

/// Checks the scheme of a URL. The rest is parsed when connecting.
fn redis_url(text: &str) -> Result<String, ()> {
    let kind = scheme(text).strip_prefix("redis").ok_or(())?;
    match kind.strip_prefix('s').unwrap_or(kind) {
        "" | "+sentinel" | "+cluster" => Ok(text.to_owned()),
        _ => Err(()),
    }
}

fn connections(setting: Setting<'_>, faults: &mut Faults) -> u16 {
    let count = |text: &str| match text.parse() {
        Ok(count @ 1..=MOST_CONNECTIONS) => Ok(count),
        _ => Err(()),
    };
    faults
        .parsed_by(setting, "must be a number from 1 to 1000", count)
        .unwrap_or(CONNECTIONS)
}

/// The scheme, the only part of a URL that may be printed.
fn scheme(url: &str) -> &str {
    url.split_once(':').map_or("", |(scheme, _)| scheme)
}
