//! Opening the database: alone, and with a schema that fits.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use rescind_store::{SqlSettings, SqlStore, sqlite_file};

use crate::{
    failure::Failure,
    private_files::{make_directory, open_lock_file},
    settings::{Database, Storage},
};

/// The right to be the only one on a database, until it is dropped.
///
/// What is revoked is known to the process that revoked it, in its blacklist. A second process on the same file would
/// hear of it from the log a moment later, and in that moment accept a token that was taken back.
#[derive(Debug)]
pub(crate) struct Alone {
    _lock: File,
}

/// Takes the database for this process alone.
///
/// # Errors
/// [`Failure::InUse`] if another has it.
pub(crate) fn claim(storage: &Storage) -> Result<Alone, Failure> {
    let database = file(storage)?;
    let lock = lock_file(&database).map_err(|source| Failure::Lock {
        path: database.clone(),
        source,
    })?;
    let failed = |source| Failure::Lock {
        path: lock.clone(),
        source,
    };
    let file = open_lock_file(&lock).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(Alone { _lock: file }),
        Err(TryLockError::WouldBlock) => Err(Failure::InUse { database, lock }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// Connects. The schema is left as it is.
///
/// # Errors
/// [`Failure`].
pub(crate) async fn connect(storage: &Storage) -> Result<SqlStore, Failure> {
    let settings = SqlSettings::default();
    Ok(match &storage.database {
        Database::Embedded(path) => SqlStore::open_file(path, &settings).await?,
        Database::Chosen(url) => SqlStore::connect(url, &settings).await?,
    })
}

/// Connects to a database whose schema fits. The embedded one is moved there; one that somebody chose is theirs to move.
///
/// # Errors
/// [`Failure`], also if the schema does not fit.
pub(crate) async fn open(storage: &Storage) -> Result<SqlStore, Failure> {
    let store = connect(storage).await?;
    match &storage.database {
        Database::Embedded(_) => store.migrate_up().await?,
        Database::Chosen(_) if store.is_current().await? => {}
        Database::Chosen(_) => return Err(Failure::Schema),
    }
    Ok(store)
}

fn file(storage: &Storage) -> Result<PathBuf, Failure> {
    match &storage.database {
        Database::Embedded(path) => {
            let path_of = |source| Failure::DataDirectory {
                path: storage.data_dir.clone(),
                source,
            };
            make_directory(&storage.data_dir).map_err(path_of)?;
            Ok(path.clone())
        }
        Database::Chosen(url) => Ok(sqlite_file(url)?),
    }
}

/// The lock beside the file, where it really is: two names of one file must not be two locks.
fn lock_file(database: &Path) -> io::Result<PathBuf> {
    let database = match fs::canonicalize(database) {
        Ok(path) => path,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let directory = database
                .parent()
                .filter(|path| !path.as_os_str().is_empty())
                .unwrap_or(Path::new("."));
            make_directory(directory)?;
            fs::canonicalize(directory)?.join(database.file_name().unwrap_or_default())
        }
        Err(error) => return Err(error),
    };
    let mut lock = database.into_os_string();
    lock.push(".lock");
    Ok(lock.into())
}
