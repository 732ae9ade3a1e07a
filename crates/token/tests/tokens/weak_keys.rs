//! Keys that anybody could sign with, or whose private half can be computed.

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use rescind_token::{Algorithm, KeyError, SigningKey, VerifyingKey};
use serde_json::{Value, json};

use crate::forge::{b64, unb64};

/// The seven `y` whose points have an order that divides 8, least significant byte first: 0, 1, two of order 8, -1, and
/// 0 and 1 again with the prime added. From libsodium, `ge25519_has_small_order`.
const SMALL_ORDER: [&str; 7] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

/// Both signs of `x` for each: 8 points and 6 further spellings of them.
fn small_order() -> impl Iterator<Item = [u8; 32]> {
    let bytes = |hex: &str| std::array::from_fn(|n| u8::from_str_radix(&hex[2 * n..2 * n + 2], 16).unwrap());
    let with_sign = |mut point: [u8; 32]| {
        point[31] |= 0x80;
        point
    };
    SMALL_ORDER
        .into_iter()
        .map(bytes)
        .flat_map(move |point| [point, with_sign(point)])
}

fn ed25519(point: [u8; 32]) -> Result<VerifyingKey, KeyError> {
    VerifyingKey::from_jwk(&json!({ "kty": "OKP", "crv": "Ed25519", "x": b64(point) }).to_string())
}

/// Whether the signature (identity, 0), which needs no private key, is valid for one of a few hundred messages.
fn anybody_can_sign(point: [u8; 32]) -> bool {
    let mut signature = [0; 64];
    signature[0] = 1;
    (0..200u8).any(|message| {
        UnparsedPublicKey::new(&ED25519, point)
            .verify(&[message], &signature)
            .is_ok()
    })
}

fn rsa(n: &[u8], e: &[u8]) -> Result<VerifyingKey, KeyError> {
    VerifyingKey::from_jwk(&json!({ "kty": "RSA", "n": b64(n), "e": b64(e) }).to_string())
}

/// The modulus of an RSA key that was just made.
fn modulus() -> Vec<u8> {
    let jwk: Value = SigningKey::generate(Algorithm::Rs256)
        .unwrap()
        .verifying_key()
        .to_jwk()
        .unwrap();
    unb64(jwk["n"].as_str().unwrap())
}

#[test]
fn ed25519_points_of_small_order_are_refused() {
    // The library accepts one spelling of each as a point. Eight of these are that one.
    assert_eq!(small_order().filter(|point| anybody_can_sign(*point)).count(), 8);
    for point in small_order() {
        assert!(matches!(ed25519(point), Err(KeyError::Weak(_))), "{point:x?}");
    }
}

#[test]
fn ed25519_points_with_a_second_spelling_are_refused() {
    // Of the 19 numbers above the prime some are on the curve. No generator makes such a key, and it would have two
    // names.
    for low in 0xed..=0xff {
        let mut point = [0xff; 32];
        (point[0], point[31]) = (low, 0x7f);
        assert!(ed25519(point).is_err(), "{point:x?}");
    }
}

#[test]
fn other_ed25519_points_are_accepted() {
    for mut point in small_order() {
        point[15] ^= 1;
        assert!(ed25519(point).is_ok());
        assert!(!anybody_can_sign(point));
    }
}

#[test]
fn unusable_rsa_exponents_are_refused() {
    let n = modulus();
    for e in [&[][..], &[0], &[1], &[2], &[4], &[0, 1], &[0, 0, 2], &[1, 0, 2]] {
        assert!(rsa(&n, e).is_err(), "{e:?}");
    }
    for e in [&[3][..], &[17], &[1, 0, 1]] {
        assert!(rsa(&n, e).is_ok(), "{e:?}");
    }
}

#[test]
fn an_rsa_modulus_has_at_least_2048_bits_however_it_is_written() {
    let n = modulus();
    assert!(rsa(&n, &[1, 0, 1]).is_ok());
    let one_bit_less = [&[n[0] >> 1], &n[1..]].concat();
    assert_eq!(
        rsa(&one_bit_less, &[1, 0, 1]).unwrap_err(),
        KeyError::RsaTooShort { bits: 2047 }
    );
    assert_eq!(
        rsa(&n[1..], &[1, 0, 1]).map(|_| ()).unwrap_err(),
        KeyError::RsaTooShort { bits: bits(&n[1..]) }
    );
    for zeros in [1, 2, 128, 200] {
        let padded = [&vec![0; zeros], &n[128..]].concat();
        assert_eq!(
            rsa(&padded, &[1, 0, 1]).unwrap_err(),
            KeyError::RsaTooShort { bits: bits(&n[128..]) },
            "{zeros} zero bytes in front"
        );
    }
}

#[test]
fn rsa_keys_with_the_roca_flaw_are_refused_in_every_form() {
    let refused = SigningKey::from_pkcs8_pem(include_str!("keys/rsa-roca.pem")).unwrap_err();
    assert!(matches!(refused, KeyError::Weak(_)), "{refused}");
    // Congruent to 1, a power of 65537, modulo every small prime: the fingerprint without a factorization.
    let mut n = vec![0; 262];
    n.extend([1, 0]);
    for prime in (3..=167).filter(|n| (2..*n).all(|d| n % d != 0)) {
        let mut carry = 0;
        for byte in n.iter_mut().rev() {
            let product = u32::from(*byte) * prime + carry;
            (*byte, carry) = (product as u8, product >> 8);
        }
    }
    let length = n.iter().skip_while(|byte| **byte == 0).count();
    n.rotate_left(264 - length);
    n[263] |= 1;
    assert!(matches!(rsa(&n, &[1, 0, 1]), Err(KeyError::Weak(_))));
    n[263] ^= 2;
    assert!(rsa(&n, &[1, 0, 1]).is_ok());
}

/// Without leading zeros.
fn bits(number: &[u8]) -> usize {
    let number: Vec<_> = number.iter().copied().skip_while(|byte| *byte == 0).collect();
    number.len() * 8 - number[0].leading_zeros() as usize
}
