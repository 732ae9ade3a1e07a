//! Opening the database: checks its lock, the mode of its files, its schema, and that it belongs to the keys. And closing it.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use rescind_session::{
    ErrorChain, SystemRandom,
    ports::{ISSUE_FLOOR_MARGIN, SessionStore},
    token::RefreshKey,
};
use rescind_store::{Claimed, DatabaseLock, KeyRecord, LockMode, SqlSettings, SqlStore, sqlite_file};

use crate::{
    clock,
    failure::Failure,
    keys::{KeyDirectory, KeySet, KeysError, Plan, add_unrecorded, due, record_lifetimes},
    private_files::{make_directory, refuse_public},
    settings::{Database, Faults, Settings, Storage},
};

/// The shortest wait for the database where no request waits: at the start, in maintenance, and for the end of a write whose
/// client was answered that it took too long.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longer than any node goes without reading the log.
const KEEP_ENTRIES: Duration = Duration::from_secs(60 * 60);
/// Longer than a lock takes to count.
const UNTIL_SETTLED: Duration = Duration::from_secs(20);
/// How long a stop waits for connections that are in use, and for a write-ahead log to be moved into its file.
const UNTIL_CLOSED: Duration = Duration::from_secs(10);

/// Locks the database: for this process alone, or shared with others that use one blacklist. Fails if another process
/// holds a lock that excludes this one, or if everybody can write to its files.
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
        // A user who can write to the directory can replace the file.
        let directory = file.parent().filter(|directory| *directory != storage.data_dir);
        paths.extend(directory.map(|directory| (setting, directory.join("."))));
        paths.extend(["", "-wal", "-shm"].map(|suffix| (setting, format!("{}{suffix}", file.display()).into())));
    }
    for (setting, path) in paths {
        refuse_public(&path).map_err(|mode| Failure::Public { setting, path, mode })?;
    }
    Ok(())
}

/// Waits until no earlier holder can believe that it still holds the lock. Fails if the lock was lost meanwhile and
/// cannot be taken again.
pub(crate) async fn settled(database_lock: &DatabaseLock) -> Result<(), Failure> {
    tokio::time::timeout(UNTIL_SETTLED, database_lock.settled())
        .await
        .map_err(|_| Failure::Unsettled)
}

/// Connects, without changing the schema.
pub(crate) async fn connect(settings: &Settings) -> Result<SqlStore, Failure> {
    // A request with a shorter deadline is answered in time: it does not wait for its statements.
    let patience = settings.limits.store_timeout.max(PATIENCE);
    let (storage, event_retention) = (&settings.storage, settings.events.retention);
    let settings = SqlSettings::default()
        .max_connections(storage.database_connections)
        .acquire_timeout(patience)
        .busy_timeout(patience)
        .keep_entries(KEEP_ENTRIES)
        .event_retention(event_retention);
    Ok(match &storage.database {
        Database::Embedded(path) => SqlStore::open_file(path, &settings).await?,
        Database::Chosen(url) => SqlStore::connect(url, &settings).await?,
    })
}

/// Connects, and migrates the embedded database. A database from `DATABASE_URL` is migrated by its owner. Fails if the
/// schema does not fit.
pub(crate) async fn open(settings: &Settings) -> Result<SqlStore, Failure> {
    let store = connect(settings).await?;
    match &settings.storage.database {
        Database::Embedded(_) => store.migrate_up().await?,
        Database::Chosen(_) if store.is_current().await? => {}
        Database::Chosen(_) => return Err(Failure::Schema),
    }
    Ok(store)
}

/// Loads the keys and claims the database for them. If no node has used it yet, missing keys are made. Fails if the
/// database belongs to other keys.
pub(crate) async fn load_keys(
    settings: &Settings,
    store: &SqlStore,
    rng: &mut SystemRandom,
    remembered: Option<Timestamp>,
) -> Result<(KeySet, Plan), Failure> {
    let storage = &settings.storage;
    let directory = KeyDirectory::open(&storage.keys)?;
    let recorded = store.recorded_ring().await?;
    let set = if recorded.fingerprint.is_some() {
        // New keys would be refused, and their files would stay.
        directory.load()
    } else {
        directory.load_or_make(storage.algorithm, || RefreshKey::generate(rng))
    };
    let foreign = |error| match (error, recorded.fingerprint.is_some()) {
        (KeysError::Missing { path }, true) => Failure::ForeignKeys(path),
        (other, _) => other.into(),
    };
    let set = set.map_err(foreign)?.without_ended(&recorded.keys);
    let records = claim_for(settings, store, &set, remembered).await?;
    let last = due(&records, false, Timestamp::MAX);
    if let (Some(asked), Some(last)) = (storage.algorithm, last)
        && asked.as_str() != last.algorithm
    {
        let file = set.find(&last.id).map(|file| file.path.display().to_string());
        let must = format!(
            "is {asked}, but the active key {} is for {}: run `rescind keys rotate` to make one for {asked}, or set \
             RESCIND_ALGORITHM={}",
            file.unwrap_or_default(),
            last.algorithm,
            last.algorithm,
        );
        return Err(Faults::one("RESCIND_ALGORITHM", must).into());
    }
    let plan = Plan::at(clock::wall(), &records);
    record_lifetimes(store, &records, &plan, &settings.tokens).await?;
    let kid = due(&records, false, clock::wall()).map(|key| key.id.as_str());
    tracing::info!(directory = %storage.keys.display(), kid, "keys are ready");
    Ok((set, plan))
}

/// Claims the database for these keys, and returns its record of them. `remembered`: the newest instant of the high-water mark.
///
/// An unclaimed database gets an issue floor if the keys are older than this start. So does one that the keys return to after
/// use with another: it lacks the revocations made there. Fails if it belongs to other keys.
pub(crate) async fn claim_for(
    settings: &Settings,
    store: &SqlStore,
    set: &KeySet,
    remembered: Option<Timestamp>,
) -> Result<Vec<KeyRecord>, Failure> {
    let now = clock::wall();
    let newest = (!set.is_new).then(|| remembered.map_or(now, |newest| newest.max(now)));
    let fingerprint = set.fingerprint()?;
    let claimed = store.claim_fingerprint(&fingerprint, newest).await?;
    if let (Claimed::First, Some(_)) = (claimed, newest) {
        tracing::warn!(
            "no node has used this database before, and the keys are older: tokens that they signed until now are refused, and \
             logins wait for a few seconds"
        );
    }
    // The clock is read after the mark, which is never ahead of its database.
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
    if claimed == Claimed::Different {
        return Err(Failure::ForeignKeys(settings.storage.keys.clone()));
    }
    // None after an upgrade, and on a new database.
    let mut records = store.recorded_ring().await?.keys;
    let before = records.len();
    let longest = |refresh| settings.tokens.longest_token(refresh);
    add_unrecorded(&mut records, set, now, |_| Duration::ZERO, longest);
    if records.len() > before {
        store.record_ring(Some(&fingerprint), &fingerprint, &records).await?;
        records = store.recorded_ring().await?.keys;
    }
    Ok(records)
}

/// Closes the database, so that its file is complete without a log beside it. A failure here loses no data.
pub(crate) async fn close(store: &SqlStore) {
    match tokio::time::timeout(UNTIL_CLOSED, store.close_connections()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(error = %ErrorChain(&error), "the database was not closed properly"),
        Err(_) => tracing::warn!("the database was still in use and is closed without waiting"),
    }
}
