#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod algorithm;
mod claims;
mod client;
mod extra_claims;
mod fingerprint;
mod ids;
mod inspection;
mod json;
mod jws;
mod key_ring;
mod members;
mod parts;
mod refresh;
mod secret;
mod security_event;
mod signing_key;
mod status_list;
mod token_digest;
mod verify;
mod verify_error;
mod verifying_key;
mod verifying_keys;
mod weak;

/// Types of other crates in our signatures.
pub use jiff::Timestamp;
pub use rand_core::CryptoRng;
pub use secrecy::{ExposeSecret, SecretString};
pub use serde_json::{Map, Value};
pub use uuid::Uuid;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use claims::AccessClaims;
pub use client::{InvalidClient, RegisteredClient, sha256};
pub use extra_claims::{ExtraClaims, InvalidClaim};
pub use fingerprint::RingFingerprint;
pub use ids::{ClientId, Generation, InvalidUserId, Salt, SessionId, TokenId, UserId};
pub use inspection::{Inspection, TokenCheck, Verdict};
pub use jws::MAX_TOKEN_BYTES;
pub use key_ring::{KeyRing, SignError};
pub use parts::{PartsError, TokenParts};
pub use refresh::{GenuineRefreshToken, PresentedRefreshToken, RefreshKey, RefreshKeys, RefreshTokenError};
pub use secret::{AccessToken, ClientSecret, RefreshToken};
pub use security_event::{LogMark, RevokedSubject, SecurityEvent, SecurityEventToken, SessionRevoked};
pub use signing_key::SigningKey;
pub use status_list::{StatusList, StatusListToken};
pub use token_digest::TokenDigest;
#[doc(hidden)]
pub use verify::verify_signature_only;
pub use verify::{GenuineToken, Verifier};
pub use verify_error::VerifyError;
pub use verifying_key::{KeyError, VerifyingKey};
pub use verifying_keys::VerifyingKeys;
