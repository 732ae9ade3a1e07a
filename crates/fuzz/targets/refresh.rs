//! A refresh token, from its text to its tag, and back.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use rescind_token::{Generation, PresentedRefreshToken, RefreshKey, RefreshKeys, Salt, SessionId, Uuid};

static KEYS: LazyLock<RefreshKeys> = LazyLock::new(|| {
    let key = RefreshKey::from_base64url("BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc").unwrap();
    RefreshKeys::new(key, Vec::new()).unwrap()
});

fuzz_target!(|data: &[u8]| {
    match data.strip_prefix(b"I") {
        Some(parts) => issued(parts),
        None => presented(&String::from_utf8_lossy(data)),
    }
});

fn presented(text: &str) {
    assert!(KEYS.unseal(text).is_none());
    let Ok(token) = PresentedRefreshToken::parse(text) else { return };
    assert!(text.len() == 74 && text.starts_with("rrt_"));
    assert!(token.verify(&KEYS, &Salt::from_bytes([3; 32])).is_err());
}

fn issued(parts: &[u8]) {
    let Some((id, rest)) = parts.split_first_chunk::<16>() else { return };
    let Some((generation, rest)) = rest.split_first_chunk::<4>() else { return };
    let Some((salt, rest)) = rest.split_first_chunk::<32>() else { return };
    let session = SessionId::from_uuid(Uuid::from_bytes(*id));
    let generation = Generation::from(u32::from_be_bytes(*generation));
    let salt = Salt::from_bytes(*salt);
    let text = KEYS.issue(session, generation, &salt).expose_secret().to_owned();
    let genuine = PresentedRefreshToken::parse(&text).unwrap().verify(&KEYS, &salt).unwrap();
    assert_eq!((genuine.session_id(), genuine.generation()), (session, generation));
    // One changed character, anywhere: not read, or not genuine.
    if let [place, letter, ..] = rest {
        let mut changed = text.clone().into_bytes();
        let place = usize::from(*place) % changed.len();
        changed[place] = letter & 0x7f;
        let changed = String::from_utf8(changed).unwrap();
        let read = PresentedRefreshToken::parse(&changed).map(|token| token.verify(&KEYS, &salt).is_ok());
        assert!(changed == text || read != Ok(true));
    }
    let note = String::from_utf8_lossy(rest);
    assert_eq!(KEYS.unseal(&KEYS.seal(&note)), Some(&*note));
}
