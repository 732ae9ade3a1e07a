//! The refresh token's codec accepts only what we issued, for exactly this session, generation and salt.

use proptest::prelude::*;
use rescind_token::{
    Generation, KeyError, PresentedRefreshToken, RefreshKey, RefreshKeys, RefreshTokenError, Salt, SessionId,
};
use secrecy::ExposeSecret;
use uuid::Uuid;

use crate::forge::{b64, rng, unb64};

fn keys(bytes: [u8; 32]) -> RefreshKeys {
    RefreshKeys::new(key(bytes), vec![]).unwrap()
}

fn key(bytes: [u8; 32]) -> RefreshKey {
    RefreshKey::from_base64url(&b64(bytes)).unwrap()
}

fn issue(keys: &RefreshKeys, session: u128, generation: u32, salt: [u8; 32]) -> String {
    keys.issue(session_id(session), generation.into(), &Salt::from_bytes(salt))
        .expose_secret()
        .to_owned()
}

fn session_id(number: u128) -> SessionId {
    SessionId::from_uuid(Uuid::from_u128(number))
}

/// Parses and verifies, as a server does.
fn accept(text: &str, keys: &RefreshKeys, salt: [u8; 32]) -> Result<(SessionId, Generation), RefreshTokenError> {
    let genuine = PresentedRefreshToken::parse(text)?.verify(keys, &Salt::from_bytes(salt))?;
    Ok((genuine.session_id(), genuine.generation()))
}

#[test]
fn the_format_is_the_documented_one() {
    // Computed with Python's `hmac` over the documented layout.
    let expected = "rrt_AZSisAAAcACAAAAAAAAAAQAAAQIpRSJjQxwkJzrhVaICEU49XTi_sqjj4EDmiD9-fGzTBw";
    let keys = keys(std::array::from_fn(|byte| byte as u8));
    let session = 0x0194_a2b0_0000_7000_8000_0000_0000_0001;
    assert_eq!(issue(&keys, session, 258, [0xa5; 32]), expected);
}

#[test]
fn an_older_key_is_still_accepted_and_no_longer_used() {
    let old = keys([1; 32]);
    let token = issue(&old, 7, 0, [9; 32]);
    let ring = RefreshKeys::new(key([2; 32]), vec![key([3; 32]), key([1; 32])]).unwrap();
    assert!(accept(&token, &ring, [9; 32]).is_ok());
    assert_ne!(issue(&ring, 7, 0, [9; 32]), token);
    assert_eq!(issue(&ring, 7, 0, [9; 32]), issue(&keys([2; 32]), 7, 0, [9; 32]));
}

#[test]
fn a_key_that_is_in_the_ring_twice_is_still_accepted() {
    let token = issue(&keys([1; 32]), 7, 0, [9; 32]);
    let ring = RefreshKeys::new(key([1; 32]), vec![key([1; 32])]).unwrap();
    assert!(accept(&token, &ring, [9; 32]).is_ok());
}

#[test]
fn at_most_four_keys_are_tried() {
    let older = |count: u8| (0..count).map(|byte| key([byte; 32])).collect();
    assert!(RefreshKeys::new(key([9; 32]), older(3)).is_ok());
    let refused = RefreshKeys::new(key([9; 32]), older(4)).unwrap_err();
    assert_eq!(refused, KeyError::TooManyRefreshKeys { given: 5, most: 4 });
}

#[test]
fn a_refresh_key_is_32_bytes_and_reads_back() {
    let key = RefreshKey::generate(&mut rng());
    let text = key.to_base64url();
    let again = RefreshKey::from_base64url(text.expose_secret()).unwrap();
    assert_eq!(again.to_base64url().expose_secret(), text.expose_secret());
    for text in [
        "",
        "AAAA",
        &b64([1; 31]),
        &b64([1; 33]),
        &format!("{}=", b64([1; 32])),
        &format!("{}\n", b64([1; 32])),
    ] {
        assert_eq!(
            RefreshKey::from_base64url(text).unwrap_err(),
            KeyError::RefreshKey,
            "{text:?}"
        );
    }
}

#[test]
fn refresh_types_print_no_secret() {
    let keys = RefreshKeys::new(key([0xab; 32]), vec![key([0xab; 32])]).unwrap();
    let salt = Salt::from_bytes([0xab; 32]);
    let token = keys.issue(session_id(1), Generation::FIRST, &salt);
    let presented = PresentedRefreshToken::parse(token.expose_secret()).unwrap();
    let printed = format!(
        "{keys:?} {salt:?} {token:?} {presented:?} {:?}",
        key([0xab; 32]).to_base64url()
    );
    let tag = unb64(&token.expose_secret()["rrt_".len()..])[20..].to_vec();
    for part in [
        "171",
        "abab",
        &b64([0xab; 32]),
        &token.expose_secret()[4..],
        &format!("{tag:?}"),
    ] {
        assert!(!printed.contains(part), "{part} in {printed}");
    }
}

