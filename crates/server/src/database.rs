//! Opening the database: as a tenant that may, in files of its own, with a schema that fits, and for the keys that it was
//! claimed for. And closing it.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use rand::rngs::StdRng;
use rescind_session::{
    ErrorChain,
    ports::{ISSUE_FLOOR_MARGIN, SessionStore},
    token::RefreshKey,
};
use rescind_store::{Claimed, DatabaseLock, LockMode, SqlSettings, SqlStore, sqlite_file};

use crate::{
    clock,
    failure::Failure,
    keys::{KeyDirectory, KeysError, Ring},
    private_files::{make_directory, refuse_public},
    settings::{Database, Faults, Settings, Storage},
};

/// The least that the database is waited for where no request does: at the start, by the maintenance, and for the end of a
/// write whose client was told that it took too long.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longer than any node goes without comparing the log with what it has seen of it.
const KEEP_ENTRIES: Duration = Duration::from_secs(60 * 60);
/// Longer than a lock takes to count.
const UNTIL_SETTLED: Duration = Duration::from_secs(20);
/// How long a stop waits for connections that are in use, and for a write-ahead log to be moved into its file.
const UNTIL_CLOSED: Duration = Duration::from_secs(10);

/// Takes the database: for this process alone, or beside others that share a blacklist.
///
/// # Errors
/// [`Failure::LockMode`] if another has it and this is not how it can be shared; [`Failure::Public`] if everybody can
/// write to its files.
pub(crate) async fn claim(storage: &Storage, lock_mode: LockMode) -> Result<Arc<DatabaseLock>, Failure> {
    refuse_public_files(storage)?;
    let database_lock = match &storage.database {
        Database::Embedded(path) => {
            make_directory(&storage.data_dir).map_err(|source| Failure::DataDirectory {
                path: storage.data_dir.clone(),
                source,
            })?;
            DatabaseLock::claim_file(path, lock_mode).await?
        }
        Database::Chosen(url) => DatabaseLock::claim(url, lock_mode).await?,
    };
    Ok(Arc::new(database_lock))
}

fn refuse_public_files(storage: &Storage) -> Result<(), Failure> {
    let mut paths = vec![("RESCIND_DATA_DIR", storage.data_dir.clone())];
    let (setting, file) = match &storage.database {
        Database::Embedded(file) => ("RESCIND_DATA_DIR", file.clone()),
        Database::Chosen(url) => ("DATABASE_URL", sqlite_file(url).unwrap_or_default()),
    };
    if !storage.database.is_postgres() {
        // Who can write to the directory can put another file in the place of this one.
        let directory = file.parent().filter(|directory| *directory != storage.data_dir);
        paths.extend(directory.map(|directory| (setting, directory.join("."))));
        paths.extend(["", "-wal", "-shm"].map(|suffix| (setting, format!("{}{suffix}", file.display()).into())));
    }
    for (setting, path) in paths {
        refuse_public(&path).map_err(|mode| Failure::Public { setting, path, mode })?;
    }
    Ok(())
}

/// Waits until nobody can believe any more that the database is theirs.
///
/// # Errors
/// [`Failure::Unsettled`] if the lock was lost before, and is not to be had again.
pub(crate) async fn settled(database_lock: &DatabaseLock) -> Result<(), Failure> {
    tokio::time::timeout(UNTIL_SETTLED, database_lock.settled())
        .await
        .map_err(|_| Failure::Unsettled)
}

/// Connects. The schema is left as it is.
///
/// # Errors
/// [`Failure`].
pub(crate) async fn connect(settings: &Settings) -> Result<SqlStore, Failure> {
    // A request that has to be answered sooner is: it does not wait for its statements.
    let patience = settings.limits.store_timeout.max(PATIENCE);
    let storage = &settings.storage;
    let settings = SqlSettings {
        max_connections: storage.database_connections,
        acquire_timeout: patience,
        busy_timeout: patience,
        keep_entries: KEEP_ENTRIES,
    };
    Ok(match &storage.database {
        Database::Embedded(path) => SqlStore::open_file(path, &settings).await?,
        Database::Chosen(url) => SqlStore::connect(url, &settings).await?,
    })
}

