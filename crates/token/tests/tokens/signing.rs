//! The form of a token, which is a contract with every other verifier.

use std::collections::HashSet;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use jiff::SignedDuration;
use rescind_token::{
    AccessClaims, Algorithm, KeyRing, MAX_TOKEN_BYTES, SignError, SigningKey, TokenId, Verifier, VerifyError,
};
use serde_json::{Value, json};

use crate::forge::{AUDIENCE, claims, rng, signed_at, unb64, verifier};

const ALL: [Algorithm; 4] = [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256, Algorithm::Hs256];

fn ring(algorithm: Algorithm) -> KeyRing {
    KeyRing::new(SigningKey::generate(algorithm).unwrap())
}

#[test]
fn a_signed_token_verifies_with_every_algorithm() {
    for algorithm in ALL {
        let ring = ring(algorithm);
        let token = ring.sign(&claims()).unwrap();
        assert_eq!(
            verifier().verify(&ring, token.expose_secret(), signed_at()),
            Ok(claims()),
            "{algorithm}"
        );
    }
}

#[test]
fn header_and_claims_are_exactly_those_of_rfc_9068() {
    for algorithm in ALL {
        let ring = ring(algorithm);
        let token = ring.sign(&claims()).unwrap();
        let parts: Vec<_> = token.expose_secret().split('.').collect();
        let header: Value = serde_json::from_slice(&unb64(parts[0])).unwrap();
        assert_eq!(
            header,
            json!({ "typ": "at+jwt", "alg": algorithm.as_str(), "kid": ring.active().kid() })
        );
        let body: Value = serde_json::from_slice(&unb64(parts[1])).unwrap();
        assert_eq!(
            body,
            json!({
                "iss": "https://rescind.example",
                "aud": "rescind-api",
                "sub": claims().subject.to_string(),
                "client_id": "rescind",
                "iat": 1_767_600_000,
                "exp": 1_767_600_300,
                "jti": claims().token_id.to_string(),
                "sid": claims().session_id.to_string(),
            })
        );
    }
}

#[test]
fn a_stranger_can_verify_with_the_published_jwk_alone() {
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256] {
        let ring = ring(algorithm);
        let token = ring.sign(&claims()).unwrap();
        let (signed, signature) = token.expose_secret().rsplit_once('.').unwrap();
        let (signed, signature) = (signed.as_bytes(), unb64(signature));
        let jwk = ring.active().verifying_key().to_jwk().unwrap();
        let number = |name: &str| unb64(jwk[name].as_str().unwrap());
        match algorithm {
            Algorithm::EdDsa => UnparsedPublicKey::new(&ED25519, number("x")).verify(signed, &signature),
            Algorithm::Es256 => {
                let point = [vec![4], number("x"), number("y")].concat();
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, &signature)
            }
            _ => RsaPublicKeyComponents {
                n: number("n"),
                e: number("e"),
            }
            .verify(&RSA_PKCS1_2048_8192_SHA256, signed, &signature),
        }
        .unwrap();
    }
}

#[test]
fn fractions_of_a_second_are_cut_off() {
    let ring = ring(Algorithm::EdDsa);
    let fraction = SignedDuration::from_millis(999);
    let signed = AccessClaims {
        issued_at: claims().issued_at + fraction,
        expires_at: claims().expires_at + fraction,
        ..claims()
    };
    let token = ring.sign(&signed).unwrap();
    assert_eq!(
        verifier().verify(&ring, token.expose_secret(), signed.issued_at),
        Ok(claims())
    );
}

#[test]
fn two_tokens_of_one_second_and_session_differ() {
    let mut rng = rng();
    // HS256 and Ed25519 sign deterministically: only the token id makes two tokens of one second differ.
    for ring in [ring(Algorithm::Hs256), ring(Algorithm::EdDsa)] {
        let tokens: HashSet<_> = (0..100)
            .map(|_| {
                let claims = AccessClaims {
                    token_id: TokenId::random(&mut rng),
                    ..claims()
                };
                ring.sign(&claims).unwrap().expose_secret().to_owned()
            })
            .collect();
        assert_eq!(tokens.len(), 100);
    }
}

/// A ring and claims whose token has exactly `length` bytes. Base64 leaves gaps, which the name's length fills.
fn with_token_of(length: usize) -> (KeyRing, AccessClaims) {
    let fits = |kid: usize, pad: usize| {
        let key = SigningKey::from_hs256_secret(&"k".repeat(kid), &[7; 32]).unwrap();
        let issuer = "x".repeat(pad);
        let claims = AccessClaims { issuer, ..claims() };
        let header = json!({ "typ": "at+jwt", "alg": "HS256", "kid": key.kid() })
            .to_string()
            .len();
        let body = serde_json::to_vec(&claims).unwrap().len();
        let chars = |bytes: usize| (bytes * 4).div_ceil(3);
        (chars(header) + 1 + chars(body) + 1 + chars(32) == length).then_some((KeyRing::new(key), claims))
    };
    (1..4)
        .find_map(|kid| (5000..6500).find_map(|pad| fits(kid, pad)))
        .unwrap()
}

#[test]
fn a_token_of_8_kib_is_signed_and_verified_and_one_byte_more_is_neither() {
    let (ring, long) = with_token_of(MAX_TOKEN_BYTES);
    let token = ring.sign(&long).unwrap();
    assert_eq!(token.expose_secret().len(), MAX_TOKEN_BYTES);
    let verifier = Verifier::new(long.issuer.as_str(), AUDIENCE);
    assert_eq!(verifier.verify(&ring, token.expose_secret(), signed_at()), Ok(long));
    let longer = format!("{}A", token.expose_secret());
    assert_eq!(verifier.verify(&ring, &longer, signed_at()), Err(VerifyError::TooLong));
    let (ring, longer) = with_token_of(MAX_TOKEN_BYTES + 1);
    assert_eq!(ring.sign(&longer).unwrap_err(), SignError::TooLong);
}

#[test]
fn a_token_does_not_print_itself() {
    assert_eq!(
        format!("{:?}", ring(Algorithm::EdDsa).sign(&claims()).unwrap()),
        "AccessToken([redacted])"
    );
}

#[test]
fn algorithms_are_named_as_jose_names_them() {
    for (name, algorithm) in ["EdDSA", "ES256", "RS256", "HS256"].into_iter().zip(ALL) {
        assert_eq!(algorithm.to_string(), name);
        assert_eq!(name.parse(), Ok(algorithm));
    }
    for other in ["none", "eddsa", "HS512", ""] {
        assert!(other.parse::<Algorithm>().is_err());
    }
}
