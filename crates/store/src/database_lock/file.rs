//! The lock on an SQLite database: the kernel's (`flock`), on the database file; and a check that the files are in
//! place.
//!
//! The lock belongs to the file and not to one of its names: a symlink, a hard link and a bind mount all lead to it. It
//! ends with the process, even after a kill, and cannot be lost before.
//!
//! **SQLite has locks of its own on the same file**, and the kernel drops them as soon as the process closes *any*
//! descriptor of it (sqlite.org/howtocorrupt.html, section 2.2). So the descriptor here is opened before SQLite opens
//! the file and closed after SQLite has closed it, and no other code of the process may open it.
//!
//! **A deleted file can still be written to**, and is lost with the last descriptor. So the names are looked up around
//! each operation, and must lead to the open files.

use std::{
    fs::{self, File, Metadata, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{DatabaseLockError, LockMode};
use crate::sql::make_file;

/// A database file that is locked while this value exists.
pub(super) struct DatabaseFile {
    /// Open only for its lock: it is neither read nor written.
    descriptor: File,
    /// The names of the file and of SQLite's two beside it, and the files that they first led to.
    files: [(PathBuf, OnceLock<FileId>); 3],
    /// The result of the last check.
    was_in_place: AtomicBool,
}

impl DatabaseFile {
    pub(super) fn claim(database: &Path, lock_mode: LockMode, make: bool) -> Result<Self, DatabaseLockError> {
        let failed = |source| DatabaseLockError::File {
            path: database.to_owned(),
            source,
        };
        if make {
            make_file(database).map_err(failed)?;
        }
        let descriptor = OpenOptions::new()
            .read(true)
            .write(true)
            .open(database)
            .map_err(failed)?;
        let metadata = descriptor.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(failed(io::Error::other("it is not a regular file")));
        }
        refuse_network(&descriptor).map_err(failed)?;
        let locked = match lock_mode {
            LockMode::Exclusive => descriptor.try_lock(),
            LockMode::Shared => descriptor.try_lock_shared(),
        };
        locked.map_err(|error| match error {
            TryLockError::WouldBlock => DatabaseLockError::InUse {
                asked: lock_mode,
                lock: Some(database.to_owned()),
            },
            TryLockError::Error(source) => failed(source),
        })?;
        // SQLite follows a symlink, and creates its two files beside the target.
        let (given, real) = (std::path::absolute(database), fs::canonicalize(database));
        let (given, real) = (given.map_err(failed)?, real.map_err(failed)?);
        let files = ["", "-wal", "-shm"].map(|suffix| {
            let mut name = if suffix.is_empty() { &given } else { &real }.clone().into_os_string();
            name.push(suffix);
            (name.into(), OnceLock::new())
        });
        // The two beside it may still be replaced while SQLite opens.
        files[0].1.get_or_init(|| file_id(&metadata));
        Ok(Self {
            descriptor,
            files,
            was_in_place: true.into(),
        })
    }

    /// Whether each name still leads to the same file. No system call here waits for a disk.
    pub(super) fn is_in_place(&self) -> bool {
        let is_in_place = self.files.iter().all(|(path, known)| match fs::metadata(path) {
            Ok(found) => *known.get_or_init(|| file_id(&found)) == file_id(&found),
            Err(_) => known.get().is_none(),
        });
        self.was_in_place.store(is_in_place, Ordering::SeqCst);
        is_in_place
    }

    /// The result of the last [check](Self::is_in_place).
    pub(super) fn was_in_place(&self) -> bool {
        self.was_in_place.load(Ordering::SeqCst)
    }
}

impl Drop for DatabaseFile {
    /// Closing the descriptor is not enough: a child that the process has just forked holds a copy of it until its own
    /// program starts, and the lock stays until the last copy is closed. Unlocking works for all copies.
    fn drop(&mut self) {
        // If it fails, the lock ends with the last copy.
        let _ = self.descriptor.unlock();
    }
}

/// Device and inode: the same under every name, and unique while this file is open.
#[cfg(unix)]
type FileId = (u64, u64);

#[cfg(unix)]
fn file_id(metadata: &Metadata) -> FileId {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

/// On other systems an open file cannot be deleted.
#[cfg(not(unix))]
type FileId = ();

#[cfg(not(unix))]
fn file_id(_: &Metadata) -> FileId {}

/// On a network file system one machine's locks may not count on another, and SQLite's shared memory is not shared.
#[cfg(target_os = "linux")]
fn refuse_network(file: &File) -> io::Result<()> {
    // The numbers of `statfs(2)`, in their lower 32 bits.
    let name = match rustix::fs::fstatfs(file)?.f_type as u32 {
        0x6969 => "NFS",
        0x517b | 0xfe53_4d42 | 0xff53_4d42 => "SMB",
        0x5346_414f => "AFS",
        0x00c3_6400 => "Ceph",
        0x0bd0_0bd0 => "Lustre",
        0x4750_4653 => "GPFS",
        0x0116_1970 => "GFS2",
        0x7461_636f => "OCFS2",
        _ => return Ok(()),
    };
    Err(io::Error::other(format!(
        "it is on a network file system ({name}); SQLite needs a local disk"
    )))
}

#[cfg(not(target_os = "linux"))]
fn refuse_network(_: &File) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropping_the_lock_frees_it_despite_a_forked_childs_descriptor() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("rescind.db");
        let first = DatabaseFile::claim(&database, LockMode::Exclusive, true).unwrap();
        let _of_child = first.descriptor.try_clone().unwrap();
        drop(first);
        DatabaseFile::claim(&database, LockMode::Exclusive, true).unwrap();
    }
}
