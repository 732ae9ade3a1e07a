//! A thief who can read the file finds no secret.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use rescind_session::{
    EndReason, RefreshState,
    ports::SessionStore,
    token::{
        AccessClaims, Algorithm, Generation, KeyRing, RefreshKey, RefreshKeys, RingFingerprint, SigningKey, TokenId,
    },
};

use secrecy::ExposeSecret;

use crate::fixture::{Place, closing, opened, rng, rotation};

fn holds(file: &[u8], what: &[u8]) -> bool {
    file.windows(what.len()).any(|window| window == what)
}

fn bytes_of(base64url: &str) -> Vec<u8> {
    BASE64_URL_SAFE_NO_PAD.decode(base64url).unwrap()
}

#[tokio::test]
async fn a_stolen_database_holds_no_token_no_tag_and_no_key() {
    let place = Place::new();
    let store = place.store().await;
    let key = RefreshKey::generate(&mut rng(7));
    let kept_key = key.to_base64url();
    let keys = RefreshKeys::new(key, Vec::new()).unwrap();
    let ring = KeyRing::new(SigningKey::generate(Algorithm::EdDsa).unwrap());

    let session = opened(&store, 1).await;
    let RefreshState { salt, .. } = session.refresh.clone().unwrap();
    let refresh_tokens = [0, 1].map(|generation| keys.issue(session.id, Generation::from(generation), &salt));
    let access_token = ring
        .sign(&AccessClaims {
            issuer: "https://rescind.example".to_owned(),
            audience: "rescind-api".to_owned(),
            subject: session.user,
            client_id: session.client_id.clone(),
            issued_at: session.created_at,
            expires_at: session.access_until,
            token_id: TokenId::random(&mut rng(8)),
            session_id: session.id,
            auth_time: None,
            extra: Default::default(),
        })
        .unwrap();
    let _ = store.rotate(&rotation(session.id, 0)).await.unwrap();
    let _ = store.close(session.id, &closing(EndReason::Logout)).await.unwrap();
    let _ = store
        .claim_fingerprint(&RingFingerprint::of(&ring, &keys).to_string(), None)
        .await
        .unwrap();

    let mut stolen = Vec::new();
    for file in ["rescind.db", "rescind.db-wal"] {
        stolen.extend(std::fs::read(place.file().with_file_name(file)).unwrap());
    }
    assert!(holds(&stolen, salt.as_bytes()), "the search finds what is there");
    assert!(
        holds(&stolen, session.id.as_uuid().as_bytes()),
        "the search finds what is there"
    );
    for sign in ["rrt_", "eyJ"] {
        assert!(
            !holds(&stolen, sign.as_bytes()),
            "something that begins like a token: {sign}"
        );
    }
    for token in refresh_tokens {
        let bytes = bytes_of(token.expose_secret().trim_start_matches("rrt_"));
        let tag = &bytes[20..];
        assert_eq!(tag.len(), 32);
        assert!(!holds(&stolen, tag), "a refresh token's tag");
    }
    let signature = access_token.expose_secret().rsplit('.').next().unwrap();
    assert!(!holds(&stolen, signature.as_bytes()), "an access token's signature");
    let kept_key = kept_key.expose_secret();
    assert!(!holds(&stolen, kept_key.as_bytes()), "the refresh key");
    assert!(!holds(&stolen, &bytes_of(kept_key)), "the refresh key's bytes");
}
