//! A fingerprint of a node's keys, so that nodes can check that they hold the same ones.
//!
//! Nodes that share a database must share their keys, or each refuses the other's tokens, seemingly at random. So the
//! database holds a fingerprint of the keys, and a node whose own differs does not start. But a reader of the database
//! must learn nothing: with a plain hash an HS256 secret could be guessed offline. So the fingerprint is an HMAC. Its
//! key is derived from the refresh keys, which are 256 random bits each and not in the database: without them the
//! fingerprint can't be computed even for the right guess.

use std::fmt::{self, Display};

use aws_lc_rs::{digest, hmac};

use crate::{KeyRing, RefreshKeys};

const KEY_LABEL: &[u8] = b"rescind ring fingerprint key v1";
const LABEL: &[u8] = b"rescind ring fingerprint v1";

/// A fingerprint over all keys of a service. Neither the order of the keys nor which one is active changes it.
///
/// Public: it may be stored, compared and shown. `Display` writes 64 hexadecimal digits.
#[derive(Clone, Copy, derive_more::Debug, PartialEq, Eq, Hash)]
#[debug("RingFingerprint({self})")]
pub struct RingFingerprint([u8; 32]);

impl RingFingerprint {
    /// The fingerprint of these keys.
    pub fn of(ring: &KeyRing, refresh: &RefreshKeys) -> Self {
        let mut refresh_keys: Vec<_> = refresh.all().map(|key| key.as_bytes()).collect();
        refresh_keys.sort_unstable();
        refresh_keys.dedup();
        let mut key = digest::Context::new(&digest::SHA256);
        key.update(KEY_LABEL);
        for bytes in refresh_keys {
            key.update(bytes);
        }

        let mut signing_keys: Vec<_> = ring.iter().collect();
        signing_keys.sort_unstable_by_key(|key| key.kid());
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key.finish().as_ref()));
        context.update(LABEL);
        for key in signing_keys {
            let [first, second] = key.material();
            for part in [key.kid().as_bytes(), key.algorithm().as_str().as_bytes(), first, second] {
                // Lengths keep neighbours apart: "ab" + "c" is not "a" + "bc".
                context.update(&(part.len() as u64).to_be_bytes());
                context.update(part);
            }
        }

        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(context.sign().as_ref());
        Self(fingerprint)
    }
}

impl Display for RingFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
