//! Passwords: hashed slowly, a few at a time, and off the threads that answer requests.
//!
//! Argon2id costs about 20 MiB and 20 ms of a core by design. Run on an async thread it would stall every other request;
//! run without a bound, a handful of clients could take all memory. So a fixed number run at once on the blocking pool, a
//! bounded number wait, and whoever comes after that is told to try again.
//!
//! A login under an unknown name verifies a dummy hash, so that its reply takes as long as one for a known name.

use std::sync::Arc;

use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use crate::{config::ConfigError, user::PasswordHash};

/// A password as somebody typed it. Prints as redacted.
#[derive(Debug, Clone)]
pub struct Password(SecretString);

/// A password that is not fit to be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 15 to 256 characters long")]
pub struct InvalidPassword;

impl Password {
    const SHORTEST: usize = 15;
    const LONGEST: usize = 256;

    /// Takes what was typed, whatever it is: a login compares, it does not judge.
    pub fn new(typed: impl Into<String>) -> Self {
        Self(SecretString::from(typed.into()))
    }

    /// Whether it may become somebody's password. Only the length is checked, in code points: NIST SP 800-63B-4, section
    /// 3.1.1.2, asks for 15 where a password is the only factor, and for no rules about which characters must appear. The
    /// blocklist of common and leaked passwords that it also asks for is not here: an application has to bring one.
    ///
    /// # Errors
    /// [`InvalidPassword`] if it is too short or too long.
    pub fn fit_to_be_set(&self) -> Result<(), InvalidPassword> {
        let length = self.0.expose_secret().chars().count();
        if (Self::SHORTEST..=Self::LONGEST).contains(&length) {
            Ok(())
        } else {
            Err(InvalidPassword)
        }
    }

    fn bytes(&self) -> &[u8] {
        self.0.expose_secret().as_bytes()
    }
}

/// How passwords are hashed, and how many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashingSettings {
    /// Memory for one hash, in KiB.
    pub memory_kib: u32,
    /// Passes over that memory.
    pub iterations: u32,
    /// How many are hashed at the same time.
    pub at_once: usize,
    /// How many more may wait for their turn.
    pub waiting: usize,
}

impl Default for HashingSettings {
    /// OWASP's recommendation for argon2id: 19 MiB, two passes, one lane. Two at once, thirty-two waiting.
    fn default() -> Self {
        Self {
            memory_kib: 19 * 1024,
            iterations: 2,
            at_once: 2,
            waiting: 32,
        }
    }
}

/// Too many passwords are being hashed; try again in a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are being checked at once")]
pub struct Overloaded;

pub(crate) struct Passwords {
    argon2: Argon2<'static>,
    /// One permit for each hash that runs or waits.
    places: Arc<Semaphore>,
    /// One permit for each hash that runs.
    turns: Arc<Semaphore>,
    nobodys: PasswordHash,
}

impl Passwords {
    pub(crate) fn new(settings: HashingSettings, salt: &[u8; 16]) -> Result<Self, ConfigError> {
        let params =
            Params::new(settings.memory_kib, settings.iterations, 1, None).map_err(|_| ConfigError::Hashing)?;
        if settings.at_once == 0 {
            return Err(ConfigError::Hashing);
        }
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let nobodys = hash(&argon2, b"nobody's password", salt).ok_or(ConfigError::Hashing)?;
        Ok(Self {
            argon2,
            places: Arc::new(Semaphore::new(settings.at_once.saturating_add(settings.waiting))),
            turns: Arc::new(Semaphore::new(settings.at_once)),
            nobodys,
        })
    }

    pub(crate) async fn hash(&self, password: &Password, salt: [u8; 16]) -> Result<PasswordHash, Overloaded> {
        let (argon2, password) = (self.argon2.clone(), password.clone());
        self.in_turn(move || hash(&argon2, password.bytes(), &salt))
            .await?
            .ok_or(Overloaded)
    }

