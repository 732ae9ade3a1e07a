//! Password hashing: slow on purpose, a few at a time, on the blocking pool.
//!
//! Argon2id costs 19 MiB and 20 ms of a core by design. On an async thread it would stall every other request; without
//! a bound, a few clients could use up all memory. So a fixed number run at once on the blocking pool, each in a reused
//! buffer: with a new one for each hash, the allocator kept hundreds of MiB.
//!
//! A bounded number wait, in a fair order. For each client network, one login is in the common queue and its other
//! logins wait behind that one, so a flood from one address delays only that address. Sign-ups have their own queue
//! with the same rule, and use at most half of the places and half of the turns.
//!
//! Passwords are normalised before they are hashed. A hash from before that fits the password as it was typed, and is
//! replaced at that login.
//!
//! A login under an unknown name verifies a dummy hash, so that its reply takes as long as one for a known name.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

#[cfg(feature = "argon2")]
use argon2::{Algorithm, Argon2, Block, Params, Version};
#[cfg(feature = "argon2")]
use password_hash::phc::{self, Output, ParamsString, Salt};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
#[cfg(feature = "argon2")]
use unicode_normalization::UnicodeNormalization;

use crate::{
    config::{ConfigError, HashingSettings},
    password_verifier::{BuiltIn, PasswordVerifier},
    user::PasswordHash,
};

/// The most common passwords that satisfy the rule on the length, sorted.
const COMMON: &str = include_str!("common_passwords/list.txt");

/// A password, in the one spelling that is hashed. Prints as redacted.
#[derive(Debug, Clone)]
pub struct Password {
    normalized: SecretString,
    /// As it was typed, if that differs: a hash from before passwords were normalised fits only this.
    raw: Option<SecretString>,
}

/// The password breaks the rules for a new password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPassword {
    /// Too short or too long.
    #[error("must be 15 to 256 characters long")]
    Length,
    /// Among the first that an attacker tries.
    #[error("must not be one of the most common passwords")]
    Common,
}

impl Password {
    const SHORTEST: usize = 15;
    const LONGEST: usize = 256;

    /// Accepts any text: a login compares the password and does not check the rules.
    ///
    /// One character that can be written in several ways is one (NFKC): keyboards differ in what they send for `é` or for
    /// a full-width letter (NIST SP 800-63B-4, section 3.1.1.2).
    pub fn new(typed: impl Into<String>) -> Self {
        let typed = typed.into();
        #[cfg(feature = "argon2")]
        if !typed.is_ascii() {
            let normalized: String = typed.nfkc().collect();
            return Self {
                raw: (normalized != typed).then(|| SecretString::from(typed)),
                normalized: SecretString::from(normalized),
            };
        }
        Self {
            normalized: SecretString::from(typed),
            raw: None,
        }
    }

    /// Whether it may be set as a password. NIST SP 800-63B-4, section 3.1.1.2, and OWASP ASVS 5,
    /// 6.2.4 and 6.2.5: 15 characters, in code points, where a password is the only factor; no rules about which
    /// characters must appear; and a blocklist of the most common passwords, without regard to case.
    pub fn check_rules(&self) -> Result<(), InvalidPassword> {
        let password = self.normalized.expose_secret();
        let length = password.chars().count();
        if !(Self::SHORTEST..=Self::LONGEST).contains(&length) {
            return Err(InvalidPassword::Length);
        }
        let password = password.to_lowercase();
        match COMMON.lines().any(|common| common == password) {
            true => Err(InvalidPassword::Common),
            false => Ok(()),
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.normalized.expose_secret().as_bytes()
    }
}

/// Why a password was neither hashed nor compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HashingError {
    /// Too many passwords are being hashed; try again in a moment.
    #[error("too many passwords are being checked at once")]
    Overloaded,
    /// The stored hash cannot be read, or hashing failed or panicked. The cause is in the log; a retry does not help.
    #[error("hashing a password failed")]
    Failed,
}

/// Whether a password is the right one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PasswordCheck {
    Wrong,
    Fits,
    /// It fits, and the hash should be replaced: it is not argon2id, or that of a password that was not normalised.
    FitsOldHash,
    /// It fits a hash that is not argon2id and stays: bcrypt ignores what follows the 72nd byte, and the stored hash must
    /// not become stricter than the one that was checked.
    FitsLongOldHash,
}

/// Login or sign-up, and the network that the request comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller {
    pub(crate) signs_up: bool,
    pub(crate) network: Option<IpAddr>,
}

#[cfg(feature = "argon2")]
/// The semaphores of one network: a permit for each hash that runs or waits, one for the login that runs or is next,
/// and one for the sign-up that runs or is next. With one permit for both, logins would wait for the sign-ups of all
/// networks.
type Network = [Arc<Semaphore>; 3];

