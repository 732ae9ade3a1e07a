//! The keys that verify: all that a service needs which only checks tokens.
//!
//! A private key is not needed to check a signature, so a service that only checks has none that could be stolen from
//! it. It gets the public keys as a JWK set (RFC 7517 section 5), usually from `/.well-known/jwks.json` of the issuer.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{KeyError, VerifyingKey};

/// Keys that verify access tokens, none of which signs.
#[derive(Clone, Debug, Default)]
pub struct VerifyingKeys {
    keys: Vec<VerifyingKey>,
    version: u64,
}

impl VerifyingKeys {
    /// Reads a JWK set (RFC 7517 section 5).
    ///
    /// A key that cannot be used is skipped, as the RFC demands: of an unknown kind, weak, or meant for something else
    /// (`use`, `key_ops`, `alg`). So is a symmetric one, even a usable one: every reader of the document could sign
    /// with it. The set may be empty. Other members of the document are ignored.
    ///
    /// # Errors
    /// [`KeyError::Jwks`] if it is not a JSON object with a list `keys`.
    pub fn from_jwks(json: &str) -> Result<Self, KeyError> {
        #[derive(Deserialize)]
        struct Document {
            keys: Vec<Value>,
        }
        let document: Document = serde_json::from_str(json).map_err(|_| KeyError::Jwks)?;
        let keys = document.keys.iter().map(|jwk| VerifyingKey::from_jwk(&jwk.to_string()));
        let public = |key: &VerifyingKey| !key.algorithm().is_symmetric();
        Ok(keys.filter_map(Result::ok).filter(public).collect())
    }

    // ANCHOR: to_jwks
    /// The JWK set (RFC 7517 section 5). Symmetric keys are left out: they are never published.
    pub fn to_jwks(&self) -> Value {
        let keys: Vec<_> = self.iter().filter_map(VerifyingKey::to_jwk).collect();
        json!({ "keys": keys })
    }
    // ANCHOR_END: to_jwks

    /// The keys, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = &VerifyingKey> {
        self.keys.iter()
    }

    /// Differs between any two sets of this process that were made or changed separately; 0 for the empty one. What was
    /// verified under one version may not be true under another.
    pub fn version(&self) -> u64 {
        self.version
    }

    // ANCHOR: find
    /// The key that a token's `kid` names.
    pub fn find(&self, kid: &str) -> Option<&VerifyingKey> {
        self.iter().find(|key| key.kid() == kid)
    }
    // ANCHOR_END: find

    /// The key whose own access tokens have this header, in base64url.
    pub(crate) fn with_header(&self, header: &str) -> Option<&VerifyingKey> {
        self.iter().find(|key| key.header() == Some(header))
    }

    // ANCHOR: add
    /// Adds a key. The first key with a `kid` keeps it: another one with the same `kid` is not added.
    pub(crate) fn add(&mut self, key: VerifyingKey) {
        if self.find(key.kid()).is_none() {
            self.keys.push(key);
            self.version = next_version();
        }
    }
    // ANCHOR_END: add

    pub(crate) fn remove(&mut self, kid: &str) {
        self.keys.retain(|key| key.kid() != kid);
        self.version = next_version();
    }
}

fn next_version() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}

/// The first key with a `kid` keeps it.
impl FromIterator<VerifyingKey> for VerifyingKeys {
    fn from_iter<I: IntoIterator<Item = VerifyingKey>>(keys: I) -> Self {
        let mut all = Self::default();
        keys.into_iter().for_each(|key| all.add(key));
        all
    }
}