    /// Whether the password fits. Without a hash to fit, the same work is done for nothing.
    pub(crate) async fn verify(
        &self,
        password: &Password,
        expected: Option<&PasswordHash>,
    ) -> Result<bool, Overloaded> {
        let (argon2, password) = (self.argon2.clone(), password.clone());
        let known = expected.is_some();
        let expected = expected.unwrap_or(&self.nobodys).clone();
        let fits = self
            .in_turn(move || {
                let fits = argon2.verify_password(password.bytes(), expected.expose_secret());
                if let Err(error) = &fits
                    && !matches!(error, password_hash::Error::PasswordInvalid)
                {
                    tracing::error!(%error, "a stored password hash cannot be read");
                }
                fits.is_ok()
            })
            .await?;
        Ok(fits && known)
    }

    async fn in_turn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Overloaded> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Overloaded)?;
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| Overloaded)?;
        tokio::task::spawn_blocking(move || {
            let done = work();
            // Held until the work is done: a client that hangs up frees no memory.
            drop((place, turn));
            done
        })
        .await
        .map_err(|error| {
            tracing::error!(%error, "hashing a password failed");
            Overloaded
        })
    }
}

fn hash(argon2: &Argon2<'static>, password: &[u8], salt: &[u8; 16]) -> Option<PasswordHash> {
    argon2
        .hash_password_with_salt(password, salt)
        .ok()
        .map(|hash| PasswordHash::new(hash.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quick() -> HashingSettings {
        HashingSettings {
            memory_kib: 64,
            iterations: 1,
            ..HashingSettings::default()
        }
    }

    #[tokio::test]
    async fn a_password_fits_its_hash_and_no_other() {
        let passwords = Passwords::new(quick(), &[1; 16]).unwrap();
        let hash = passwords.hash(&Password::new("correct horse"), [2; 16]).await.unwrap();
        assert!(
            hash.expose_secret().starts_with("$argon2id$"),
            "{}",
            hash.expose_secret()
        );
        assert_eq!(
            passwords.verify(&Password::new("correct horse"), Some(&hash)).await,
            Ok(true)
        );
        assert_eq!(
            passwords.verify(&Password::new("correct house"), Some(&hash)).await,
            Ok(false)
        );
        assert_eq!(passwords.verify(&Password::new("correct horse"), None).await, Ok(false));
    }

    #[tokio::test]
    async fn nobodys_password_lets_nobody_in() {
        let passwords = Passwords::new(quick(), &[1; 16]).unwrap();
        assert_eq!(
            passwords.verify(&Password::new("nobody's password"), None).await,
            Ok(false)
        );
    }

    #[tokio::test]
    async fn a_full_queue_is_said_at_once_and_frees_itself() {
        let settings = HashingSettings {
            at_once: 1,
            waiting: 1,
            ..quick()
        };
        let passwords = Arc::new(Passwords::new(settings, &[1; 16]).unwrap());
        let (release, held) = std::sync::mpsc::channel::<()>();
        let holder = Arc::clone(&passwords);
        let running = tokio::spawn(async move { holder.in_turn(move || held.recv().is_ok()).await });
        let waiter = Arc::clone(&passwords);
        let waiting = tokio::spawn(async move { waiter.in_turn(|| true).await });
        while passwords.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(passwords.in_turn(|| true).await, Err(Overloaded));
        release.send(()).unwrap();
        assert_eq!(running.await.unwrap(), Ok(true));
        assert_eq!(waiting.await.unwrap(), Ok(true));
        assert_eq!(passwords.in_turn(|| true).await, Ok(true));
    }

    #[test]
    fn only_the_length_makes_a_password_fit_to_be_set() {
        for (length, fit) in [(0, false), (14, false), (15, true), (256, true), (257, false)] {
            // Two bytes each.
            assert_eq!(
                Password::new("ä".repeat(length)).fit_to_be_set().is_ok(),
                fit,
                "{length}"
            );
        }
    }
}
