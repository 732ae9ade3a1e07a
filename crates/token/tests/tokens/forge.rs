//! Builds arbitrary tokens and signs them with the real key.
//!
//! A test with a badly signed token proves only that signatures are checked. So the tokens of these tests are signed
//! correctly, here and with aws-lc directly, and wrong in one respect.

use aws_lc_rs::signature::Ed25519KeyPair;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use rand::{SeedableRng, rngs::StdRng};
use rescind_token::{
    AccessClaims, Algorithm, ClientId, KeyRing, SessionId, SigningKey, TokenId, UserId, Verifier, VerifyError,
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

pub(crate) const ISSUER: &str = "https://rescind.example";
pub(crate) const AUDIENCE: &str = "rescind-api";

/// When the tokens of these tests are signed.
pub(crate) fn signed_at() -> Timestamp {
    at(1_767_600_000)
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

pub(crate) fn rng() -> StdRng {
    StdRng::seed_from_u64(2)
}

/// Claims with a lifetime of five minutes.
pub(crate) fn claims() -> AccessClaims {
    let mut rng = rng();
    AccessClaims {
        issuer: ISSUER.into(),
        audience: AUDIENCE.into(),
        subject: UserId::generate(signed_at(), &mut rng),
        client_id: ClientId::first_party(),
        issued_at: signed_at(),
        expires_at: at(1_767_600_300),
        token_id: TokenId::random(&mut rng),
        session_id: SessionId::new(signed_at(), &mut rng),
        auth_time: None,
        extra: Default::default(),
    }
}

pub(crate) fn verifier() -> Verifier {
    Verifier::new(ISSUER, AUDIENCE)
}

pub(crate) fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn unb64(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// A ring of one Ed25519 key, and that key for the test's own use.
pub(crate) struct Forge {
    pub(crate) ring: KeyRing,
    key: Ed25519KeyPair,
}

impl Forge {
    pub(crate) fn new() -> Self {
        let signing = SigningKey::generate(Algorithm::EdDsa).unwrap();
        let pem = pem::parse(signing.to_pkcs8_pem().unwrap().expose_secret()).unwrap();
        let key = Ed25519KeyPair::from_pkcs8(pem.contents()).unwrap();
        Self {
            ring: KeyRing::new(signing),
            key,
        }
    }

    pub(crate) fn header(&self) -> Value {
        json!({ "typ": "at+jwt", "alg": "EdDSA", "kid": self.ring.active().kid() })
    }

    pub(crate) fn claims(&self) -> Value {
        serde_json::to_value(claims()).unwrap()
    }

    /// Signs exactly these bytes.
    pub(crate) fn sign_text(&self, header: impl AsRef<[u8]>, claims: impl AsRef<[u8]>) -> String {
        let signed = format!("{}.{}", b64(header), b64(claims));
        let signature = b64(self.key.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        self.sign_text(header.to_string(), claims.to_string())
    }

    /// A good token, except for one header parameter.
    pub(crate) fn with_header(&self, name: &str, value: impl Into<Value>) -> String {
        let mut header = self.header();
        header[name] = value.into();
        self.sign(&header, &self.claims())
    }

    /// A good token, except for one claim.
    pub(crate) fn with_claim(&self, name: &str, value: impl Into<Value>) -> String {
        let mut claims = self.claims();
        claims[name] = value.into();
        self.sign(&self.header(), &claims)
    }

    /// A good token without one claim.
    pub(crate) fn without_claim(&self, name: &str) -> String {
        let mut claims = self.claims();
        claims.as_object_mut().unwrap().remove(name).unwrap();
        self.sign(&self.header(), &claims)
    }

    /// The verifier's result one minute after signing.
    pub(crate) fn verify(&self, token: &str) -> Result<AccessClaims, VerifyError> {
        verifier().verify(&self.ring, token, at(1_767_600_060))
    }

    /// The verifier's error. Also checks that [`Verifier::verify_genuine`] refuses for the same reason: a token that is
    /// not ours must not even log anybody out.
    pub(crate) fn refusal(&self, token: &str) -> VerifyError {
        let refusal = self.verify(token).unwrap_err();
        assert_eq!(verifier().verify_genuine(&self.ring, token), Err(refusal.clone()));
        refusal
    }
}
