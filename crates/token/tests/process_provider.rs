//! Another crate of the same program may have chosen another cryptographic provider for `jsonwebtoken`, or, by enabling
//! both of its backends, have left it without any, and then it panics. Neither may concern this crate. The choice
//! is made once for a process, hence a test program of its own.

use jiff::Timestamp;
use jsonwebtoken::crypto::{CryptoProvider, KeyUtils};
use rand::{SeedableRng, rngs::StdRng};
use rescind_token::{
    AccessClaims, Algorithm, ClientId, KeyRing, SessionId, SigningKey, TokenId, UserId, Verifier, VerifyingKey,
};
use secrecy::ExposeSecret;

#[expect(clippy::panic, reason = "to be called is the failure")]
static BROKEN: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| panic!("the process-wide provider was asked to sign"),
    verifier_factory: |_, _| panic!("the process-wide provider was asked to verify"),
    key_utils: KeyUtils::new_unimplemented(),
};

#[test]
fn nothing_depends_on_the_provider_of_the_process() {
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
            subject: UserId::new(now, &mut rng),
            client_id: ClientId::first_party(),
            issued_at: now,
            expires_at: Timestamp::from_second(300).unwrap(),
            token_id: TokenId::random(&mut rng),
            session_id: SessionId::new(now, &mut rng),
        };
        let token = ring.sign(&claims).unwrap();
        let verifier = Verifier::new("https://rescind.example", "rescind-api");
        assert_eq!(verifier.verify(&ring, token.expose_secret(), now), Ok(claims));
    }
}
