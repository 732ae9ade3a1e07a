//! Keys that are read, keys that are written, and keys that are refused.

use rescind_token::{Algorithm, KeyError, KeyRing, SigningKey, VerifyError, VerifyingKey, VerifyingKeys};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::forge::{b64, claims, signed_at, unb64, verifier};

const ED25519: &str = include_str!("keys/ed25519.pem");
const P256: &str = include_str!("keys/p-256.pem");
const RSA_2048: &str = include_str!("keys/rsa-2048.pem");

const KEY_PAIRS: [Algorithm; 3] = [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256];

fn jwk(algorithm: Algorithm) -> Value {
    SigningKey::generate(algorithm)
        .unwrap()
        .verifying_key()
        .to_jwk()
        .unwrap()
}

fn changed(mut jwk: Value, name: &str, value: Value) -> Result<VerifyingKey, KeyError> {
    jwk[name] = value;
    VerifyingKey::from_jwk(&jwk.to_string())
}

#[test]
fn keys_made_by_openssl_are_read_and_named_by_their_thumbprint() {
    // The thumbprints were computed with Python's `cryptography`.
    let keys = [
        (ED25519, Algorithm::EdDsa, "XwE3iGDUFLsN6Ey7Dc-UAtsgcFVus3ZOd2Grrkq8PvA"),
        (P256, Algorithm::Es256, "8yPWIGbj_xETRuZVudD4vmNIZggBfOtkCmIJq03sdF4"),
        (
            RSA_2048,
            Algorithm::Rs256,
            "0ZMaLK7FahrfE8gAA467VCtGJBlP-onckcSgU3oerkM",
        ),
    ];
    for (pem, algorithm, thumbprint) in keys {
        let key = SigningKey::from_pkcs8_pem(pem).unwrap();
        assert_eq!((key.algorithm(), key.kid()), (algorithm, thumbprint));
    }
}

