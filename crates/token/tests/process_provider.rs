//! Another crate of the same program may have chosen another cryptographic provider for `jsonwebtoken`. Or it enabled
//! both backends, so that there is no provider, and `jsonwebtoken` panics. Neither may affect this crate. A process
//! chooses its provider once, so this is a test program of its own.

use jiff::Timestamp;
use jsonwebtoken::crypto::{CryptoProvider, KeyUtils};
use rand::{SeedableRng, rngs::StdRng};
use rescind_token::{
    AccessClaims, Algorithm, ClientId, KeyRing, SessionId, SigningKey, TokenId, UserId, Verifier, VerifyingKey,
};
use secrecy::ExposeSecret;

#[expect(clippy::panic, reason = "the test fails if this is called")]
static BROKEN: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| panic!("the process-wide provider was asked to sign"),
    verifier_factory: |_, _| panic!("the process-wide provider was asked to verify"),
    key_utils: KeyUtils::new_unimplemented(),
};

#[test]
fn the_process_wide_provider_is_never_used() {
    BROKEN.install_default().unwrap();

    let now = Timestamp::UNIX_EPOCH;
    let mut rng = StdRng::seed_from_u64(2);
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256, Algorithm::Hs256] {
        let key = SigningKey::generate(algorithm).unwrap();
        let key = match key.to_pkcs8_pem() {
            Some(pem) => SigningKey::from_pkcs8_pem(pem.expose_secret()).unwrap(),
            None => key,
        };
        if let Some(jwk) = key.verifying_key().to_jwk() {
            VerifyingKey::from_jwk(&jwk.to_string()).unwrap();
        }
        let ring = KeyRing::new(key);
        let claims = AccessClaims {
            issuer: "https://rescind.example".into(),
            audience: "rescind-api".into(),
            subject: UserId::generate(now, &mut rng),
            client_id: ClientId::first_party(),
            issued_at: now,
            expires_at: Timestamp::from_second(300).unwrap(),
            token_id: TokenId::random(&mut rng),
            session_id: SessionId::new(now, &mut rng),
            auth_time: None,
            extra: Default::default(),
        };
        let token = ring.sign(&claims).unwrap();
        let verifier = Verifier::new("https://rescind.example", "rescind-api");
        assert_eq!(verifier.verify(&ring, token.expose_secret(), now), Ok(claims));
    }
}
