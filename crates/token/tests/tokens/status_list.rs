//! Status lists: the order of the bits, and the header.

use jiff::Timestamp;
use rescind_token::{
    Algorithm, KeyRing, SignError, SigningKey, StatusList, StatusListToken, TokenParts, Verifier, VerifyError,
};

fn list(invalid: &[u32]) -> StatusList {
    let mut list = StatusList::new();
    invalid.iter().for_each(|place| list.invalidate(*place));
    list
}

fn token() -> StatusListToken {
    StatusListToken {
        uri: "https://auth.example/oauth/status/7".to_owned(),
        issued_at: Timestamp::from_second(1_000).unwrap(),
        expires_at: Timestamp::from_second(1_060).unwrap(),
        ttl: 10,
        compressed: b"compressed".to_vec(),
    }
}

fn signed(ring: &KeyRing) -> Result<TokenParts, SignError> {
    let signed = ring.sign_status_list(&token())?;
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

#[test]
fn a_list_is_read_as_it_was_signed_and_the_reader_knows_its_end() {
    let list = list(&[3, 9]);
    let read = StatusList::from_bytes(list.as_bytes().to_vec()).unwrap();
    assert_eq!(
        [3, 9, 4].map(|place| read.is_invalid(place)),
        [Some(true), Some(true), Some(false)]
    );
    assert_eq!(read.is_invalid(StatusList::PLACES), None);
    assert_eq!(StatusList::from_bytes(vec![0; StatusList::LONGEST + 1]), None);
}

#[test]
fn a_list_is_accepted_from_its_address_until_it_expires() {
    let ring = ring(Algorithm::EdDsa);
    let verifier = Verifier::new("https://auth.example", "api");
    let list = ring.sign_status_list(&token()).unwrap();
    let (uri, keys) = (token().uri, &*ring);
    let verify = |list: &str, uri: &str, at: i64| {
        verifier.verify_status_list(keys, list, uri, Timestamp::from_second(at).unwrap())
    };
    assert_eq!(verify(&list, &uri, 1_059), Ok(token()));
    assert_eq!(verify(&list, &uri, 1_060), Err(VerifyError::MalformedClaim("exp")));
    assert_eq!(verify(&list, &uri, 990), Err(VerifyError::NotYetValid));
    let other = "https://auth.example/oauth/status/8";
    assert_eq!(verify(&list, other, 1_030), Err(VerifyError::MalformedClaim("sub")));
    let long = format!("{list}{}", "a".repeat(64 * 1024));
    assert_eq!(verify(&long, &uri, 1_030), Err(VerifyError::TooLong));
    let changed = list.replacen("eyJ", "eyK", 1);
    assert!(verify(&changed, &uri, 1_030).is_err());
}
