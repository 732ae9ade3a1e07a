//! Opening the database: as a tenant that may, and with a schema that fits.

use std::{sync::Arc, time::Duration};

use rescind_store::{SqlSettings, SqlStore, Tenancy, Tenant};

use crate::{
    failure::Failure,
    private_files::make_directory,
    settings::{Database, Settings, Storage},
};

/// The least that the database is waited for where no request does: at the start, by the upkeep, and for the end of a
/// write whose client was told that it took too long.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longer than a lock takes to count.
const UNTIL_SETTLED: Duration = Duration::from_secs(20);

/// Takes the database: for this process alone, or beside others that share a blacklist.
///
/// # Errors
/// [`Failure::Tenancy`] if another has it and this is not how it can be shared.
pub(crate) async fn claim(storage: &Storage, tenancy: Tenancy) -> Result<Arc<Tenant>, Failure> {
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
