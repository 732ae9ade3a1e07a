//! Directories and files that only their owner may touch.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io,
    path::Path,
};

/// Makes a directory and its missing parents, private to their owner. An existing one keeps its mode.
pub(crate) fn make_directory(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(path)
}

/// Opens a regular file for reading. Others are refused: opening a FIFO would wait for a writer.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    is_regular(&fs::metadata(path)?)?;
    File::open(path)
}

fn is_regular(metadata: &fs::Metadata) -> io::Result<()> {
    if metadata.is_file() {
        Ok(())
    } else {
        Err(io::Error::other("it is not a regular file"))
    }
}

/// Waits for the lock on a directory, and holds it until the file is dropped.
///
/// The lock is the kernel's, on a file that has no other purpose: it ends with the process, also if that is killed. The file
/// stays. Removing it would let two processes hold locks on two files of one name.
pub(crate) fn lock_directory(directory: &Path) -> io::Result<File> {
    let path = directory.join(".lock");
    if let Ok(metadata) = fs::metadata(&path) {
        is_regular(&metadata)?;
    }
    let file = open_private(OpenOptions::new().create(true).truncate(false), &path)?;
    file.lock()?;
    Ok(file)
}

/// Replaces a file of a locked directory, private to its owner. A crash leaves the old contents or the new.
pub(crate) fn replace(path: &Path, contents: &[u8]) -> io::Result<()> {
    let draft = path.with_extension("new");
    let mut file = open_private(OpenOptions::new().create(true).truncate(true), &draft)?;
    io::Write::write_all(&mut file, contents)?;
    file.sync_data()?;
    fs::rename(draft, path)?;
    sync_directory_of(path)
}

/// A new name is data of the directory, which has to reach the disk too.
fn sync_directory_of(path: &Path) -> io::Result<()> {
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(())
}

fn open_private(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options.write(true).open(path)
}

/// Writes a new file, private to its owner: under another name first, and renames it when all of it is on the disk. A crash
/// leaves the complete file or none.
pub(crate) fn write_new(path: &Path, contents: &[u8]) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut draft = tempfile::Builder::new().prefix(".new-").tempfile_in(directory)?;
    io::Write::write_all(&mut draft, contents)?;
    draft.as_file().sync_all()?;
    draft.persist_noclobber(path)?;
    sync_directory_of(path)
}

/// Checks whether others can change a file or a directory. Logs a warning if its group can use it or others can read it.
///
/// # Errors
/// Its mode, if everybody can write to it.
pub(crate) fn refuse_public(path: &Path) -> Result<(), u32> {
    let Ok(metadata) = fs::metadata(path) else {
        // Missing yet, or it cannot be opened either, which will be reported.
        return Ok(());
    };
    let (mode, own) = (others_may(&metadata), if metadata.is_dir() { 0o700 } else { 0o600 });
    if mode & 0o002 != 0 {
        return Err(own | mode);
    }
    if mode != 0 {
        tracing::warn!(
            "others than its owner can use {} (mode {:04o}), which holds what was logged out and password hashes: \
             `chmod {own:o}` keeps them out",
            path.display(),
            own | mode
        );
    }
    Ok(())
}

/// The bits of a file's mode that give others than its owner access.
pub(crate) fn others_may(metadata: &std::fs::Metadata) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o077
}
