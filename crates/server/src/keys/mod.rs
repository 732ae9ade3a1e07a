//! The key files.
//!
//! | file | contents |
//! | --- | --- |
//! | `access-0001.pem` | a key pair that signs access tokens, PKCS#8 in PEM |
//! | `access-0001-<kid>.hs256` | a shared secret that signs access tokens, in base64url; its name contains its key id |
//! | `refresh-0001.key` | 32 bytes in base64url, which refresh tokens are made with |
//!
//! The database records from when on each key issues tokens, and nodes follow it while they run: see [`schedule`]. The numbers
//! only order the files of a database that has no records yet. A fifth refresh key is refused, since each is tried for every
//! refresh.
//!
//! **Nodes only read.** Several may share the directory, and it may be read-only. Commands add files, and delete those of keys
//! whose last token has expired; until then a node stops using such a key by itself.
//!
//! **Files, not the database**: a stolen database cannot mint tokens. The database stores a fingerprint of its keys, and a
//! program with other keys does not start: it would log everybody out, and on several nodes refuse half of the requests at
//! random. The commands that change keys record a new fingerprint. Files of keys that were ended do not count.
//!
//! **Made on the first start**, while holding a lock, so that two starts at once end with one ring. Rejected: making keys in
//! memory when there are none, which looks the same until the first restart.
//!
//! A key file that others can read stops the start, as it stops ssh: its reader can mint tokens for any user. So does a
//! directory that others can write to, since a file that they put there would be a key.

mod commands;
mod files;
mod reload;
mod schedule;

pub use commands::{KeyCommands, ListedKey, NewKey, Rotated};
pub use files::KeysError;
pub(crate) use reload::{Follower, record_lifetimes};
pub use schedule::KeyState;
pub(crate) use schedule::{Plan, add_unrecorded, due, is_ended};

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use rescind_session::{
    Keys,
    token::{Algorithm, KeyError, KeyRing, RefreshKey, RefreshKeys, RingFingerprint, SigningKey},
};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::private_files::{lock_directory, make_directory, open_regular, others_may, write_new};
use files::{KeyFiles, Kind, REFRESH};

/// A directory of keys.
#[derive(Clone)]
pub(crate) struct KeyDirectory(PathBuf);

/// One key of a directory.
#[derive(Clone)]
pub(crate) struct KeyFile {
    /// The `kid` of a signing key, the public name of a refresh key.
    pub(crate) id: String,
    key: Key,
    pub(crate) path: PathBuf,
}

#[derive(Clone)]
enum Key {
    Signing(Arc<SigningKey>),
    Refresh(RefreshKey),
}

impl KeyFile {
    pub(crate) fn is_refresh(&self) -> bool {
        matches!(self.key, Key::Refresh(_))
    }

    /// Its algorithm, as it is recorded in the database.
    pub(crate) fn algorithm(&self) -> &'static str {
        match &self.key {
            Key::Signing(key) => key.algorithm().as_str(),
            Key::Refresh(_) => REFRESH,
        }
    }
}

/// The keys of a directory. Of each kind the one with the highest number comes first.
#[derive(Clone)]
pub(crate) struct KeySet {
    directory: PathBuf,
    pub(crate) files: Vec<KeyFile>,
    /// Whether the signing key was made just now, so that no token that verifies was signed yet.
    pub(crate) is_new: bool,
}

impl KeySet {
    pub(crate) fn find(&self, id: &str) -> Option<&KeyFile> {
        self.files.iter().find(|file| file.id == id)
    }