proptest! {
    #[test]
    fn what_was_issued_is_genuine(session: u128, generation: u32, salt: [u8; 32], secret: [u8; 32]) {
        let keys = keys(secret);
        let token = issue(&keys, session, generation, salt);
        prop_assert_eq!(token.len(), 74);
        let presented = PresentedRefreshToken::parse(&token).unwrap();
        prop_assert_eq!(presented.unverified_session_id(), session_id(session));
        prop_assert_eq!(accept(&token, &keys, salt), Ok((session_id(session), generation.into())));
    }

    #[test]
    fn any_single_bit_flipped_is_refused(session: u128, generation: u32, salt: [u8; 32], secret: [u8; 32]) {
        let keys = keys(secret);
        let body = unb64(&issue(&keys, session, generation, salt)["rrt_".len()..]);
        for bit in 0..body.len() * 8 {
            let mut flipped = body.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let token = format!("rrt_{}", b64(flipped));
            prop_assert_eq!(accept(&token, &keys, salt), Err(RefreshTokenError::Forged));
        }
    }

    #[test]
    fn any_other_salt_or_key_is_refused(generation: u32, salts: [[u8; 32]; 2], secrets: [[u8; 32]; 2]) {
        prop_assume!(salts[0] != salts[1] && secrets[0] != secrets[1]);
        let token = issue(&keys(secrets[0]), 1, generation, salts[0]);
        prop_assert_eq!(accept(&token, &keys(secrets[0]), salts[1]), Err(RefreshTokenError::Forged));
        prop_assert_eq!(accept(&token, &keys(secrets[1]), salts[0]), Err(RefreshTokenError::Forged));
    }

    #[test]
    fn a_tag_does_not_fit_another_session_or_generation(sessions: [u128; 2], generations: [u32; 2], salt: [u8; 32]) {
        prop_assume!(sessions[0] != sessions[1] && generations[0] != generations[1]);
        let keys = keys([5; 32]);
        let body = |session, generation| unb64(&issue(&keys, session, generation, salt)["rrt_".len()..]);
        let genuine = body(sessions[0], generations[0]);
        for other in [body(sessions[1], generations[0]), body(sessions[0], generations[1])] {
            let grafted = format!("rrt_{}", b64([&other[..20], &genuine[20..]].concat()));
            prop_assert_eq!(accept(&grafted, &keys, salt), Err(RefreshTokenError::Forged));
        }
    }

    #[test]
    fn a_token_has_one_spelling_only(session: u128, letter in "[A-Za-z0-9_-]") {
        let keys = keys([5; 32]);
        let token = issue(&keys, session, 3, [6; 32]);
        // 52 bytes leave four unused bits in the last character.
        let other = format!("{}{letter}", &token[..token.len() - 1]);
        prop_assume!(other != token);
        prop_assert!(accept(&other, &keys, [6; 32]).is_err());
        for odd in [
            format!("{token}="), format!("{token}A"), format!("{token}\n"), format!(" {token}"),
            token.replacen("rrt_", "", 1), token.replacen("rrt_", "RRT_", 1), token[..token.len() - 1].to_owned(),
            token.replace('_', "/").replace('-', "+"),
        ] {
            prop_assert_eq!(PresentedRefreshToken::parse(&odd).unwrap_err(), RefreshTokenError::Malformed);
        }
    }

    #[test]
    fn random_refresh_text_is_refused_without_a_panic(text in "(rrt_)?([A-Za-z0-9_-]{70}|.*)") {
        prop_assert!(accept(&text, &keys([5; 32]), [6; 32]).is_err());
    }
}

#[test]
fn a_sealed_text_is_read_by_the_keys_of_the_ring_only() {
    let old = keys([1; 32]);
    let sealed = old.seal("logged-out.now");
    let ring = RefreshKeys::new(key([2; 32]), vec![key([1; 32])]).unwrap();
    for keys in [&old, &ring] {
        assert_eq!(keys.unseal(&sealed), Some("logged-out.now"));
    }
    let twice = RefreshKeys::new(key([1; 32]), vec![key([1; 32])]).unwrap();
    assert_eq!(
        twice.unseal(&sealed),
        Some("logged-out.now"),
        "a key that is there twice"
    );
    assert_eq!(keys([2; 32]).unseal(&sealed), None);
    for changed in [
        "logged-out.now",
        "",
        ".",
        &sealed[1..],
        &sealed[..sealed.len() - 1],
        &format!("x{sealed}"),
    ] {
        assert_eq!(old.unseal(changed), None, "{changed}");
    }
}

#[test]
fn a_seal_is_not_a_refresh_token_and_vice_versa() {
    let keys = keys([1; 32]);
    let mut body = Uuid::from_u128(7).as_bytes().to_vec();
    body.extend([0; 4]);
    // The text that a refresh token's tag covers, as far as it can be written as text.
    let text = String::from_utf8(body.iter().copied().chain([0; 32]).collect()).unwrap();
    let sealed = keys.seal(&text);
    let tag = unb64(sealed.rsplit_once('.').unwrap().1);
    body.extend(tag);
    let forged = format!("rrt_{}", b64(&body));
    assert_eq!(accept(&forged, &keys, [0; 32]), Err(RefreshTokenError::Forged));
}