/// Connects to a database whose schema fits. The embedded one is moved there; one that somebody chose is theirs to move.
///
/// # Errors
/// [`Failure`], also if the schema does not fit.
pub(crate) async fn open(settings: &Settings) -> Result<SqlStore, Failure> {
    let store = connect(settings).await?;
    match &settings.storage.database {
        Database::Embedded(_) => store.migrate_up().await?,
        Database::Chosen(_) if store.is_current().await? => {}
        Database::Chosen(_) => return Err(Failure::Schema),
    }
    Ok(store)
}

/// Loads the keys, or makes those that are missing if no node has used the database, and claims it for them.
///
/// # Errors
/// [`Failure`], also if it belongs to other keys.
pub(crate) async fn load_keys(
    storage: &Storage,
    store: &SqlStore,
    rng: &mut StdRng,
    remembered: Option<Timestamp>,
) -> Result<Ring, Failure> {
    let directory = KeyDirectory::open(&storage.keys)?;
    let ring = if store.is_claimed().await? {
        // New keys would be refused, and would stay there.
        directory.load().map_err(|error| match error {
            KeysError::Missing { path } => Failure::ForeignKeys(path),
            other => other.into(),
        })?
    } else {
        directory.load_or_make(storage.algorithm, || RefreshKey::generate(rng))?
    };
    let active = ring.keys.ring.active();
    if let Some(asked) = storage.algorithm.filter(|asked| *asked != active.algorithm()) {
        let must = format!(
            "is {asked}, but the active key {} is for {}: run `rescind keys rotate` to make one for {asked}, or set \
             RESCIND_ALGORITHM={}",
            ring.active.display(),
            active.algorithm(),
            active.algorithm(),
        );
        return Err(Faults::one("RESCIND_ALGORITHM", must).into());
    }
    claim_for(store, &ring, storage, remembered).await?;
    tracing::info!(directory = %storage.keys.display(), kid = active.kid(), algorithm = %active.algorithm(), "keys are ready");
    Ok(ring)
}

/// Claims the database for these keys. `remembered`: the newest instant of the high-water mark.
///
/// A database that belonged to no keys gets an issue floor if these are older than this start. So does one that these keys
/// come back to from another: what was revoked there is not known here.
///
/// # Errors
/// [`Failure::ForeignKeys`] if it belongs to others.
pub(crate) async fn claim_for(
    store: &SqlStore,
    ring: &Ring,
    storage: &Storage,
    remembered: Option<Timestamp>,
) -> Result<(), Failure> {
    let newest = (!ring.is_new).then(|| remembered.map_or(clock::wall(), |newest| newest.max(clock::wall())));
    let claimed = store.claim_fingerprint(&ring.fingerprint.to_string(), newest).await?;
    if let (Claimed::First, Some(_)) = (claimed, newest) {
        tracing::warn!(
            "no node has used this database before, and the keys are older: tokens that they signed until now are refused, and \
             logins wait for a few seconds"
        );
    }
    // Read after the mark, which is never ahead of its database.
    if claimed == Claimed::Same
        && let Some(remembered) = remembered
        && Some(remembered) > store.store_clock().await?.newest
    {
        let floor = remembered.checked_add(ISSUE_FLOOR_MARGIN).unwrap_or(remembered);
        store.raise_issue_floor(floor).await?;
        tracing::warn!(
            "these keys were used with another database since: tokens that they signed until then are refused, and logins may \
             wait for a few seconds"
        );
    }
    match claimed {
        Claimed::First | Claimed::Same => Ok(()),
        Claimed::Different => Err(Failure::ForeignKeys(storage.keys.clone())),
    }
}

/// Closes the database, so that its file is whole without a log beside it. What fails here has lost nothing.
pub(crate) async fn close(store: &SqlStore) {
    match tokio::time::timeout(UNTIL_CLOSED, store.close_connections()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(error = %ErrorChain(&error), "the database was not closed properly"),
        Err(_) => tracing::warn!("the database was still in use and is closed without waiting"),
    }
}
