//! Two rings have the same fingerprint only if they hold the same keys.

use rescind_token::{KeyRing, RefreshKey, RefreshKeys, RingFingerprint, SigningKey};

use crate::forge::b64;

fn signing(name: &str, byte: u8) -> SigningKey {
    SigningKey::from_hs256_secret(name, &[byte; 32]).unwrap()
}

fn refresh(bytes: &[u8]) -> RefreshKeys {
    let mut keys = bytes
        .iter()
        .map(|byte| RefreshKey::from_base64url(&b64([*byte; 32])).unwrap());
    RefreshKeys::new(keys.next().unwrap(), keys.collect()).unwrap()
}

#[test]
fn the_same_keys_have_the_same_fingerprint_whichever_is_active() {
    let a_then_b = KeyRing::new(signing("a", 1)).with_retired(signing("b", 2).verifying_key());
    let b_then_a = KeyRing::new(signing("b", 2)).with_retired(signing("a", 1).verifying_key());
    let fingerprint = RingFingerprint::of(&a_then_b, &refresh(&[7, 8]));
    assert_eq!(fingerprint, RingFingerprint::of(&b_then_a, &refresh(&[8, 7])));
    assert_eq!(fingerprint.to_string().len(), 64);
    assert!(
        fingerprint
            .to_string()
            .chars()
            .all(|digit| matches!(digit, '0'..='9' | 'a'..='f'))
    );
}

#[test]
fn any_other_key_has_another_fingerprint() {
    let ring = || KeyRing::new(signing("a", 1));
    let fingerprints = [
        RingFingerprint::of(&ring(), &refresh(&[7])),
        // The same name, another secret: nodes would refuse each other's tokens.
        RingFingerprint::of(&KeyRing::new(signing("a", 2)), &refresh(&[7])),
        RingFingerprint::of(&KeyRing::new(signing("b", 1)), &refresh(&[7])),
        RingFingerprint::of(&ring().with_retired(signing("b", 2).verifying_key()), &refresh(&[7])),
        RingFingerprint::of(&ring(), &refresh(&[7, 8])),
        // Without the refresh key even the right guess of a secret has no fingerprint to be compared with.
        RingFingerprint::of(&ring(), &refresh(&[8])),
    ];
    for (index, one) in fingerprints.iter().enumerate() {
        for other in &fingerprints[index + 1..] {
            assert_ne!(one, other);
        }
    }
}
