//! The high-water mark: where the revocation log of a database ended, recorded outside of the database.
//!
//! A database that was restored from a backup, or that lost its last changes with its disk, looks like any other, and
//! accepts again what was logged out since. So the end of its revocation log is recorded in a file beside the keys (beside
//! the data if the keys are read-only), and in Redis if there is one. A database whose log ends before that is refused, until
//! `rescind restored` has closed all sessions. On Postgres, a promoted standby may be such a database: there a serving node
//! closes them by itself.
//!
//! **The mark is never ahead of a database that lost no commit**: it records only committed positions, and it is read before
//! the database that it is compared with. It may be behind: a node that is killed before it wrote the mark has not confirmed
//! the revocation. On SQLite a revocation is answered only when it is in the file. On Postgres, which has backups and
//! standbys of its own, the mark follows within a second.
//!
//! **Not noticed**: a snapshot that restores the mark together with the database; and lost commits without a revocation, such
//! as a login.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use rescind_session::{
    EndReason, ErrorChain, Position,
    ports::{Closing, SessionStore, StoreError},
};
use rescind_store::{DatabaseGuard, DatabaseLock, HighWater, RedisBlacklist, SqlStore};

use crate::{
    failure::Failure,
    private_files::{lock_directory, make_directory, open_regular, replace},
    settings::{Settings, Storage},
};

const FILE: &str = "high-water.json";
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// The contents of a file: the last position and the newest instant of each log that these keys were used with. Two databases
/// may share a directory of keys.
type Logs = BTreeMap<String, (u64, Option<Timestamp>)>;

/// The mark of the databases that these keys were used with.
#[derive(Debug)]
pub(crate) struct HighWaterMark {
    /// The directories of the keys and of the data. The mark is written to the first writable one, and read from both.
    places: [PathBuf; 2],
    redis: Option<Arc<RedisBlacklist>>,
    /// Whether Redis alone may hold the mark. Not on SQLite: there a revocation is answered only when it is in a file.
    redis_suffices: bool,
    /// How long to keep the revocations that answer lost commits; none if such a database is refused.
    after_loss: Option<Duration>,
}

impl HighWaterMark {
    pub(crate) fn of(storage: &Storage, redis: Option<Arc<RedisBlacklist>>) -> Self {
        Self {
            places: [storage.keys.clone(), storage.data_dir.clone()],
            redis_suffices: redis.is_some() && storage.database.is_postgres(),
            redis,
            after_loss: None,
        }
    }

    /// The mark of a node that serves: on Postgres it answers lost commits by itself.
    pub(crate) fn of_node(settings: &Settings, redis: Option<Arc<RedisBlacklist>>) -> Self {
        let is_postgres = settings.storage.database.is_postgres();
        Self {
            after_loss: is_postgres.then(|| settings.tokens.margin()),
            ..Self::of(&settings.storage, redis)
        }
    }

    /// Compares a database with the mark, and returns the mark: the highest position of its log, and the newest instant of
    /// all logs. Also raises the mark in Redis; a Redis that does not answer gets it later. Fails if the database's log
    /// ends before the mark.
    pub(crate) async fn compare(&self, store: &SqlStore) -> Result<HighWater, Failure> {
        let mut known = store.high_water().await?;
        let mut remembered = known;
        if let Some(redis) = &self.redis {
            match redis.raise_high_water(known, false).await {
                Ok(shared) => remembered = shared,
                Err(error) => tracing::debug!(error = %ErrorChain(&error), "Redis does not take the high-water mark"),
            }
        }
        for place in &self.places {
            let logs = read(place).map_err(|error| Failure::Mark(place.join(FILE), error))?;
            let position = logs.get(&name(known)).map_or(0, |(position, _)| *position);
            remembered.position = remembered.position.max(Position::new(position));
            remembered.newest = logs
                .values()
                .map(|(_, newest)| *newest)
                .fold(remembered.newest, Ord::max);
        }
        if remembered.position > known.position {
            // Another node may have committed and recorded a revocation between the two reads.
            known = store.high_water().await?;
        }
        if known.log == remembered.log && remembered.position > known.position {
            let Some(margin) = self.after_loss else {
                return Err(Failure::OlderDatabase {
                    ends: known.position.get(),
                    recorded: remembered.position.get(),
                });
            };
            tracing::error!(
                ends = known.position.get(),
                recorded = remembered.position.get(),
                "THE DATABASE HAS LOST COMMITS: its revocation log ends before what was recorded outside of it. Every session is \
                 closed now, and everybody has to log in again"
            );
            let closing = Closing {
                cause: EndReason::LostCommit,
                // The database's clock: this node's may not be anchored yet.
                at: store
                    .store_clock()
                    .await?
                    .clock
                    .or(remembered.newest)
                    .unwrap_or_default(),
                margin,
            };
            store.begin_again_after_loss(known.log, &closing).await?;
            known = store.high_water().await?;
            remembered = HighWater {
                newest: remembered.newest,
                ..known
            };
        }
        Ok(remembered)
    }

