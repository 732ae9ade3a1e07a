//! The private half of a key, which signs.
//!
//! Keys are read from a PEM file, made from a shared secret, or generated here. A generated key is read back the same
//! way as a stored one, so that there is one set of checks.

use aws_lc_rs::{
    encoding::AsDer,
    hmac,
    rand::{self, SystemRandom},
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
        RsaPublicKeyComponents,
    },
};
use jsonwebtoken::DecodingKey;
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::{Algorithm, KeyError, VerifyingKey, jws};

const PEM_LABEL: &str = "PRIVATE KEY";

/// A key that signs access tokens.
///
/// `Debug` shows its name and algorithm only; the private part is wiped when the key is dropped.
#[derive(derive_more::Debug)]
#[debug("SigningKey({}, {})", self.kid(), self.algorithm())]
pub struct SigningKey {
    parsed: Parsed,
    /// As it was read: PKCS#8, or the bytes of a shared secret.
    stored: Zeroizing<Vec<u8>>,
    verifying: VerifyingKey,
}

/// A key as aws-lc uses it, parsed once.
enum Parsed {
    EdDsa(Ed25519KeyPair),
    Es256(EcdsaKeyPair),
    Rs256(RsaKeyPair),
    Hs256(Box<hmac::Key>),
}

impl SigningKey {
    /// Makes a key: Ed25519, P-256, RSA of 2048 bits, or 32 random bytes under a random name.
    ///
    /// The randomness is not a parameter: aws-lc makes key pairs from its own generator only. The same holds for the
    /// signatures of ES256, and for nothing else in this crate.
    ///
    /// # Errors
    /// [`KeyError::Generate`] if the library's generator fails.
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        let failed = |_| KeyError::Generate;
        let pkcs8 = match algorithm {
            // Version 1 of PKCS#8, because it is the one that openssl reads too.
            Algorithm::EdDsa => Ed25519KeyPair::generate().and_then(|key| Ok(key.to_pkcs8v1()?.as_ref().to_vec())),
            Algorithm::Es256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
                .and_then(|key| Ok(key.to_pkcs8v1()?.as_ref().to_vec())),
            Algorithm::Rs256 => {
                RsaKeyPair::generate(KeySize::Rsa2048).and_then(|key| Ok(key.as_der()?.as_ref().to_vec()))
            }
            Algorithm::Hs256 => {
                let mut kid = [0; 16];
                let mut secret = Zeroizing::new([0; 32]);
                rand::fill(&mut kid)
                    .and_then(|()| rand::fill(secret.as_mut_slice()))
                    .map_err(failed)?;
                return Self::from_hs256_secret(&jws::encode(&kid), secret.as_slice());
            }
        };
        Self::from_pkcs8(pkcs8.map_err(failed)?)
    }

    /// Reads a PKCS#8 private key in PEM form (RFC 5958, RFC 7468). The algorithm follows from the key.
    ///
    /// # Errors
    /// [`KeyError::Pem`]; [`KeyError::Unsupported`] for other curves and kinds, and for RSA below 2048 or above 8192 bits;
    /// [`KeyError::Weak`].
    pub fn from_pkcs8_pem(text: &str) -> Result<Self, KeyError> {
        let pem = pem::parse(text).map_err(|_| KeyError::Pem)?;
        if pem.tag() != PEM_LABEL {
            return Err(KeyError::Pem);
        }
        Self::from_pkcs8(pem.into_contents())
    }

    /// Takes a shared secret under a name of its own: a thumbprint would publish the secret's hash.
    ///
    /// # Errors
    /// [`KeyError::SecretTooShort`] below 32 bytes (RFC 7518 section 3.2), [`KeyError::MissingKeyId`] if `kid` is
    /// empty.
    pub fn from_hs256_secret(kid: &str, secret: &[u8]) -> Result<Self, KeyError> {
        if kid.is_empty() {
            return Err(KeyError::MissingKeyId);
        }
        let verifying = VerifyingKey::new(kid.to_owned(), Algorithm::Hs256, DecodingKey::from_secret(secret))?;
        Ok(Self {
            parsed: Parsed::Hs256(Box::new(hmac::Key::new(hmac::HMAC_SHA256, secret))),
            stored: Zeroizing::new(secret.to_vec()),
            verifying,
        })
    }

    fn from_pkcs8(der: Vec<u8>) -> Result<Self, KeyError> {
        let der = Zeroizing::new(der);
        let (algorithm, parsed, public) = if let Ok(pair) = Ed25519KeyPair::from_pkcs8(&der) {
            let public = DecodingKey::from_ed_der(pair.public_key().as_ref());
            (Algorithm::EdDsa, Parsed::EdDsa(pair), public)
        } else if let Ok(pair) = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der) {
            let public = DecodingKey::from_ec_der(pair.public_key().as_ref());
            (Algorithm::Es256, Parsed::Es256(pair), public)
        } else if let Ok(pair) = RsaKeyPair::from_pkcs8(&der) {
            let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
            let public = DecodingKey::from_rsa_raw_components(&public.n, &public.e);
            (Algorithm::Rs256, Parsed::Rs256(pair), public)
        } else {
            return Err(KeyError::Unsupported);
        };
        let verifying = VerifyingKey::named_by_thumbprint(algorithm, public)?;
        Ok(Self {
            parsed,
            stored: der,
            verifying,
        })
    }

    /// The private key in PEM form, for a file that only its owner can read; `None` for HS256.
    pub fn to_pkcs8_pem(&self) -> Option<SecretString> {
        (!self.algorithm().is_symmetric()).then(|| encode_pem(&self.stored).as_str().into())
    }

    /// The shared secret in base64url, for a file that only its owner can read; `None` for a key pair.
    pub fn to_hs256_secret(&self) -> Option<SecretString> {
        self.algorithm()
            .is_symmetric()
            .then(|| jws::encode(&self.stored).into())
    }

    /// The name that a token's header calls this key by: the RFC 7638 thumbprint, or for HS256 a name of its own.
    pub fn kid(&self) -> &str {
        self.verifying.kid()
    }

    /// The one algorithm that this key signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.verifying.algorithm()
    }

    /// The half that verifies. It is all that is kept of a key that no longer signs.
    pub fn verifying_key(&self) -> VerifyingKey {
        self.verifying.clone()
    }

    /// The signature over `message`, in base64url; `None` if the library fails.
    pub(crate) fn sign(&self, message: &[u8]) -> Option<String> {
        let rng = SystemRandom::new();
        Some(match &self.parsed {
            Parsed::EdDsa(pair) => jws::encode(pair.sign(message).as_ref()),
            Parsed::Es256(pair) => jws::encode(pair.sign(&rng, message).ok()?.as_ref()),
            Parsed::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &rng, message, &mut signature).ok()?;
                jws::encode(&signature)
            }
            Parsed::Hs256(key) => jws::encode(hmac::sign(key, message).as_ref()),
        })
    }
}

fn encode_pem(der: &[u8]) -> Zeroizing<String> {
    let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    Zeroizing::new(pem::encode_config(&pem::Pem::new(PEM_LABEL, der), config))
}
