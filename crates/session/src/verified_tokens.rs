//! A cache of verified tokens: the signature of a token is verified once, not on each request.
//!
//! **What it saves** is what never changes: that a key of this ring signed this text, and what the text says. Times, issuer
//! and audience are checked here on every use, the issue floor and the revocation by the caller.
//!
//! - **The name of an entry** is the SHA-256 of the whole token and the version of the keys ([`TokenDigest`]). So no other
//!   signature and no other claims match an entry, and with a key its entries become unreachable.
//! - **It is filled only after full success.** A forged or an expired token leaves no trace, so a flood of them displaces
//!   no entry.
//! - **It is bounded.** An entry is about 700 bytes, a text of 600 bytes not among them.
//!
//! A read of `quick_cache` takes a shared lock of one of its parts and allocates nothing, and a token that is used once does
//! not displace one that is used often. Rejected: `moka`, which queues each read for later bookkeeping and brings a dozen
//! crates; an own map with a queue, which would be ours to test.

use std::sync::Arc;

use jiff::Timestamp;
#[cfg(feature = "token-cache")]
use quick_cache::sync::Cache;
use rescind_token::{AccessClaims, GenuineToken, MAX_TOKEN_BYTES, TokenDigest, Verifier, VerifyError, VerifyingKeys};

/// What stands in the cache's place without the feature: it is never made.
#[cfg(not(feature = "token-cache"))]
struct Cache<K, V>(std::marker::PhantomData<(K, V)>);

#[cfg(not(feature = "token-cache"))]
impl<K, V> Cache<K, V> {
    fn new(_: usize) -> Self {
        Self(std::marker::PhantomData)
    }
    fn get(&self, _: &K) -> Option<V> {
        None
    }
    fn insert(&self, _: K, _: V) {}
    fn remove(&self, _: &K) {}
    fn retain(&self, _: impl Fn(&K, &V) -> bool) {}
    fn hits(&self) -> u64 {
        0
    }
    fn misses(&self) -> u64 {
        0
    }
    fn len(&self) -> usize {
        0
    }
    fn capacity(&self) -> u64 {
        0
    }
}

/// Verifies tokens, and remembers those that were accepted. `Debug` prints no claims.
#[derive(derive_more::Debug)]
#[debug("{:?}", self.stats())]
pub struct VerifiedTokens(Option<Cache<TokenDigest, GenuineToken>>);

/// How a cache of verified tokens was used since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenCacheStats {
    /// Tokens whose signature had been verified before.
    pub hits: u64,
    /// Tokens whose signature had to be verified, forged ones included.
    pub misses: u64,
    /// Tokens that are kept now.
    pub entries: u64,
    /// Tokens that are kept at most.
    pub capacity: u64,
}

impl VerifiedTokens {
    /// The usual number of entries. With 10,000 tokens in use a cache of 10,000 misses 1.4 % of all requests, since its parts
    /// fill unevenly; from 11,000 on it misses none.
    pub const USUAL: usize = 20_000;

    /// Keeps at most about that many tokens; 0, or without the feature `token-cache`: none.
    pub fn new(entries: usize) -> Self {
        let wanted = cfg!(feature = "token-cache") && entries > 0;
        Self(wanted.then(|| Cache::new(entries)))
    }

    /// As [`Verifier::verify`]: all checks of a token except its revocation.
    ///
    /// # Errors
    /// As [`Verifier::verify`].
    pub fn verify(
        &self,
        verifier: &Verifier,
        keys: &VerifyingKeys,
        token: &str,
        now: Timestamp,
    ) -> Result<Arc<AccessClaims>, VerifyError> {
        // A text that is too long for a token is not worth a hash.
        let Some(cache) = self.0.as_ref().filter(|_| token.len() <= MAX_TOKEN_BYTES) else {
            return verifier.verify(keys, token, now).map(Arc::new);
        };
        let digest = TokenDigest::of(keys, token);
        if let Some(known) = cache.get(&digest) {
            return match verifier.check_now(&known, now) {
                Ok(()) => Ok(known.into_claims()),
                Err(error) => {
                    cache.remove(&digest);
                    Err(error)
                }
            };
        }
        let genuine = verifier.check_genuine(keys, token)?;
        verifier.check_now(&genuine, now)?;
        cache.insert(digest, genuine.clone());
        Ok(genuine.into_claims())
    }

    /// Frees the memory of entries under other versions of the keys, which no token can reach any more.
    pub fn keep_only(&self, versions: &[u64]) {
        if let Some(cache) = &self.0 {
            cache.retain(|digest, _| versions.contains(&digest.keys()));
        }
    }

    /// How it was used.
    pub fn stats(&self) -> TokenCacheStats {
        let Some(cache) = &self.0 else {
            return TokenCacheStats::default();
        };
        TokenCacheStats {
            hits: cache.hits(),
            misses: cache.misses(),
            entries: cache.len() as u64,
            capacity: cache.capacity(),
        }
    }
}
