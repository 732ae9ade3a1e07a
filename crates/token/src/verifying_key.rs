//! The half of a key that verifies, and its public form, the JWK (RFC 7517).
//!
//! **A key is parsed once**, when it is read, by aws-lc, which also verifies with it. `jsonwebtoken` would parse it for
//! each signature. It also reaches its cryptography through one provider for the whole process and guesses it from its
//! crate features. Where another crate of the same program enables the other backend, the guess panics at the first
//! token. So this crate takes only the forms of keys from it and calls nothing that guesses: not `encode`, not
//! `decode`, and for thumbprints not `Jwk::thumbprint` either.

use std::sync::Arc;

use aws_lc_rs::{
    digest, hmac,
    signature::{
        ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
        UnparsedPublicKey,
    },
};
use jsonwebtoken::{
    DecodingKey, DecodingKeyKind,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse},
};

use crate::{
    Algorithm,
    jws::{self, TOKEN_TYPE},
    weak::{ed25519_fault, rsa_fault, without_leading_zeros},
};

/// The smallest RSA modulus that is accepted, in bits (RFC 7518 section 3.3).
const MIN_RSA_BITS: usize = 2048;
/// The smallest HMAC secret that is accepted, in bytes: the size of the hash (RFC 7518 section 3.2).
const MIN_SECRET_BYTES: usize = 32;