    /// The keys with these two issuing, or any others in place of one that is not here; those that pass verify. Fails
    /// if there is no key of a kind, or if there are too many refresh keys.
    pub(crate) fn keys(&self, issuing: [&str; 2], verifies: impl Fn(&str) -> bool) -> Result<Keys, KeysError> {
        let missing = || KeysError::Missing {
            path: self.directory.clone(),
        };
        let (mut signing, mut refresh) = (Vec::new(), Vec::new());
        for file in &self.files {
            match &file.key {
                Key::Signing(key) => signing.push(key),
                Key::Refresh(key) => refresh.push((&file.id, key)),
            }
        }
        let active = signing.iter().find(|key| key.kid() == issuing[0]);
        let active = active.or(signing.first()).ok_or_else(missing)?;
        let mut ring = KeyRing::new(Arc::clone(active));
        for key in signing.iter().filter(|key| verifies(key.kid())) {
            ring = ring.with_retired(key.verifying_key());
        }
        if !verifies(active.kid()) {
            ring = ring.without(active.kid());
        }
        let place = refresh.iter().position(|(id, _)| *id == issuing[1]).unwrap_or(0);
        if refresh.is_empty() {
            return Err(missing());
        }
        let (_, active) = refresh.remove(place);
        let older = refresh.into_iter().filter(|(id, _)| verifies(id));
        let older = older.map(|(_, key)| key.clone()).collect();
        let refresh = RefreshKeys::new(active.clone(), older).map_err(|source| KeysError::RefreshRing {
            path: self.directory.clone(),
            source,
        })?;
        Ok(Keys { ring, refresh })
    }

    pub(crate) fn fingerprint(&self) -> Result<String, KeysError> {
        let keys = self.keys([""; 2], |_| true)?;
        Ok(RingFingerprint::of(&keys.ring, &keys.refresh).to_string())
    }
}

