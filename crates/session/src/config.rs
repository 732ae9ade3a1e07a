//! Settings, keys and ports of a [`SessionService`](crate::SessionService).

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use rescind_token::{Algorithm, CryptoRng, KeyError, KeyRing, RefreshKey, RefreshKeys, SigningKey};

use crate::{
    clock::Clock,
    policy::{Policy, PolicyError},
    ports::{Blacklist, SessionStore, UserStore},
    revocation::MARGIN,
    user::{InvalidUsername, Username},
    verified_tokens::VerifiedTokens,
};

/// The service's settings.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// The `iss` of every token: the public URL.
    pub issuer: String,
    /// The `aud` of every token: the API that accepts it.
    pub audience: String,
    /// The policy in force.
    pub policy: Policy,
    /// How long past its `exp` a token is still accepted, for verifiers whose clocks differ. At most [`MARGIN`].
    pub leeway: Duration,
    /// How long a request waits at most for all its stores together; then it fails closed. If a request calls the
    /// service more than once, see [`SessionService::for_request`](crate::SessionService::for_request).
    pub store_timeout: Duration,
    /// How passwords are hashed.
    pub hashing: HashingSettings,
    /// How many open sessions one user may have; a login beyond that ends the oldest. Demo accounts are exempt.
    pub sessions_per_user: Option<NonZeroUsize>,
    /// Whether demo accounts, whose password is public, may log in.
    pub demo_accounts: DemoAccounts,
    /// How many verified access tokens are [remembered](crate::VerifiedTokens) at most, at about 700 bytes each; 0: none. A
    /// remembered one is checked without verifying its signature again; times and revocation are checked on every request.
    pub token_cache: usize,
    /// The address of the [status lists](crate::status_list), without the number at its end. None by default: then access
    /// tokens name no list.
    pub status_list: Option<String>,
    /// How a name that a user typed is normalised: [`Username::parse`] by default.
    #[cfg(feature = "argon2")]
    pub username: fn(&str) -> Result<Username, InvalidUsername>,
}

impl Config {
    /// The longest [`store_timeout`](Self::store_timeout).
    pub const LONGEST_STORE_TIMEOUT: Duration = Duration::from_secs(60 * 60);

    /// Settings for an issuer and an audience, otherwise the defaults.
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            audience: audience.into(),
            policy: Policy::default(),
            leeway: Duration::ZERO,
            store_timeout: Duration::from_millis(500),
            hashing: HashingSettings::default(),
            sessions_per_user: NonZeroUsize::new(100),
            demo_accounts: DemoAccounts::Refused,
            token_cache: VerifiedTokens::USUAL,
            status_list: None,
            #[cfg(feature = "argon2")]
            username: Username::parse,
        }
    }

    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        self.policy.validate()?;
        if self.issuer.is_empty() || self.audience.is_empty() {
            return Err(ConfigError::EmptyName);
        }
        if self.leeway > MARGIN {
            return Err(ConfigError::Leeway);
        }
        if self.store_timeout.is_zero() || self.store_timeout > Self::LONGEST_STORE_TIMEOUT {
            return Err(ConfigError::StoreTimeout);
        }
        if self.status_list.is_some() && !self.policy.keeps_sessions() {
            return Err(ConfigError::StatusListWithoutSessions);
        }
        Ok(())
    }
}

crate::__setters!(Config {
    policy: Policy,
    leeway: Duration,
    store_timeout: Duration,
    hashing: HashingSettings,
    sessions_per_user: Option<NonZeroUsize>,
    demo_accounts: DemoAccounts,
    token_cache: usize,
    status_list: Option<String>,
});

#[cfg(feature = "argon2")]
crate::__setters!(Config {
    username: fn(&str) -> Result<Username, InvalidUsername>,
});

/// How passwords are hashed, and how many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct HashingSettings {
    /// Memory for one hash, in KiB.
    pub memory_kib: u32,
    /// Passes over that memory.
    pub iterations: u32,
    /// How many passwords are hashed at the same time.
    pub at_once: usize,
    /// How many more may wait in total; one network may use only a part of these places.
    pub waiting: usize,
}

impl Default for HashingSettings {
    /// OWASP's recommendation for argon2id: 19 MiB, two passes, one lane. Two at once, 1,024 waiting.
    fn default() -> Self {
        Self {
            memory_kib: 19 * 1024,
            iterations: 2,
            at_once: 2,
            waiting: 1_024,
        }
    }
}

crate::__setters!(HashingSettings {
    memory_kib: u32,
    iterations: u32,
    at_once: usize,
    waiting: usize,
});

/// Whether demo accounts, whose password is public, may log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DemoAccounts {
    /// They log in like other users.
    Allowed,
    /// Their logins are refused like a wrong password.
    Refused,
}

/// The service's keys. [`SessionService::replace_keys`](crate::SessionService::replace_keys) changes them while it runs.
#[derive(Debug)]
pub struct Keys {
    /// The keys that sign and verify access tokens.
    pub ring: KeyRing,
    /// The keys that authenticate refresh tokens.
    pub refresh: RefreshKeys,
}

impl Keys {
    /// New keys for EdDSA, to try things out: without the same keys after a restart, every token is refused.
    ///
    /// # Errors
    /// The key cannot be generated.
    pub fn generate(rng: &mut dyn CryptoRng) -> Result<Self, KeyError> {
        Ok(Self {
            ring: KeyRing::new(SigningKey::generate(Algorithm::EdDsa)?),
            refresh: RefreshKeys::new(RefreshKey::generate(rng), Vec::new())?,
        })
    }
}

/// The adapters that the service uses.
#[derive(Clone)]
pub struct Ports {
    /// Who can log in.
    pub users: Arc<dyn UserStore>,
    /// Sessions, and the revocation log.
    pub sessions: Arc<dyn SessionStore>,
    /// The fast copy of the revocation log.
    pub blacklist: Arc<dyn Blacklist>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
}

impl Ports {
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        if self.sessions.is_shared() && !self.blacklist.covers_all_nodes() {
            return Err(ConfigError::Blacklist);
        }
        Ok(())
    }
}

/// Settings that contradict themselves; each message names the setting and what it must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The policy is wrong.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The issuer or the audience is empty, so tokens of other services could fit.
    #[error("the issuer and the audience must not be empty")]
    EmptyName,
    /// The leeway is longer than revocations are kept after their tokens expire, so a revoked token could be accepted
    /// again.
    #[error("the leeway must be at most 5 minutes")]
    Leeway,
    /// A store needs some time to answer, and a deadline too far away cannot be computed.
    #[error("the store timeout must be more than 0 and at most 1 h")]
    StoreTimeout,
    /// Without rows no session has a place in a list.
    #[error("status lists need a policy that keeps sessions")]
    StatusListWithoutSessions,
    /// Others could not verify the lists.
    #[error("status lists need a signing key with a public half, not HS256")]
    StatusListWithSharedSecret,
    /// Argon2 rejects these parameters.
    #[error("the password hashing settings are out of argon2's range")]
    Hashing,
    /// Other nodes may write to the revocation log, and their logouts may be missing in the blacklist: see
    /// [`Blacklist::covers_all_nodes`].
    #[error(
        "the blacklist may lack logouts of other nodes on this database: it needs the database lock (`rescind_store::Stores` \
         opens both with it)"
    )]
    Blacklist,
}
