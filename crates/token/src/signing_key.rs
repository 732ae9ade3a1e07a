//! The private half of a key, which signs.
//!
//! Keys are read from a PEM file, made from a shared secret, or generated here. A generated key is read back the same
//! way as a stored one, so that there is one set of checks.

use std::fmt;

use aws_lc_rs::{
    encoding::AsDer,
    rand,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair, RsaPublicKeyComponents,
    },
};
use jsonwebtoken::{DecodingKey, EncodingKey, crypto::aws_lc::DEFAULT_PROVIDER};
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::{Algorithm, KeyError, VerifyingKey, jws};

const PEM_LABEL: &str = "PRIVATE KEY";

/// A key that signs access tokens.
///
/// `Debug` shows its name and algorithm only; the private part is wiped when the key is dropped.
pub struct SigningKey {
    key: EncodingKey,
    /// As it was read; `None` for a shared secret.
    pkcs8: Option<Zeroizing<Vec<u8>>>,
    verifying: VerifyingKey,
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
            Algorithm::EdDsa => Ed25519KeyPair::generate()
                .and_then(|key| key.to_pkcs8v1())
                .map_err(failed)?
                .as_ref()
                .to_vec(),
            Algorithm::Es256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
                .and_then(|key| key.to_pkcs8v1())
                .map_err(failed)?
                .as_ref()
                .to_vec(),
            Algorithm::Rs256 => RsaKeyPair::generate(KeySize::Rsa2048)
                .and_then(|key| key.as_der())
                .map_err(failed)?
                .as_ref()
                .to_vec(),
            Algorithm::Hs256 => {
                let mut kid = [0; 16];
                let mut secret = Zeroizing::new([0; 32]);
                rand::fill(&mut kid)
                    .and_then(|()| rand::fill(secret.as_mut_slice()))
                    .map_err(failed)?;
                return Self::from_hs256_secret(&jws::encode(&kid), secret.as_slice());
            }
        };
        Self::from_pkcs8(pkcs8)
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
            key: EncodingKey::from_secret(secret),
            pkcs8: None,
            verifying,
        })
    }

    fn from_pkcs8(der: Vec<u8>) -> Result<Self, KeyError> {
        let der = Zeroizing::new(der);
        let (algorithm, key, public) = if let Ok(pair) = Ed25519KeyPair::from_pkcs8(&der) {
            (
                Algorithm::EdDsa,
                EncodingKey::from_ed_der(&der),
                DecodingKey::from_ed_der(pair.public_key().as_ref()),
            )
        } else if let Ok(pair) = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der) {
            (
                Algorithm::Es256,
                EncodingKey::from_ec_der(&der),
                DecodingKey::from_ec_der(pair.public_key().as_ref()),
            )
        } else if let Ok(pair) = RsaKeyPair::from_pkcs8(&der) {
            let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
            // The library wants the RSA key without its PKCS#8 envelope, and opens it only from PEM.
            let key = EncodingKey::from_rsa_pem(encode_pem(&der).as_bytes()).map_err(|_| KeyError::Unsupported)?;
            (
                Algorithm::Rs256,
                key,
                DecodingKey::from_rsa_raw_components(&public.n, &public.e),
            )
        } else {
            return Err(KeyError::Unsupported);
        };
        let verifying = VerifyingKey::named_by_thumbprint(algorithm, public)?;
        Ok(Self {
            key,
            pkcs8: Some(der),
            verifying,
        })
    }

    /// The private key in PEM form, for a file that only its owner can read; `None` for HS256.
    pub fn to_pkcs8_pem(&self) -> Option<SecretString> {
        self.pkcs8.as_deref().map(|der| encode_pem(der).as_str().into())
    }

    /// The shared secret in base64url, for a file that only its owner can read; `None` for a key pair.
    pub fn to_hs256_secret(&self) -> Option<SecretString> {
        self.algorithm()
            .is_symmetric()
            .then(|| jws::encode(self.key.as_bytes()).into())
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
        let signer = (DEFAULT_PROVIDER.signer_factory)(&self.algorithm().of_library(), &self.key).ok()?;
        signer.try_sign(message).ok().map(|signature| jws::encode(&signature))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("kid", &self.kid())
            .field("algorithm", &self.algorithm())
            .finish_non_exhaustive()
    }
}

fn encode_pem(der: &[u8]) -> Zeroizing<String> {
    let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    Zeroizing::new(pem::encode_config(&pem::Pem::new(PEM_LABEL, der), config))
}