impl KeyDirectory {
    /// The directory at a path. It is made with the first key. Fails if others can write to it.
    pub(crate) fn open(path: &Path) -> Result<Self, KeysError> {
        let failed = KeysError::file(path, "opened");
        let mode = match fs::metadata(path) {
            Ok(metadata) => others_may(&metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(failed(error)),
        };
        if mode & 0o022 != 0 {
            return Err(KeysError::Writable {
                path: path.to_owned(),
                mode: 0o700 | mode,
            });
        }
        Ok(Self(path.to_owned()))
    }

    /// Reads the keys, and makes the missing ones: the signing key for `algorithm`, by default `EdDSA`.
    pub(crate) fn load_or_make(
        &self,
        algorithm: Option<Algorithm>,
        refresh_key: impl FnOnce() -> RefreshKey,
    ) -> Result<KeySet, KeysError> {
        // A complete directory is only read: it may be mounted read-only, and several nodes may share it.
        if self.files()?.is_complete() {
            return self.load();
        }
        let _lock = self.lock()?;
        let files = self.files()?;
        let is_new = files.access.is_empty();
        if is_new {
            self.write_access(1, algorithm.unwrap_or(Algorithm::EdDsa))?;
        }
        if files.refresh.is_empty() {
            self.write(&Kind::Refresh.file_name(1), &refresh_key().to_base64url())?;
        }
        Ok(KeySet { is_new, ..self.load()? })
    }

    /// Makes another signing key. The caller holds the [lock](Self::lock).
    pub(crate) fn add_access_key(&self, algorithm: Algorithm) -> Result<PathBuf, KeysError> {
        self.write_access(after(&self.files()?.access), algorithm)
    }

    /// Makes another refresh key. The caller holds the [lock](Self::lock).
    pub(crate) fn add_refresh_key(&self, key: &RefreshKey) -> Result<PathBuf, KeysError> {
        let name = Kind::Refresh.file_name(after(&self.files()?.refresh));
        self.write(&name, &key.to_base64url())
    }

    /// Makes a new signing key and deletes all others: no token signed before verifies any more. A directory without keys is
    /// left alone.
    pub(crate) fn replace_access_keys(&self, algorithm: Option<Algorithm>) -> Result<(), KeysError> {
        if self.files()?.access.is_empty() {
            return Ok(());
        }
        let _lock = self.lock()?;
        let old = self.files()?.access;
        let Some((_, path)) = old.last_key_value() else {
            return Ok(());
        };
        let algorithm = match algorithm {
            Some(algorithm) => algorithm,
            None => read_access(path)?.algorithm(),
        };
        self.write_access(after(&old), algorithm)?;
        old.into_values().try_for_each(|path| delete(&path))
    }

    /// Reads the keys that are there. Fails if there is no key of a kind, or if two files hold keys of one id.
    pub(crate) fn load(&self) -> Result<KeySet, KeysError> {
        let found = self.files()?;
        if !found.is_complete() {
            return Err(KeysError::Missing { path: self.0.clone() });
        }
        let mut files: Vec<KeyFile> = Vec::new();
        for path in found
            .access
            .into_values()
            .rev()
            .chain(found.refresh.into_values().rev())
        {
            let (id, key) = if matches!(Kind::of(&path), Some((Kind::Refresh, _))) {
                let key = read_refresh(&path)?;
                (key.id(), Key::Refresh(key))
            } else {
                let key = read_access(&path)?;
                (key.kid().to_owned(), Key::Signing(Arc::new(key)))
            };
            if let Some(first) = files.iter().find(|file| file.id == id) {
                return Err(KeysError::SameId {
                    first: first.path.clone(),
                    second: path,
                });
            }
            files.push(KeyFile { id, key, path });
        }
        Ok(KeySet {
            directory: self.0.clone(),
            files,
            is_new: false,
        })
    }

    fn files(&self) -> Result<KeyFiles, KeysError> {
        KeyFiles::list(&self.0)
    }

    /// Waits until no other process changes keys here.
    pub(crate) fn lock(&self) -> Result<fs::File, KeysError> {
        let locked = make_directory(&self.0).and_then(|()| lock_directory(&self.0));
        locked.map_err(KeysError::file(&self.0.join(".lock"), "locked"))
    }

    fn write_access(&self, number: u32, algorithm: Algorithm) -> Result<PathBuf, KeysError> {
        let key = SigningKey::generate(algorithm).map_err(KeysError::Make)?;
        let (name, text) = match (key.to_pkcs8_pem(), key.to_hs256_secret()) {
            (Some(pem), _) => (Kind::KeyPair.file_name(number), pem),
            (None, Some(secret)) => (Kind::SharedSecret(key.kid().to_owned()).file_name(number), secret),
            (None, None) => return Err(KeysError::Make(KeyError::Generate)),
        };
        self.write(&name, &text)
    }

    fn write(&self, name: &str, text: &SecretString) -> Result<PathBuf, KeysError> {
        let path = self.0.join(name);
        let contents = Zeroizing::new(format!("{}\n", text.expose_secret().trim_end()));
        write_new(&path, contents.as_bytes()).map_err(KeysError::file(&path, "written"))?;
        Ok(path)
    }
}

/// The next number of a key file.
fn after(files: &BTreeMap<u32, PathBuf>) -> u32 {
    files.keys().next_back().map_or(1, |newest| newest.saturating_add(1))
}

pub(crate) fn delete(path: &Path) -> Result<(), KeysError> {
    fs::remove_file(path).map_err(KeysError::file(path, "deleted"))
}

fn read_access(path: &Path) -> Result<SigningKey, KeysError> {
    let text = read_private(path)?;
    let key = match Kind::of(path) {
        Some((Kind::SharedSecret(kid), _)) => {
            let secret = BASE64_URL_SAFE_NO_PAD.decode(text.trim()).map(Zeroizing::new);
            let secret = secret.map_err(|_| KeysError::NotBase64Url { path: path.to_owned() })?;
            SigningKey::from_hs256_secret(&kid, &secret)
        }
        _ => SigningKey::from_pkcs8_pem(&text),
    };
    key.map_err(KeysError::no_key(path))
}

fn read_refresh(path: &Path) -> Result<RefreshKey, KeysError> {
    let text = read_private(path)?;
    RefreshKey::from_base64url(text.trim()).map_err(KeysError::no_key(path))
}

/// Reads a file, unless others can read it. The mode is that of the open file, so that the file cannot be swapped in between.
fn read_private(path: &Path) -> Result<Zeroizing<String>, KeysError> {
    let failed = KeysError::file(path, "read");
    let mut file = open_regular(path).map_err(failed)?;
    let mode = others_may(&file.metadata().map_err(failed)?);
    if mode != 0 {
        return Err(KeysError::Exposed {
            path: path.to_owned(),
            mode: 0o600 | mode,
        });
    }
    let mut text = Zeroizing::new(String::new());
    io::Read::read_to_string(&mut file, &mut text).map_err(failed)?;
    Ok(text)
}

#[cfg(test)]
mod tests;
