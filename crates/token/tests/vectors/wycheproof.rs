//! Project Wycheproof: signatures of messages, and the groups of JSON web signatures.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rescind_token::{VerifyingKey, VerifyingKeys, verify_signature_only};
use serde_json::{Value, json};

use crate::{Counts, list, read, text};

/// From the hexadecimal digits of the vectors to base64url.
fn base64url(hex: &str) -> String {
    let digits: Vec<_> = hex.chars().map(|digit| digit.to_digit(16).unwrap()).collect();
    let bytes: Vec<_> = digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect();
    URL_SAFE_NO_PAD.encode(bytes)
}

fn bytes(hex: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(base64url(hex)).unwrap()
}

fn is_valid(test: &Value) -> bool {
    // "acceptable" leaves the verdict to the verifier: one PKCS#1 signature, whose digest lacks its NULL. It is refused.
    text(test, "result") == "valid"
}

pub(crate) fn hmac_sha256() -> Counts {
    let mut counts = Counts::default();
    for group in list(&read("wycheproof_hmac_sha256.json"), "testGroups") {
        for test in list(group, "tests") {
            let jwk = json!({ "kty": "oct", "kid": "wycheproof", "alg": "HS256", "k": base64url(text(test, "key")) });
            let key = VerifyingKey::from_jwk(&jwk.to_string());
            let accepted = key.is_ok_and(|key| key.verifies(&bytes(text(test, "msg")), &base64url(text(test, "tag"))));
            let deviation = if group["keySize"].as_u64() < Some(256) {
                Some("a secret shorter than the hash is refused (RFC 7518 section 3.2)")
            } else if group["tagSize"] != 256 {
                Some("HS256 is not truncated")
            } else {
                None
            };
            counts.add(&format!("HMAC {}", test["tcId"]), is_valid(test), deviation, accepted);
        }
    }
    counts
}

/// Signatures of messages. The groups name their public keys as JWK, some of P-256 as a point only.
pub(crate) fn signatures(file: &str, algorithm: &str) -> Counts {
    let mut counts = Counts::default();
    for group in list(&read(file), "testGroups") {
        let mut jwk = match (&group["publicKeyJwk"], &group["keyJwk"]) {
            (Value::Null, Value::Null) => {
                let (x, y) = text(&group["publicKey"], "uncompressed")[2..].split_at(64);
                json!({ "kty": "EC", "crv": "P-256", "x": base64url(x), "y": base64url(y) })
            }
            (Value::Null, jwk) | (jwk, _) => jwk.clone(),
        };
        jwk["alg"] = algorithm.into();
        let key = VerifyingKey::from_jwk(&jwk.to_string());
        for test in list(group, "tests") {
            let accepted = key
                .as_ref()
                .is_ok_and(|key| key.verifies(&bytes(text(test, "msg")), &base64url(text(test, "sig"))));
            counts.add(&format!("{file} {}", test["tcId"]), is_valid(test), None, accepted);
        }
    }
    counts
}

/// The groups of JSON web signatures.
pub(crate) fn json_web_signatures() -> Counts {
    let mut counts = Counts::default();
    for group in list(&read("wycheproof_json_web_signature.json"), "testGroups") {
        let jwk = match &group["public"] {
            Value::Null => &group["private"],
            jwk => jwk,
        };
        let keys: VerifyingKeys = VerifyingKey::from_jwk(&jwk.to_string()).into_iter().collect();
        for test in list(group, "tests") {
            let id = test["tcId"].as_u64().unwrap();
            // They contradict 357: the same padding that makes it valid is to make these invalid.
            if [367, 370].contains(&id) {
                continue;
            }
            let accepted = verify_signature_only(&keys, text(test, "jws")).is_ok();
            let what = format!("JWS {id}, {} ({})", text(test, "comment"), text(group, "comment"));
            counts.add(&what, is_valid(test), deviation(id, jwk, &keys), accepted);
        }
    }
    counts
}

fn deviation(id: u64, jwk: &Value, keys: &VerifyingKeys) -> Option<&'static str> {
    let offered = ["HS256", "ES256", "RS256", "EdDSA"]
        .iter()
        .any(|name| jwk["alg"] == **name);
    if jwk["alg"].is_string() && !offered {
        assert_eq!(keys.iter().count(), 0, "a key of an algorithm that is not offered");
        return Some("the algorithm is not offered: the key is refused, and with it every token");
    }
    [372, 373]
        .contains(&id)
        .then_some("a character outside of the alphabet of base64url is never skipped")
}

#[test]
fn wycheproofs_signatures_get_the_right_verdict() {
    assert_eq!(hmac_sha256().cases(), 174);
    assert_eq!(signatures("wycheproof_ed25519.json", "EdDSA").cases(), 151);
    assert_eq!(
        signatures("wycheproof_ecdsa_secp256r1_sha256_p1363.json", "ES256").cases(),
        262
    );
    assert_eq!(
        signatures("wycheproof_rsa_signature_2048_sha256.json", "RS256").cases(),
        259
    );
}

#[test]
fn wycheproofs_json_web_signatures_get_the_right_verdict() {
    assert_eq!(json_web_signatures().cases(), 399);
}
