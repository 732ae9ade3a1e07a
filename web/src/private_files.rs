//! Directories and files that only their owner may touch.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io,
    path::Path,
};

/// Makes a directory, and those above it that are missing, for their owner alone. One that is there keeps its mode.
pub(crate) fn make_directory(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(path)
}

/// Opens a file whose only purpose is to be locked; makes it if it is missing.
///
/// The lock is the kernel's: it goes when the process does, whatever killed it. The file stays. Removing it would let two
/// processes hold locks on two files of one name.
pub(crate) fn open_lock_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.create(true).truncate(false).write(true).open(path)
}

/// Writes a new file for its owner alone: under another name first, and under its own only when all of it is on the
/// disk. A crash leaves the whole file or none.
pub(crate) fn write_new(path: &Path, contents: &[u8]) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut draft = tempfile::Builder::new().prefix(".new-").tempfile_in(directory)?;
    io::Write::write_all(&mut draft, contents)?;
    draft.as_file().sync_all()?;
    draft.persist_noclobber(path)?;
    // The name is in the directory, and has to reach the disk too.
    #[cfg(unix)]
    File::open(directory)?.sync_all()?;
    Ok(())
}

/// The bits of a file's mode that let others than its owner do something.
#[cfg(unix)]
pub(crate) fn others_may(metadata: &std::fs::Metadata) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o077
}

/// Elsewhere access is no matter of modes: the directory is as private as somebody made it.
#[cfg(not(unix))]
pub(crate) fn others_may(_: &std::fs::Metadata) -> u32 {
    0
}
