//! Opening the database: as a tenant that may, in files of its own, and with a schema that fits. And closing it.

use std::{sync::Arc, time::Duration};

use rescind_session::WithCauses;
use rescind_store::{SqlSettings, SqlStore, Tenancy, Tenant, sqlite_file};

use crate::{
    failure::Failure,
    private_files::{make_directory, refuse_public},
    settings::{Database, Settings, Storage},
    stores::DatabaseKind,
};

/// The least that the database is waited for where no request does: at the start, by the upkeep, and for the end of a
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
/// [`Failure::Tenancy`] if another has it and this is not how it can be shared; [`Failure::Public`] if everybody can
/// write to its files.
pub(crate) async fn claim(storage: &Storage, tenancy: Tenancy) -> Result<Arc<Tenant>, Failure> {
    refuse_public_files(storage)?;
    let tenant = match &storage.database {
        Database::Embedded(path) => {
            make_directory(&storage.data_dir).map_err(|source| Failure::DataDirectory {
                path: storage.data_dir.clone(),
                source,
            })?;
            Tenant::claim_file(path, tenancy).await?
        }
        Database::Chosen(url) => Tenant::claim(url, tenancy).await?,
    };
    Ok(Arc::new(tenant))
}

fn refuse_public_files(storage: &Storage) -> Result<(), Failure> {
    let mut paths = vec![("RESCIND_DATA_DIR", storage.data_dir.clone())];
    let (setting, file) = match &storage.database {
        Database::Embedded(file) => ("RESCIND_DATA_DIR", file.clone()),
        Database::Chosen(url) => ("DATABASE_URL", sqlite_file(url).unwrap_or_default()),
    };
    if DatabaseKind::of(&storage.database) == DatabaseKind::Sqlite {
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
pub(crate) async fn settled(tenant: &Tenant) -> Result<(), Failure> {
    tokio::time::timeout(UNTIL_SETTLED, tenant.settled())
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

/// Closes the database, so that its file is whole without a log beside it. What fails here has lost nothing.
pub(crate) async fn close(store: &SqlStore) {
    match tokio::time::timeout(UNTIL_CLOSED, store.close_connections()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(error = %WithCauses(&error), "the database was not closed properly"),
        Err(_) => tracing::warn!("the database was still in use and is closed without waiting"),
    }
}