#[cfg(feature = "argon2")]
pub(crate) struct Passwords {
    params: Params,
    /// One permit for each hash that runs or waits.
    places: Arc<Semaphore>,
    /// One permit for each sign-up that runs or waits: half of the places.
    sign_up_places: Arc<Semaphore>,
    /// One permit for each hash that runs. It is fair: first come, first served.
    turns: Arc<Semaphore>,
    /// One permit for each sign-up that runs or is next.
    sign_ups: Arc<Semaphore>,
    networks: Mutex<HashMap<Option<IpAddr>, Network>>,
    places_of_a_network: usize,
    most: usize,
    buffers: Arc<Mutex<Vec<Vec<Block>>>>,
    nobodys: PasswordHash,
}

#[cfg(feature = "argon2")]
impl Passwords {
    pub(crate) fn new(settings: HashingSettings, salt: &[u8; 16]) -> Result<Self, ConfigError> {
        let HashingSettings { at_once, waiting, .. } = settings;
        let params =
            Params::new(settings.memory_kib, settings.iterations, 1, None).map_err(|_| ConfigError::Hashing)?;
        if at_once == 0 {
            return Err(ConfigError::Hashing);
        }
        let nobodys = hash(&params, b"nobody's password", salt, &mut Vec::new()).map_err(|_| ConfigError::Hashing)?;
        Ok(Self {
            params,
            places: Arc::new(Semaphore::new(at_once.saturating_add(waiting))),
            most: at_once.saturating_add(waiting),
            sign_up_places: Arc::new(Semaphore::new((at_once.saturating_add(waiting) / 2).max(1))),
            turns: Arc::new(Semaphore::new(at_once)),
            sign_ups: Arc::new(Semaphore::new(at_once.div_ceil(2))),
            networks: Mutex::default(),
            places_of_a_network: at_once.saturating_add((waiting / 16).max(waiting.min(32))),
            buffers: Arc::default(),
            nobodys,
        })
    }

    pub(crate) async fn hash(
        &self,
        password: &Password,
        salt: [u8; 16],
        caller: Caller,
    ) -> Result<PasswordHash, HashingError> {
        let (params, password) = (self.params.clone(), password.clone());
        self.in_turn(caller, move |buffer| hash(&params, password.bytes(), &salt, buffer))
            .await?
            .map_err(|error| {
                tracing::error!(%error, "hashing a password failed");
                HashingError::Failed
            })
    }

    /// Whether the password matches. Without an expected hash the same work is done on a dummy hash.
    pub(crate) async fn verify(
        &self,
        password: &Password,
        expected: Option<&PasswordHash>,
        other_forms: Option<Arc<dyn PasswordVerifier>>,
        caller: Caller,
    ) -> Result<PasswordCheck, HashingError> {
        let (kept, password) = (self.params.block_count(), password.clone());
        let known = expected.is_some();
        let expected = expected.unwrap_or(&self.nobodys).clone();
        let fits = self
            .in_turn(caller, move |buffer| {
                let (expected, other_forms) = (expected.expose_secret(), other_forms.as_deref());
                let with = |spelling, buffer: &mut _| check(spelling, expected, other_forms, buffer);
                let mut fits = with(password.bytes(), buffer);
                // Also for an unknown user, and only for a password that has two spellings: the time tells nothing more.
                if let (Ok(PasswordCheck::Wrong), Some(raw)) = (&fits, &password.raw) {
                    fits = with(raw.expose_secret().as_bytes(), buffer).map(|fits| match fits {
                        PasswordCheck::Fits => PasswordCheck::FitsOldHash,
                        other => other,
                    });
                }
                // A hash that was made with other settings may have needed more.
                buffer.truncate(kept);
                buffer.shrink_to_fit();
                fits
            })
            .await?;
        match fits {
            Ok(fits) => Ok(if known { fits } else { PasswordCheck::Wrong }),
            Err(error) => {
                tracing::error!(
                    %error,
                    "a stored password hash cannot be read; for one of bcrypt, scrypt or PBKDF2 enable the feature of that name of \
                     rescind-session"
                );
                Err(HashingError::Failed)
            }
        }
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        caller: Caller,
        work: impl FnOnce(&mut Vec<Block>) -> T + Send + 'static,
    ) -> Result<T, HashingError> {
        let permits = self.wait(caller).await.ok_or(HashingError::Overloaded)?;
        let buffers = Arc::clone(&self.buffers);
        tokio::task::spawn_blocking(move || {
            let lock = || buffers.lock().unwrap_or_else(PoisonError::into_inner);
            let mut buffer = lock().pop().unwrap_or_default();
            let done = work(&mut buffer);
            lock().push(buffer);
            // Held until the work is done: a client that hangs up frees no memory.
            drop(permits);
            done
        })
        .await
        .map_err(|error| {
            tracing::error!(%error, "hashing a password failed");
            HashingError::Failed
        })
    }

