//! Status lists: the order of the bits, and the header.

use jiff::Timestamp;
use rescind_token::{Algorithm, KeyRing, SignError, SigningKey, StatusList, StatusListToken, TokenParts};

fn list(invalid: &[u32]) -> StatusList {
    let mut list = StatusList::new();
    invalid.iter().for_each(|place| list.invalidate(*place));
    list
}

fn signed(ring: &KeyRing) -> Result<TokenParts, SignError> {
    let token = StatusListToken {
        uri: "https://auth.example/oauth/status/7".to_owned(),
        issued_at: Timestamp::from_second(1_000).unwrap(),
        expires_at: Timestamp::from_second(1_060).unwrap(),
        ttl: 10,
        compressed: b"compressed".to_vec(),
    };
    let signed = ring.sign_status_list(&token)?;
    Ok(TokenParts::split_without_verifying(&signed).unwrap())
}

fn ring(algorithm: Algorithm) -> KeyRing {
    KeyRing::new(SigningKey::generate(algorithm).unwrap())
}

/// The example of section 4.1: it is encoded as 0xB9, 0xA3.
#[test]
fn the_bits_are_in_the_order_of_the_drafts_example() {
    let set = [0, 3, 4, 5, 7, 8, 9, 13, 15];
    let list = list(&set);
    let bytes = list.as_bytes();
    assert_eq!(bytes.len(), StatusList::PLACES as usize / 8);
    assert_eq!(bytes[..2], [0xb9, 0xa3]);
    assert!(bytes[2..].iter().all(|byte| *byte == 0));
}

#[test]
fn the_last_place_is_in_the_list_and_the_next_one_is_not() {
    let last = StatusList::PLACES - 1;
    let list = list(&[last, last + 1, u32::MAX]);
    let bytes = list.as_bytes();
    assert_eq!(bytes.last(), Some(&0x80));
    assert_eq!(bytes.iter().map(|byte| byte.count_ones()).sum::<u32>(), 1);
}

#[test]
fn a_status_list_token_has_the_form_of_the_draft() {
    let ring = ring(Algorithm::EdDsa);
    let parts = signed(&ring).unwrap();
    assert_eq!(parts.header["typ"], "statuslist+jwt");
    assert_eq!(parts.header["kid"], ring.active().kid());
    let (claims, bits) = (&parts.claims, &parts.claims["status_list"]["bits"]);
    assert_eq!(claims["sub"], "https://auth.example/oauth/status/7");
    assert_eq!(
        (&claims["iat"], &claims["exp"], &claims["ttl"], bits),
        (&1_000.into(), &1_060.into(), &10.into(), &1.into())
    );
}

#[test]
fn a_shared_secret_signs_no_list() {
    assert_eq!(signed(&ring(Algorithm::Hs256)).unwrap_err(), SignError::SharedSecret);
}