    /// Compares a database with the mark, and raises the mark. Fails like that, and if no place is writable.
    pub(crate) async fn raise(&self, store: &SqlStore) -> Result<HighWater, Failure> {
        self.compare(store).await?;
        let known = store.high_water().await?;
        match tokio::task::block_in_place(|| self.write(known)) {
            Err(error) if !self.redis_suffices => Err(self.unwritten(error)),
            // If both directories are read-only, only Redis holds the mark.
            _ => Ok(known),
        }
    }

    /// Raises the mark each second, while the database changes. Returns only if the database lost revocations and
    /// `rescind restored` has to be run.
    pub(crate) async fn follow(&self, store: &SqlStore) -> Failure {
        let (mut last, mut told) = (None, false);
        loop {
            tokio::time::sleep(BETWEEN_LOOKS).await;
            // Readiness reports a database that does not answer.
            let Ok(known) = store.high_water().await else { continue };
            if last == Some(known) {
                continue;
            }
            match self.raise(store).await {
                Ok(raised) => (last, told) = (Some(raised), false),
                Err(failure @ Failure::OlderDatabase { .. }) => return failure,
                Err(failure) if !told => {
                    tracing::error!(error = failure.with_causes(), "the high-water mark is not recorded");
                    told = true;
                }
                Err(_) => {}
            }
        }
    }

    /// Replaces the mark by the end of the database's log. Fails if an existing mark cannot be replaced.
    pub(crate) async fn reset(&self, store: &SqlStore) -> Result<(), Failure> {
        let known = store.high_water().await?;
        for place in self.places.iter().filter(|place| place.join(FILE).exists()) {
            update(place, true, known).map_err(|error| Failure::Mark(place.join(FILE), error))?;
        }
        if let Some(redis) = &self.redis
            && let Err(error) = redis.raise_high_water(known, true).await
        {
            tracing::warn!(error = %ErrorChain(&error), "Redis still has the old high-water mark; repeat this when it answers");
        }
        Ok(())
    }

    /// Blocks until the file is on the disk.
    fn write(&self, known: HighWater) -> io::Result<()> {
        let [keys, data] = &self.places;
        update(keys, false, known).or_else(|_| make_directory(data).and_then(|()| update(data, false, known)))
    }

    fn unwritten(&self, error: io::Error) -> Failure {
        Failure::Mark(self.places[1].join(FILE), error)
    }
}

/// Guards the store of a node: the database lock must be held, and revocations must be in the mark.
#[derive(Debug)]
pub(crate) struct Guard {
    pub(crate) database_lock: Arc<DatabaseLock>,
    pub(crate) mark: Arc<HighWaterMark>,
}

impl DatabaseGuard for Guard {
    fn verify(&self) -> Result<(), StoreError> {
        self.database_lock.verify()
    }

    fn record(&self, known: HighWater) -> Result<(), StoreError> {
        let written = self.mark.write(known);
        written.map_err(|error| StoreError::unavailable(self.mark.unwritten(error)))
    }
}

fn name(known: HighWater) -> String {
    known.log.as_uuid().to_string()
}

fn read(place: &Path) -> io::Result<Logs> {
    match open_regular(&place.join(FILE)) {
        Ok(file) => Ok(serde_json::from_reader(file)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Logs::new()),
        Err(error) => Err(error),
    }
}

/// Raises the mark in the file of a directory; with `reset`, replaces the file's contents.
fn update(place: &Path, reset: bool, known: HighWater) -> io::Result<()> {
    let _lock = lock_directory(place)?;
    let mut logs = if reset { Logs::new() } else { read(place)? };
    let kept = logs.entry(name(known)).or_default();
    let raised = (kept.0.max(known.position.get()), kept.1.max(known.newest));
    if *kept != raised {
        *kept = raised;
        replace(&place.join(FILE), &serde_json::to_vec(&logs)?)?;
    }
    Ok(())
}