#[test]
fn thumbprints_match_the_rfcs_examples() {
    // RFC 7638 section 3.1 and RFC 8037 appendix A.3.
    let rsa = json!({ "kty": "RSA", "e": "AQAB", "alg": "RS256", "n": concat!(
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknj",
        "hMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQ",
        "vRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzK",
        "nqDKgw") });
    let ed = json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    assert_eq!(
        VerifyingKey::from_jwk(&rsa.to_string()).unwrap().kid(),
        "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    );
    assert_eq!(
        VerifyingKey::from_jwk(&ed.to_string()).unwrap().kid(),
        "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    );
}

#[test]
fn a_key_read_back_from_its_file_is_the_same_key() {
    for algorithm in KEY_PAIRS {
        let key = SigningKey::generate(algorithm).unwrap();
        let pem = key.to_pkcs8_pem().unwrap();
        let again = SigningKey::from_pkcs8_pem(pem.expose_secret()).unwrap();
        assert_eq!((again.kid(), again.algorithm()), (key.kid(), algorithm));
        let token = KeyRing::new(again).sign(&claims()).unwrap();
        assert_eq!(
            verifier().verify(&KeyRing::new(key), token.expose_secret(), signed_at()),
            Ok(claims())
        );
    }
}

#[test]
fn a_shared_secret_read_back_from_its_file_is_the_same_key() {
    let key = SigningKey::generate(Algorithm::Hs256).unwrap();
    let secret = unb64(key.to_hs256_secret().unwrap().expose_secret());
    let again = SigningKey::from_hs256_secret(key.kid(), &secret).unwrap();
    let token = KeyRing::new(again).sign(&claims()).unwrap();
    assert_eq!(
        verifier().verify(&KeyRing::new(key), token.expose_secret(), signed_at()),
        Ok(claims())
    );
}

#[test]
fn a_key_pair_has_no_secret_text_and_a_secret_no_pem() {
    assert!(
        SigningKey::generate(Algorithm::EdDsa)
            .unwrap()
            .to_hs256_secret()
            .is_none()
    );
    assert!(SigningKey::generate(Algorithm::Hs256).unwrap().to_pkcs8_pem().is_none());
}

#[test]
fn weak_and_foreign_private_keys_are_refused() {
    let refused = [
        (include_str!("keys/rsa-1024.pem"), KeyError::Unsupported),
        (include_str!("keys/p-384.pem"), KeyError::Unsupported),
        (include_str!("keys/rsa-2048-pkcs1.pem"), KeyError::Pem),
        ("", KeyError::Pem),
        (
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            KeyError::Unsupported,
        ),
        (
            "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
            KeyError::Pem,
        ),
    ];
    for (pem, error) in refused {
        assert_eq!(SigningKey::from_pkcs8_pem(pem).unwrap_err(), error);
    }
}

#[test]
fn an_empty_or_short_hmac_secret_is_refused() {
    for bytes in [0, 1, 16, 31] {
        let secret = vec![7; bytes];
        assert_eq!(
            SigningKey::from_hs256_secret("k", &secret).unwrap_err(),
            KeyError::SecretTooShort { bytes }
        );
        let jwk = json!({ "kty": "oct", "kid": "k", "k": b64(&secret) });
        assert_eq!(
            VerifyingKey::from_jwk(&jwk.to_string()).unwrap_err(),
            KeyError::SecretTooShort { bytes }
        );
    }
    assert!(SigningKey::from_hs256_secret("k", &[7; 32]).is_ok());
    assert!(VerifyingKey::from_jwk(&json!({ "kty": "oct", "kid": "k", "k": b64([7; 32]) }).to_string()).is_ok());
}

#[test]
fn a_secret_key_is_never_named_by_its_thumbprint() {
    assert_eq!(
        SigningKey::from_hs256_secret("", &[7; 32]).unwrap_err(),
        KeyError::MissingKeyId
    );
    for nameless in [
        json!({ "kty": "oct", "k": b64([7; 32]) }),
        json!({ "kty": "oct", "k": b64([7; 32]), "kid": "" }),
    ] {
        assert_eq!(
            VerifyingKey::from_jwk(&nameless.to_string()).unwrap_err(),
            KeyError::MissingKeyId
        );
    }
    // A key pair whose name is empty is named by its thumbprint, like one without a name.
    let named = jwk(Algorithm::EdDsa);
    let (empty, none) = (
        changed(named.clone(), "kid", json!("")),
        changed(named.clone(), "kid", json!(null)),
    );
    assert_eq!(empty.unwrap().kid(), named["kid"]);
    assert_eq!(none.unwrap().kid(), named["kid"]);
}

#[test]
fn a_secret_is_never_published() {
    let ring = KeyRing::new(SigningKey::generate(Algorithm::EdDsa).unwrap())
        .with_retired(SigningKey::generate(Algorithm::Hs256).unwrap().verifying_key());
    let published: Vec<_> = ring.iter().filter_map(VerifyingKey::to_jwk).collect();
    assert_eq!(ring.iter().count(), 2);
    assert_eq!(published.len(), 1);
    assert_eq!(ring.to_jwks(), json!({ "keys": published }));
}

#[test]
fn a_published_key_holds_its_public_half_only_and_reads_back() {
    for (algorithm, members) in [
        (Algorithm::EdDsa, &["alg", "crv", "kid", "kty", "use", "x"][..]),
        (Algorithm::Es256, &["alg", "crv", "kid", "kty", "use", "x", "y"]),
        (Algorithm::Rs256, &["alg", "e", "kid", "kty", "n", "use"]),
    ] {
        let key = SigningKey::generate(algorithm).unwrap();
        let jwk = key.verifying_key().to_jwk().unwrap();
        let mut names: Vec<_> = jwk.as_object().unwrap().keys().collect();
        names.sort();
        assert_eq!(names, members);
        assert_eq!((&jwk["use"], &jwk["alg"]), (&json!("sig"), &json!(algorithm.as_str())));

        let ring = KeyRing::new(SigningKey::generate(Algorithm::EdDsa).unwrap())
            .with_retired(VerifyingKey::from_jwk(&jwk.to_string()).unwrap());
        let token = KeyRing::new(key).sign(&claims()).unwrap();
        assert_eq!(
            verifier().verify(&ring, token.expose_secret(), signed_at()),
            Ok(claims())
        );
    }
}

#[test]
fn a_jwk_whose_use_or_operations_forbid_verification_is_refused() {
    for algorithm in KEY_PAIRS {
        for other in ["enc", "SIG", "", "tls"] {
            assert_eq!(
                changed(jwk(algorithm), "use", json!(other)).unwrap_err(),
                KeyError::JwkForbidsVerification("use")
            );
        }
        for ops in [
            json!([]),
            json!(["sign"]),
            json!(["encrypt", "wrapKey"]),
            json!(["Verify"]),
        ] {
            assert_eq!(
                changed(jwk(algorithm), "key_ops", ops).unwrap_err(),
                KeyError::JwkForbidsVerification("key_ops")
            );
        }
        for ops in [json!(["verify"]), json!(["sign", "verify"])] {
            assert!(changed(jwk(algorithm), "key_ops", ops).is_ok());
        }
    }
}

#[test]
fn a_jwk_for_another_algorithm_is_refused() {
    for algorithm in KEY_PAIRS {
        for other in ["none", "HS256", "PS256", "RSA-OAEP", "ES384", ""] {
            assert_eq!(
                changed(jwk(algorithm), "alg", json!(other)).unwrap_err(),
                KeyError::JwkForbidsVerification("alg")
            );
        }
    }
}

#[test]
fn a_jwk_that_is_not_a_key_is_refused() {
    let off_curve = changed(jwk(Algorithm::Es256), "y", json!(b64([1; 32])));
    let short_point = changed(jwk(Algorithm::Es256), "x", json!(b64([1; 31])));
    let short_ed = changed(jwk(Algorithm::EdDsa), "x", json!(b64([1; 31])));
    let other_curve = changed(jwk(Algorithm::EdDsa), "crv", json!("X25519"));
    let not_base64 = changed(jwk(Algorithm::EdDsa), "x", json!("+/+/"));
    let no_exponent = changed(jwk(Algorithm::Rs256), "e", json!(""));
    for refused in [off_curve, short_point, short_ed, other_curve, not_base64, no_exponent] {
        assert_eq!(refused.unwrap_err(), KeyError::Jwk);
    }
    for text in ["", "{}", "[]", "{\"kty\":\"AKP\"}"] {
        assert_eq!(VerifyingKey::from_jwk(text).unwrap_err(), KeyError::Jwk);
    }
    let short_rsa = changed(jwk(Algorithm::Rs256), "n", json!(b64([0xff; 128])));
    assert_eq!(short_rsa.unwrap_err(), KeyError::RsaTooShort { bits: 1024 });
}

#[test]
fn a_jwk_of_another_curve_is_refused_even_if_its_numbers_fit() {
    for curve in ["P-256", "P-384", "P-521"] {
        let named = changed(jwk(Algorithm::EdDsa), "crv", json!(curve));
        assert_eq!(named.unwrap_err(), KeyError::Jwk, "OKP {curve}");
    }
    for curve in ["Ed25519", "P-384", "P-521"] {
        let named = changed(jwk(Algorithm::Es256), "crv", json!(curve));
        assert_eq!(named.unwrap_err(), KeyError::Jwk, "EC {curve}");
    }
}

#[test]
fn an_older_key_verifies_as_long_as_it_is_in_the_ring() {
    let old = KeyRing::new(SigningKey::generate(Algorithm::Es256).unwrap());
    let token = old.sign(&claims()).unwrap();
    let next = KeyRing::new(SigningKey::generate(Algorithm::EdDsa).unwrap());
    assert!(verifier().verify(&next, token.expose_secret(), signed_at()).is_err());
    let next = next.with_retired(old.active().verifying_key());
    assert_eq!(
        verifier().verify(&next, token.expose_secret(), signed_at()),
        Ok(claims())
    );
}

#[test]
fn a_retired_key_cannot_take_the_name_of_another() {
    let genuine = SigningKey::from_hs256_secret("shared", &[1; 32]).unwrap();
    let other = SigningKey::from_hs256_secret("shared", &[2; 32]).unwrap();
    let ring = KeyRing::new(genuine).with_retired(other.verifying_key());
    assert_eq!(ring.iter().count(), 1);
    let token = KeyRing::new(other).sign(&claims()).unwrap();
    assert!(verifier().verify(&ring, token.expose_secret(), signed_at()).is_err());
}

#[test]
fn a_key_does_not_print_its_secret() {
    let secret = [0xab; 32];
    let shared = SigningKey::from_hs256_secret("shared", &secret).unwrap();
    let pair = SigningKey::from_pkcs8_pem(ED25519).unwrap();
    let body: String = ED25519.lines().filter(|line| !line.starts_with('-')).collect();
    let printed = format!(
        "{shared:?} {:?} {pair:?} {:?}",
        shared.to_hs256_secret(),
        pair.to_pkcs8_pem()
    );
    let printed = format!(
        "{printed} {:?}",
        KeyRing::new(pair).with_retired(shared.verifying_key())
    );
    for part in [
        b64(secret),
        "171, 171".into(),
        "abab".into(),
        body[20..].to_owned(),
        "[154, 91".into(),
    ] {
        assert!(!printed.to_lowercase().contains(&part.to_lowercase()), "{part}");
    }
    assert!(printed.contains("shared"));
}

#[test]
fn a_key_ring_can_be_shared_between_threads() {
    fn shareable<T: Send + Sync + 'static>() {}
    shareable::<KeyRing>();
    shareable::<rescind_token::RefreshKeys>();
    shareable::<rescind_token::Verifier>();
}

#[test]
fn a_published_jwk_set_verifies_without_a_private_key() {
    let old = KeyRing::new(SigningKey::generate(Algorithm::Es256).unwrap());
    let ring = KeyRing::new(SigningKey::generate(Algorithm::EdDsa).unwrap()).with_retired(old.active().verifying_key());
    let keys = VerifyingKeys::from_jwks(&ring.to_jwks().to_string()).unwrap();
    assert_eq!(keys.iter().count(), 2);
    for signer in [&ring, &old] {
        let token = signer.sign(&claims()).unwrap();
        let token = token.expose_secret();
        assert_eq!(verifier().verify(&keys, token, signed_at()), Ok(claims()));
        assert_eq!(verifier().verify_genuine(&keys, token), Ok(claims()));
        assert!(verifier().inspect(&keys, token, signed_at()).outcome().is_ok());
        let none = VerifyingKeys::default();
        assert_eq!(
            verifier().verify(&none, token, signed_at()),
            Err(VerifyError::UnknownKey)
        );
    }
}

#[test]
fn unusable_keys_of_a_jwk_set_are_skipped() {
    let good = jwk(Algorithm::EdDsa);
    let with = |name: &str, value: Value| {
        let mut jwk = jwk(Algorithm::Es256);
        jwk[name] = value;
        jwk
    };
    let document = json!({
        "keys": [
            json!({ "kty": "oct", "kid": "secret", "k": b64([7; 32]) }),
            json!({ "kty": "OKP", "crv": "X25519", "x": b64([9; 32]) }),
            json!({ "kty": "LATTICE", "x": "?" }),
            json!("no key"),
            with("use", json!("enc")),
            with("key_ops", json!(["encrypt"])),
            with("alg", json!("ES384")),
            with("x", json!("AAAA")),
            good,
        ],
        "rescind_log": "another member",
    });
    let keys = VerifyingKeys::from_jwks(&document.to_string()).unwrap();
    let kids: Vec<_> = keys.iter().map(VerifyingKey::kid).collect();
    assert_eq!(kids, [good["kid"].as_str().unwrap()]);
}

#[test]
fn the_first_key_of_a_name_keeps_it_in_a_jwk_set() {
    let (mut first, mut second) = (jwk(Algorithm::EdDsa), jwk(Algorithm::Es256));
    first["kid"] = json!("k");
    second["kid"] = json!("k");
    let keys = VerifyingKeys::from_jwks(&json!({ "keys": [first, second] }).to_string()).unwrap();
    assert_eq!(keys.iter().count(), 1);
    assert_eq!(keys.find("k").unwrap().algorithm(), Algorithm::EdDsa);
}

#[test]
fn a_text_that_is_no_jwk_set_is_an_error_and_an_empty_set_is_none() {
    for text in ["", "<html>", "[]", "{}", r#"{"keys":{}}"#] {
        assert_eq!(VerifyingKeys::from_jwks(text).unwrap_err(), KeyError::Jwks, "{text}");
    }
    assert_eq!(VerifyingKeys::from_jwks(r#"{"keys":[]}"#).unwrap().iter().count(), 0);
}