    /// How many passwords are hashed or wait for it.
    pub(crate) fn under_way(&self) -> usize {
        self.most.saturating_sub(self.places.available_permits())
    }

    /// Waits for a turn. Returns `None` if too many wait.
    async fn wait(&self, caller: Caller) -> Option<[Option<OwnedSemaphorePermit>; 6]> {
        let sign_up_place = caller
            .signs_up
            .then(|| Arc::clone(&self.sign_up_places).try_acquire_owned());
        let sign_up_place = sign_up_place.transpose().ok()?;
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let (own, [login, sign_up]) = self.place_of_network(caller.network)?;
        let next = if caller.signs_up { sign_up } else { login };
        let next = next.acquire_owned().await.ok()?;
        let sign_up = match caller.signs_up {
            true => Some(Arc::clone(&self.sign_ups).acquire_owned().await.ok()?),
            false => None,
        };
        let turn = Arc::clone(&self.turns).acquire_owned().await.ok()?;
        Some([Some(turn), sign_up, Some(next), Some(own), Some(place), sign_up_place])
    }

    /// A permit of that network, and the semaphores of its logins and its sign-ups. A network without a held permit is
    /// removed, so a permit is taken under the lock.
    fn place_of_network(&self, network: Option<IpAddr>) -> Option<(OwnedSemaphorePermit, [Arc<Semaphore>; 2])> {
        let mut networks = self.networks.lock().unwrap_or_else(PoisonError::into_inner);
        networks.retain(|_, [places, ..]| Arc::get_mut(places).is_none());
        let new = || [self.places_of_a_network, 1, 1].map(|permits| Arc::new(Semaphore::new(permits)));
        let [places, login, sign_up] = networks.entry(network).or_insert_with(new);
        let own = Arc::clone(places).try_acquire_owned().ok()?;
        Some((own, [Arc::clone(login), Arc::clone(sign_up)]))
    }
}

#[cfg(feature = "argon2")]
fn hash(
    params: &Params,
    password: &[u8],
    salt: &[u8; 16],
    buffer: &mut Vec<Block>,
) -> Result<PasswordHash, password_hash::Error> {
    let (algorithm, version) = (Algorithm::Argon2id, Version::V0x13);
    let argon2 = Argon2::new(algorithm, version, params.clone());
    let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
    argon2.hash_password_into_with_memory(password, salt, &mut output, blocks(buffer, params))?;
    let hash = phc::PasswordHash {
        algorithm: algorithm.ident(),
        version: Some(version.into()),
        params: ParamsString::try_from(params)?,
        salt: Some(Salt::new(salt)?),
        hash: Some(Output::new(&output)?),
    };
    Ok(PasswordHash::new(hash.to_string()))
}

#[cfg(feature = "argon2")]
/// Compares one spelling of a password with a hash of any known form.
fn check(
    password: &[u8],
    expected: &str,
    other_forms: Option<&dyn PasswordVerifier>,
    buffer: &mut Vec<Block>,
) -> Result<PasswordCheck, Box<dyn std::error::Error + Send + Sync>> {
    for verifier in other_forms.into_iter().chain([&BuiltIn as &dyn PasswordVerifier]) {
        if let Some(fits) = verifier.verify(password, expected) {
            return Ok(match fits? {
                false => PasswordCheck::Wrong,
                true if password.len() > 72 => PasswordCheck::FitsLongOldHash,
                true => PasswordCheck::FitsOldHash,
            });
        }
    }
    Ok(match verify(password, expected, buffer)? {
        true => PasswordCheck::Fits,
        false => PasswordCheck::Wrong,
    })
}

#[cfg(feature = "argon2")]
/// Hashes the password with the stored hash's parameters, and compares in constant time.
fn verify(password: &[u8], expected: &str, buffer: &mut Vec<Block>) -> Result<bool, password_hash::Error> {
    let expected = phc::PasswordHash::new(expected)?;
    let (Some(salt), Some(hash)) = (expected.salt, expected.hash) else {
        return Err(password_hash::Error::EncodingInvalid);
    };
    let params = Params::try_from(&expected)?;
    let version = expected.version.map(Version::try_from).transpose()?.unwrap_or_default();
    let argon2 = Argon2::new(
        Algorithm::try_from(expected.algorithm.as_str())?,
        version,
        params.clone(),
    );
    let mut output = [0; Output::MAX_LENGTH];
    let output = output.get_mut(..hash.len()).ok_or(password_hash::Error::OutputSize)?;
    argon2.hash_password_into_with_memory(password, &salt, output, blocks(buffer, &params))?;
    Ok(Output::new(output)? == hash)
}

#[cfg(feature = "argon2")]
fn blocks<'a>(buffer: &'a mut Vec<Block>, params: &Params) -> &'a mut [Block] {
    buffer.resize(params.block_count().max(buffer.len()), Block::new());
    buffer
}
