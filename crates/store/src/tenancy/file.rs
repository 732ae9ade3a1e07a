//! The lock on an SQLite database: the kernel's, on a file beside it.
//!
//! It goes when the process does, whatever killed it, and nobody can take it away before. The file stays: removing it
//! would let two processes hold locks on two files of one name. Not the database file itself, whose locks are SQLite's.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

use super::{Tenancy, TenancyError};

pub(super) fn claim(database: &Path, tenancy: Tenancy) -> Result<File, TenancyError> {
    let lock = lock_file(database).map_err(|source| TenancyError::File {
        path: database.to_owned(),
        source,
    })?;
    let failed = |source| TenancyError::File {
        path: lock.clone(),
        source,
    };
    let file = open(&lock).map_err(failed)?;
    let locked = match tenancy {
        Tenancy::Alone => file.try_lock(),
        Tenancy::Shared => file.try_lock_shared(),
    };
    match locked {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(TenancyError::InUse {
            asked: tenancy,
            lock: Some(lock),
        }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
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

/// For its owner alone, like the database in it. One that is there keeps its mode.
fn make_directory(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(path)
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.create(true).truncate(false).write(true).open(path)
}