/// Why a key was refused. No variant holds or prints any part of the key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Not a PEM file with one PKCS#8 private key.
    #[error("not a PKCS#8 private key in PEM form (\"-----BEGIN PRIVATE KEY-----\")")]
    Pem,
    /// A private key, but of no kind that [`Algorithm`] names; a short RSA key counts as none.
    #[error("unsupported key: expected Ed25519, P-256, or RSA of 2048 to 8192 bits")]
    Unsupported,
    /// A public RSA key that is too easy to break.
    #[error("an RSA key of {bits} bits: at least {MIN_RSA_BITS} are needed")]
    RsaTooShort {
        /// The size of the modulus.
        bits: usize,
    },
    /// A public key that does not protect: anybody can sign for it or compute its private half.
    #[error("a weak key: {0}")]
    Weak(&'static str),
    /// An HMAC secret that can be guessed from one token.
    #[error("an HMAC secret of {bytes} bytes: at least {MIN_SECRET_BYTES} are needed")]
    SecretTooShort {
        /// The size of the secret.
        bytes: usize,
    },
    /// A symmetric key without a name. A thumbprint can't serve as one, because it would be published.
    #[error("a symmetric key needs a key id of its own")]
    MissingKeyId,
    /// Not a JWK, or one whose numbers do not form a key.
    #[error("not a valid JWK")]
    Jwk,
    /// Not a JWK set.
    #[error("not a JWK set: a JSON object with a list `keys`")]
    Jwks,
    /// A JWK whose `use`, `key_ops` or `alg` forbids verifying signatures of this kind.
    #[error("this JWK is not meant for verifying: its `{0}` forbids it")]
    JwkForbidsVerification(&'static str),
    /// A refresh key that is not 32 bytes in base64url.
    #[error("a refresh key is 32 bytes in base64url without padding")]
    RefreshKey,
    /// More refresh keys than the limit.
    #[error("{given} refresh keys: at most {most} are tried")]
    TooManyRefreshKeys {
        /// How many there were.
        given: usize,
        /// How many there may be.
        most: usize,
    },
    /// The cryptographic library could not make a key.
    #[error("could not generate a key")]
    Generate,
}

/// A key that verifies access tokens: public, except for HS256.
///
/// `Debug` shows its name and algorithm only.
#[derive(Clone, derive_more::Debug)]
#[debug("VerifyingKey({kid}, {algorithm})")]
pub struct VerifyingKey {
    kid: String,
    algorithm: Algorithm,
    key: DecodingKey,
    parsed: Arc<Parsed>,
    header: Option<Arc<str>>,
}

/// A key as aws-lc uses it.
enum Parsed {
    Public(ParsedPublicKey),
    Secret(Box<hmac::Key>),
}

impl VerifyingKey {
    /// Reads a public key in JWK form (RFC 7517), or a symmetric one.
    ///
    /// Its name is its `kid`; without one, its RFC 7638 thumbprint. Its algorithm follows from the kind of key; `alg`
    /// may be left out but must match. A private part is ignored.
    ///
    /// # Errors
    /// [`KeyError::JwkForbidsVerification`] if `use` is not `sig`, `key_ops` lacks `verify` or `alg` is another's;
    /// [`KeyError::SecretTooShort`], [`KeyError::RsaTooShort`], [`KeyError::Weak`]; [`KeyError::MissingKeyId`]
    /// (symmetric only);
    /// [`KeyError::Jwk`] for any other key that is not supported.
    pub fn from_jwk(json: &str) -> Result<Self, KeyError> {
        let jwk: Jwk = serde_json::from_str(json).map_err(|_| KeyError::Jwk)?;
        let algorithm = algorithm_of(&jwk)?;
        if !matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature)) {
            return Err(KeyError::JwkForbidsVerification("use"));
        }
        if jwk
            .common
            .key_operations
            .as_ref()
            .is_some_and(|ops| !ops.contains(&KeyOperations::Verify))
        {
            return Err(KeyError::JwkForbidsVerification("key_ops"));
        }
        if jwk
            .common
            .key_algorithm
            .is_some_and(|named| named != KeyAlgorithm::from(algorithm.of_library()))
        {
            return Err(KeyError::JwkForbidsVerification("alg"));
        }

        let key = DecodingKey::from_jwk(&jwk).map_err(|_| KeyError::Jwk)?;
        match jwk.common.key_id {
            Some(kid) if !kid.is_empty() => Self::new(kid, algorithm, key),
            _ => Self::named_by_thumbprint(algorithm, key),
        }
    }

    /// A key under a given name.
    pub(crate) fn new(kid: String, algorithm: Algorithm, key: DecodingKey) -> Result<Self, KeyError> {
        let parsed = Arc::new(parse(algorithm, &key)?);
        Ok(Self {
            header: jws::header(algorithm, &kid, TOKEN_TYPE).map(Arc::from),
            kid,
            algorithm,
            key,
            parsed,
        })
    }

    /// An asymmetric key under its RFC 7638 thumbprint. Every node computes the same name from the key.
    pub(crate) fn named_by_thumbprint(algorithm: Algorithm, key: DecodingKey) -> Result<Self, KeyError> {
        let kid = thumbprint(algorithm, &key)?;
        Self::new(kid, algorithm, key)
    }

    /// The name by which a token's header refers to this key.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The one algorithm that this key verifies.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The header of the access tokens that this key's ring signs, in base64url.
    pub(crate) fn header(&self) -> Option<&str> {
        self.header.as_deref()
    }

    /// The public form, for a JWK set; `None` for a symmetric key, which is never published.
    pub fn to_jwk(&self) -> Option<serde_json::Value> {
        if self.algorithm.is_symmetric() {
            return None;
        }
        let mut jwk = Jwk::from_decoding_key(&self.key, Some(self.algorithm.of_library())).ok()?;
        jwk.common.key_id = Some(self.kid.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        serde_json::to_value(jwk).ok()
    }

    /// Whether `signature`, in base64url, is this key's signature of `message`. Hidden: an application verifies tokens,
    /// and the tests with public vectors verify messages that are none.
    #[doc(hidden)]
    pub fn verifies(&self, message: &[u8], signature: &str) -> bool {
        let Some(signature) = jws::decode(signature) else {
            return false;
        };
        match &*self.parsed {
            Parsed::Public(key) => key.verify_sig(message, &signature).is_ok(),
            Parsed::Secret(key) => hmac::verify(key, message, &signature).is_ok(),
        }
    }

    /// The bytes that identify this key, for a fingerprint; the secret itself if the key is symmetric.
    pub(crate) fn material(&self) -> [&[u8]; 2] {
        match self.key.kind() {
            DecodingKeyKind::SecretOrDer(bytes) => [bytes, &[]],
            DecodingKeyKind::RsaModulusExponent { n, e } => [n, e],
        }
    }
}

