//! The key files.
//!
//! | file | contents |
//! | --- | --- |
//! | `access-0001.pem` | a key pair that signs access tokens, PKCS#8 in PEM |
//! | `access-0001-<kid>.hs256` | a shared secret that signs access tokens, in base64url; its name contains its key id |
//! | `refresh-0001.key` | 32 bytes in base64url, which refresh tokens are made with |
//!
//! The active key of each kind has the highest number at the start; the others still verify. A fifth refresh key is refused, since each is
//! tried for every refresh. An old key may be deleted when the longest token that it made has expired.
//!
//! **Files, not the database**: a stolen database cannot mint tokens. The database stores a fingerprint of its keys, and a
//! program with other keys does not start: it would log everybody out, and on several nodes refuse half of the requests at
//! random. `rescind keys rotate` and `rescind keys adopt` record a new fingerprint.
//!
//! **Made on the first start**, while holding a lock, so that two starts at once end with one ring. Rejected: making keys in
//! memory when there are none, which looks the same until the first restart.
//!
//! A key file that others can read stops the start, as it stops ssh: its reader can mint tokens for any user. So does a
//! directory that others can write to, since a file that they put there would be a key.

mod files;
mod reload;

pub(crate) use files::KeysError;
pub(crate) use reload::follow;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use rescind_session::{
    Keys,
    token::{Algorithm, KeyError, KeyRing, RefreshKey, RefreshKeys, RingFingerprint, SigningKey},
};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::private_files::{lock_directory, make_directory, open_regular, others_may, write_new};
use files::{KeyFiles, Kind};

/// A directory of keys.
pub(crate) struct KeyDirectory(PathBuf);

/// The keys of a directory.
pub(crate) struct Ring {
    pub(crate) keys: Keys,
    pub(crate) fingerprint: RingFingerprint,
    /// The file of the active signing key, for messages.
    pub(crate) active: PathBuf,
    /// Whether the signing key was made just now, so that no token that verifies was signed yet.
    pub(crate) is_new: bool,
}

impl KeyDirectory {
    /// The directory at a path. It is made with the first key.
    ///
    /// # Errors
    /// [`KeysError`], also if others can write to it.
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
    ///
    /// # Errors
    /// [`KeysError`].
    pub(crate) fn load_or_make(
        &self,
        algorithm: Option<Algorithm>,
        refresh_key: impl FnOnce() -> RefreshKey,
    ) -> Result<Ring, KeysError> {
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
        Ok(Ring { is_new, ..self.load()? })
    }

    /// Makes a new signing key, which is the active one from the next start on.
    ///
    /// # Errors
    /// [`KeysError`].
    pub(crate) fn add_access_key(&self, algorithm: Algorithm) -> Result<PathBuf, KeysError> {
        let _lock = self.lock()?;
        let number = self
            .files()?
            .access
            .keys()
            .next_back()
            .map_or(1, |newest| newest.saturating_add(1));
        self.write_access(number, algorithm)
    }

    /// Makes a new signing key and deletes all others: no token signed before verifies any more. A directory without keys is
    /// left alone.
    ///
    /// # Errors
    /// [`KeysError`].
    pub(crate) fn replace_access_keys(&self, algorithm: Option<Algorithm>) -> Result<(), KeysError> {
        if self.files()?.access.is_empty() {
            return Ok(());
        }
        let _lock = self.lock()?;
        let old = self.files()?.access;
        let Some((newest, path)) = old.last_key_value() else {
            return Ok(());
        };
        let algorithm = match algorithm {
            Some(algorithm) => algorithm,
            None => read_access(path)?.algorithm(),
        };
        self.write_access(newest.saturating_add(1), algorithm)?;
        for path in old.into_values() {
            fs::remove_file(&path).map_err(KeysError::file(&path, "deleted"))?;
        }
        Ok(())
    }

    /// Reads the keys that are there. The newest of each kind is the active one.
    pub(crate) fn load(&self) -> Result<Ring, KeysError> {
        self.load_active(|_| false)
    }

    /// The same, but those that are active in `current` still are if they are there.
    fn load_beside(&self, current: &Keys) -> Result<Ring, KeysError> {
        let mut ring = self.load_active(|kid| kid == current.ring.active().kid())?;
        ring.keys.refresh = ring.keys.refresh.issuing_as(&current.refresh);
        Ok(ring)
    }

    fn load_active(&self, is_active: impl Fn(&str) -> bool) -> Result<Ring, KeysError> {
        let files = self.files()?;
        let missing = || KeysError::Missing { path: self.0.clone() };
        let newest_first = files.access.into_values().rev();
        let mut access: Vec<_> = newest_first
            .map(|path| Ok((read_access(&path)?, path)))
            .collect::<Result<_, KeysError>>()?;
        if access.is_empty() {
            return Err(missing());
        }
        let place = access.iter().position(|(key, _)| is_active(key.kid())).unwrap_or(0);
        let (key, active) = access.remove(place);
        let retired = access.iter().map(|(key, _)| key.verifying_key());
        let ring = retired.fold(KeyRing::new(key), KeyRing::with_retired);
        let mut refresh = files.refresh.into_values().rev().map(|path| read_refresh(&path));
        let newest = refresh.next().ok_or_else(missing)??;
        let refresh =
            RefreshKeys::new(newest, refresh.collect::<Result<_, _>>()?).map_err(|source| KeysError::RefreshRing {
                path: self.0.clone(),
                source,
            })?;
        Ok(Ring {
            fingerprint: RingFingerprint::of(&ring, &refresh),
            keys: Keys { ring, refresh },
            active,
            is_new: false,
        })
    }

    fn files(&self) -> Result<KeyFiles, KeysError> {
        KeyFiles::list(&self.0)
    }

    /// Waits until no other process makes keys here.
    fn lock(&self) -> Result<fs::File, KeysError> {
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
