//! The supported signature algorithms, and why there are so few.
//!
//! Each further algorithm is a further chance of confusion. These four are what services meet in practice: Ed25519 for
//! a new system, ES256 and RS256 for partners that can't verify it, HS256 for one service that both signs and verifies.
//! The choice belongs to the *key*: a token names a key, never an algorithm. If its header names one, it must be the
//! key's (RFC 8725 section 3.1).

use std::str::FromStr;

/// A signature algorithm of RFC 7518 or RFC 8037, by its JOSE name.
#[derive(Clone, Copy, Debug, derive_more::Display, PartialEq, Eq, Hash)]
#[display("{}", self.as_str())]
pub enum Algorithm {
    /// Ed25519 (RFC 8037): small, fast, no way to misuse its randomness. The default.
    EdDsa,
    /// ECDSA over P-256 with SHA-256 (RFC 7518 section 3.4).
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 section 3.3), at least 2048 bits.
    Rs256,
    /// HMAC with SHA-256 (RFC 7518 section 3.2). Who can verify can also sign, so the key is never published.
    Hs256,
}

impl Algorithm {
    /// The name in a token's header.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
            Self::Hs256 => "HS256",
        }
    }

    /// Whether verifying takes the secret itself, so that the key must not be published.
    pub const fn is_symmetric(self) -> bool {
        matches!(self, Self::Hs256)
    }

    pub(crate) const fn of_library(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::EdDsa => jsonwebtoken::Algorithm::EdDSA,
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
            Self::Rs256 => jsonwebtoken::Algorithm::RS256,
            Self::Hs256 => jsonwebtoken::Algorithm::HS256,
        }
    }
}

/// The name is not one of `EdDSA`, `ES256`, `RS256` and `HS256`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown algorithm: expected EdDSA, ES256, RS256 or HS256")]
pub struct UnknownAlgorithm;

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        [Self::EdDsa, Self::Es256, Self::Rs256, Self::Hs256]
            .into_iter()
            .find(|algorithm| algorithm.as_str() == name)
            .ok_or(UnknownAlgorithm)
    }
}
