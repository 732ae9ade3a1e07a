//! The names of key files, and the errors of reading them.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use rescind_session::token::KeyError;

/// In the place of an algorithm: the key makes refresh tokens.
pub(super) const REFRESH: &str = "refresh";

/// Why the keys cannot be used. No message holds key material.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages document the variants")]
pub enum KeysError {
    #[error("RESCIND_KEYS: {} cannot be {what}", path.display())]
    File {
        path: PathBuf,
        what: &'static str,
        source: io::Error,
    },
    #[error(
        "RESCIND_KEYS: others than its owner can use the key file {} (mode {mode:04o}): assume that the key is known, or if \
         you are sure that it is not, run `chmod 600` on it",
        path.display()
    )]
    Exposed { path: PathBuf, mode: u32 },
    #[error(
        "RESCIND_KEYS: others than its owner can write to the directory {} (mode {mode:04o}), and so add keys of their own: \
         look through it and run `chmod 700` on it",
        path.display()
    )]
    Writable { path: PathBuf, mode: u32 },
    #[error(
        "RESCIND_KEYS: {} begins like a key file but has none of its names: access-0001.pem, access-0001-<kid>.hs256, \
         refresh-0001.key",
        path.display()
    )]
    Name { path: PathBuf },
    #[error("RESCIND_KEYS: {} and {} have the same number, and only one can be the newer", first.display(), second.display())]
    SameNumber { first: PathBuf, second: PathBuf },
    #[error(
        "RESCIND_KEYS: {} and {} hold keys of the same id, which must name one key: remove one of them",
        first.display(),
        second.display()
    )]
    SameId { first: PathBuf, second: PathBuf },
    #[error("RESCIND_KEYS: {} holds no key of its kind", path.display())]
    NoKey { path: PathBuf, source: KeyError },
    #[error(
        "RESCIND_KEYS: {} does not hold a key of each kind; the first start of `rescind` makes them",
        path.display()
    )]
    Missing { path: PathBuf },
    #[error("RESCIND_KEYS: {} is not base64url without padding", path.display())]
    NotBase64Url { path: PathBuf },
    #[error("RESCIND_KEYS: the refresh keys in {} cannot be a ring", path.display())]
    RefreshRing { path: PathBuf, source: KeyError },
    #[error("a key could not be made")]
    Make(#[source] KeyError),
}

impl KeysError {
    pub(super) fn file(path: &Path, what: &'static str) -> impl FnOnce(io::Error) -> Self + Copy {
        move |source| Self::File {
            path: path.to_owned(),
            what,
            source,
        }
    }

    pub(super) fn no_key(path: &Path) -> impl FnOnce(KeyError) -> Self {
        move |source| Self::NoKey {
            path: path.to_owned(),
            source,
        }
    }
}

/// The key files of a directory, by their numbers.
#[derive(Debug, Default)]
pub(super) struct KeyFiles {
    pub(super) access: BTreeMap<u32, PathBuf>,
    pub(super) refresh: BTreeMap<u32, PathBuf>,
}

/// What a file holds, by its name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A key pair that signs access tokens.
    KeyPair,
    /// A shared secret that signs access tokens, and its key id.
    SharedSecret(String),
    /// The key that refresh tokens are made with.
    Refresh,
}

impl Kind {
    pub(super) fn file_name(&self, number: u32) -> String {
        match self {
            Self::KeyPair => format!("access-{number:04}.pem"),
            Self::SharedSecret(kid) => format!("access-{number:04}-{kid}.hs256"),
            Self::Refresh => format!("refresh-{number:04}.key"),
        }
    }

    /// The kind and the number in a file's name; `None` if it is no key file.
    pub(super) fn of(path: &Path) -> Option<(Self, u32)> {
        let name = path.file_name()?.to_str()?;
        let (kind, number) = if let Some(rest) = name.strip_prefix("refresh-") {
            (Self::Refresh, rest.strip_suffix(".key")?)
        } else {
            let rest = name.strip_prefix("access-")?;
            match rest.strip_suffix(".pem") {
                Some(number) => (Self::KeyPair, number),
                None => {
                    let (number, kid) = rest.strip_suffix(".hs256")?.split_once('-')?;
                    (Self::SharedSecret(kid.to_owned()), number)
                }
            }
        };
        let digits = number.len() >= 4 && number.bytes().all(|byte| byte.is_ascii_digit());
        Some((kind, number.parse().ok().filter(|_| digits)?))
    }
}

impl KeyFiles {
    /// Lists a directory. A file whose name does not begin like a key file's is skipped. One that begins so and is no key
    /// file is an error: a mistyped name would leave a key out in silence.
    pub(super) fn list(directory: &Path) -> Result<Self, KeysError> {
        let failed = KeysError::file(directory, "listed");
        let mut files = Self::default();
        let entries = match fs::read_dir(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(files),
            entries => entries.map_err(failed)?,
        };
        for entry in entries {
            let path = entry.map_err(failed)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if !name.starts_with("access-") && !name.starts_with("refresh-") {
                continue;
            }
            let Some((kind, number)) = Kind::of(&path) else {
                return Err(KeysError::Name { path });
            };
            let of_kind = if kind == Kind::Refresh {
                &mut files.refresh
            } else {
                &mut files.access
            };
            if let Some(first) = of_kind.insert(number, path.clone()) {
                return Err(KeysError::SameNumber { first, second: path });
            }
        }
        Ok(files)
    }

    pub(super) fn is_complete(&self) -> bool {
        !self.access.is_empty() && !self.refresh.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_name_parses_to_its_kind_and_number() {
        for kind in [Kind::KeyPair, Kind::SharedSecret("a-b_c".to_owned()), Kind::Refresh] {
            for number in [1, 42, 9_999, 10_000] {
                let name = kind.file_name(number);
                let (read, read_number) = Kind::of(Path::new(&name)).unwrap();
                assert_eq!((&read, read_number), (&kind, number), "{name}");
            }
        }
    }

    #[test]
    fn other_file_names_are_not_parsed_as_key_files() {
        for name in [
            "access-1.pem",
            "access-0001.pem.bak",
            "access-+001.pem",
            "access-0001.hs256",
            "refresh-0001.pem",
            ".lock",
        ] {
            assert_eq!(Kind::of(Path::new(name)), None, "{name}");
        }
    }
}
