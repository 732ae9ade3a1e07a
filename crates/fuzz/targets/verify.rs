//! An access token, from its text to its claims.
#![no_main]

use std::sync::LazyLock;

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use libfuzzer_sys::fuzz_target;
use rescind_token::{KeyRing, SigningKey, Timestamp, TokenParts, Verifier, verify_signature_only};

const SECRET: [u8; 32] = [7; 32];
const NOW: i64 = 1_767_600_060;

static RING: LazyLock<KeyRing> = LazyLock::new(|| KeyRing::new(SigningKey::from_hs256_secret("k", &SECRET).unwrap()));
static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| Verifier::new("https://rescind.example", "rescind-api"));

fuzz_target!(|data: &[u8]| {
    match data.strip_prefix(b"S") {
        Some(parts) => signed(parts),
        None => unsigned(&String::from_utf8_lossy(data)),
    }
});

/// Nobody who lacks the key guesses a tag of 32 bytes.
fn unsigned(token: &str) {
    let now = Timestamp::from_second(NOW).unwrap();
    let _ = TokenParts::split_without_verifying(token);
    assert!(VERIFIER.verify(&RING, token, now).is_err());
    assert!(VERIFIER.verify_genuine(&RING, token).is_err());
    assert!(verify_signature_only(&RING, token).is_err());
}

fn signed(parts: &[u8]) {
    let at = parts.iter().position(|byte| *byte == b'\n').unwrap_or(parts.len());
    let (header, claims) = (&parts[..at], parts.get(at + 1..).unwrap_or_default());
    let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &SECRET), text.as_bytes());
    let token = format!("{text}.{}", URL_SAFE_NO_PAD.encode(tag));
    let now = Timestamp::from_second(NOW).unwrap();
    if let Ok(claims) = VERIFIER.verify(&RING, &token, now) {
        assert_eq!(VERIFIER.verify_genuine(&RING, &token), Ok(claims.clone()));
        assert_eq!((claims.issuer.as_str(), claims.audience.as_str()), ("https://rescind.example", "rescind-api"));
        assert!(claims.expires_at > now);
        assert!(claims.expires_at.duration_since(claims.issued_at).as_secs() <= 24 * 60 * 60);
        assert!(claims.issued_at.duration_since(now).as_secs() <= 5);
        let parts = TokenParts::split_without_verifying(&token).unwrap();
        assert_eq!((&parts.header["alg"], &parts.header["kid"]), (&"HS256".into(), &"k".into()));
        for refused in ["crit", "b64", "zip", "cty", "enc", "jwk", "jku", "x5u", "x5c"] {
            assert!(parts.header.get(refused).is_none());
        }
    }
}
