//! A thief who can read every table finds no secret.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use rescind_session::{
    EndReason,
    ports::SessionStore,
    token::{Generation, RefreshKey, RefreshKeys},
};
use rescind_testkit::PostgresServer;
use secrecy::ExposeSecret;

use crate::fixture::{closing, fresh, opened, rng, rotation, store};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_stolen_database_holds_no_token_no_tag_and_no_key() {
    let Some(url) = fresh().await else { return };
    let store = store(&url).await;
    let key = RefreshKey::generate(&mut rng(7));
    let kept_key = key.to_base64url();
    let keys = RefreshKeys::new(key, Vec::new()).unwrap();
    let session = opened(&store, 1).await;
    let salt = session.refresh.clone().unwrap().salt;
    let tokens = [0, 1].map(|generation| keys.issue(session.id, Generation::from(generation), &salt));
    let _ = store.rotate(&rotation(session.id, 0)).await.unwrap();
    let _ = store.close(session.id, &closing(EndReason::Logout)).await.unwrap();

    let everything = "SELECT string_agg(query_to_xml(format('SELECT * FROM %I', tablename), true, true, '')::text, '')
                      FROM pg_tables WHERE schemaname = 'public'";
    let server = PostgresServer::shared().await;
    let settings = format!("SET xmlbinary = hex; {everything}");
    let stolen = server.sql_in(&url, &settings).await.to_lowercase();

    assert!(stolen.contains(&hex(salt.as_bytes())), "the search finds what is there");
    assert!(
        stolen.contains(&session.id.to_string()),
        "the search finds what is there"
    );
    for token in tokens {
        let bytes = BASE64_URL_SAFE_NO_PAD
            .decode(token.expose_secret().trim_start_matches("rrt_"))
            .unwrap();
        assert!(!stolen.contains(&hex(&bytes[20..])), "a refresh token's tag");
    }
    let key = kept_key.expose_secret();
    assert!(!stolen.contains(&key.to_lowercase()), "the refresh key");
    assert!(
        !stolen.contains(&hex(&BASE64_URL_SAFE_NO_PAD.decode(key).unwrap())),
        "the refresh key's bytes"
    );
    assert!(!stolen.contains("rrt_"), "something that begins like a token");
}