fn algorithm_of(jwk: &Jwk) -> Result<Algorithm, KeyError> {
    match &jwk.algorithm {
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => Ok(Algorithm::EdDsa),
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => Ok(Algorithm::Es256),
        AlgorithmParameters::RSA(_) => Ok(Algorithm::Rs256),
        AlgorithmParameters::OctetKey(_) => Ok(Algorithm::Hs256),
        _ => Err(KeyError::Jwk),
    }
}

/// Refuses a key that is too short, weak, or of another kind: better at start than at the first token. Every key is
/// checked here, also the public half of one that signs. The library does not check whether an Ed25519 point is on the
/// curve. A point that is not verifies no signature.
fn parse(algorithm: Algorithm, key: &DecodingKey) -> Result<Parsed, KeyError> {
    let parsed = match (algorithm, key.kind()) {
        (Algorithm::EdDsa, DecodingKeyKind::SecretOrDer(bytes)) => {
            if let Some(fault) = ed25519_fault(bytes) {
                return Err(KeyError::Weak(fault));
            }
            UnparsedPublicKey::new(&ED25519, bytes).parse()
        }
        (Algorithm::Es256, DecodingKeyKind::SecretOrDer(bytes)) if bytes.len() == 65 => {
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, bytes).parse()
        }
        (Algorithm::Rs256, DecodingKeyKind::RsaModulusExponent { n, e }) => {
            let n = without_leading_zeros(n);
            let bits = n.len() * 8 - n.first().map_or(0, |byte| byte.leading_zeros() as usize);
            if bits < MIN_RSA_BITS {
                return Err(KeyError::RsaTooShort { bits });
            }
            if let Some(fault) = rsa_fault(n, e) {
                return Err(KeyError::Weak(fault));
            }
            RsaPublicKeyComponents { n, e }.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
        }
        (Algorithm::Hs256, DecodingKeyKind::SecretOrDer(bytes)) => {
            if bytes.len() < MIN_SECRET_BYTES {
                return Err(KeyError::SecretTooShort { bytes: bytes.len() });
            }
            return Ok(Parsed::Secret(Box::new(hmac::Key::new(hmac::HMAC_SHA256, bytes))));
        }
        _ => return Err(KeyError::Jwk),
    };
    parsed.map(Parsed::Public).map_err(|_| KeyError::Jwk)
}

/// RFC 7638: SHA-256 over the required members in lexicographic order without white space.
///
/// A symmetric key has none on purpose: its thumbprint would be a hash of the secret, published with every token.
fn thumbprint(algorithm: Algorithm, key: &DecodingKey) -> Result<String, KeyError> {
    if algorithm.is_symmetric() {
        return Err(KeyError::MissingKeyId);
    }
    let jwk = Jwk::from_decoding_key(key, None).map_err(|_| KeyError::Jwk)?;
    // Nothing needs escaping: the library wrote these numbers in base64url.
    let members = match &jwk.algorithm {
        AlgorithmParameters::OctetKeyPair(key) => {
            format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, key.x)
        }
        AlgorithmParameters::EllipticCurve(key) => {
            format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#, key.x, key.y)
        }
        AlgorithmParameters::RSA(key) => {
            format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, key.e, key.n)
        }
        _ => return Err(KeyError::Jwk),
    };
    Ok(jws::encode(
        digest::digest(&digest::SHA256, members.as_bytes()).as_ref(),
    ))
}
