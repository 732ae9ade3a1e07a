//! The published keys, and key files that change while the program runs.
#![cfg(unix)]

use std::{fs, io::Write, os::unix::fs::OpenOptionsExt, path::Path, time::Duration};

use rescind_session::token::{AccessClaims, Algorithm, KeyRing, SigningKey, TokenId, Verifier, VerifyingKeys};
use rescind_testkit::{ExposeSecret, SecretString, Tokens};
use serde_json::Value;

use crate::stage::{Stage, program};

/// The keys as the program publishes them.
async fn published(stage: &Stage) -> VerifyingKeys {
    let reply = stage.api.get("/.well-known/jwks.json", None).await.expect_status(200);
    VerifyingKeys::from_jwks(&reply.text).unwrap()
}

/// Waits until the published document is as expected.
async fn until(stage: &Stage, what: &str, is_so: impl Fn(&VerifyingKeys) -> bool) -> VerifyingKeys {
    let waiting = async {
        loop {
            let keys = published(stage).await;
            if is_so(&keys) {
                return keys;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(60), waiting).await;
    assert!(waited.is_ok(), "never: {what}");
    waited.unwrap()
}

/// Waits until the log has that line.
async fn until_logged(stage: &Stage, words: &str) {
    let waiting = async {
        while !stage.running.logs().contains(words) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(60), waiting).await;
    assert!(waited.is_ok(), "never logged: {words}");
}

fn claims(stage: &Stage, keys: &VerifyingKeys, tokens: &Tokens) -> AccessClaims {
    let token = tokens.access().expose_secret();
    let verifier = Verifier::new(stage.running.base_url(), "rescind-api");
    verifier.verify_genuine(keys, token).unwrap()
}

/// Another token of that session, signed with the key of a file.
fn signed_with(file: &Path, claims: &AccessClaims) -> SecretString {
    let key = SigningKey::from_pkcs8_pem(&fs::read_to_string(file).unwrap()).unwrap();
    let claims = AccessClaims {
        token_id: TokenId::from_uuid(claims.session_id.as_uuid()),
        ..claims.clone()
    };
    KeyRing::new(key).sign(&claims).unwrap().expose_secret().into()
}

fn write_private(path: &Path, text: &str) {
    let mut options = fs::OpenOptions::new();
    let mut file = options.mode(0o600).write(true).create_new(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

async fn command(stage: &Stage, words: [&str; 2]) {
    let program = program().env("RESCIND_DATA_DIR", stage.running.data_dir());
    let program = words.iter().fold(program, |program, word| program.arg(word));
    let ended = program.run_to_exit().await.unwrap();
    assert!(ended.status.success(), "{}", ended.stderr);
}

fn algorithm(tokens: &Tokens, keys: &VerifyingKeys) -> Algorithm {
    let header = tokens.access().expose_secret().split('.').next().unwrap();
    let header: Value =
        serde_json::from_slice(&base64::Engine::decode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, header).unwrap())
            .unwrap();
    keys.find(header["kid"].as_str().unwrap()).unwrap().algorithm()
}

#[tokio::test]
async fn a_running_node_verifies_with_a_new_key_before_it_signs_with_it() {
    let stage = Stage::open().await;
    let tokens = stage.log_in().await;
    let keys = published(&stage).await;
    let old = claims(&stage, &keys, &tokens);
    command(&stage, ["keys", "rotate"]).await;
    let keys = until(&stage, "two keys", |keys| keys.iter().count() == 2).await;

    let new_file = stage.running.data_dir().join("keys/access-0002.pem");
    let by_new = signed_with(&new_file, &old);
    stage.api.me(&by_new).await.expect_status(200);
    stage.assert_alive(&tokens).await;
    let later = stage.log_in().await;
    let new_kid = SigningKey::from_pkcs8_pem(&fs::read_to_string(&new_file).unwrap()).unwrap();
    assert_ne!(keys.iter().next().unwrap().kid(), new_kid.kid(), "the old key signs");
    assert_eq!(algorithm(&later, &keys), Algorithm::EdDsa);

    // The file of a key that was stolen is removed.
    fs::remove_file(&new_file).unwrap();
    command(&stage, ["keys", "adopt"]).await;
    until(&stage, "one key", |keys| keys.iter().count() == 1).await;
    stage.api.me(&by_new).await.expect_problem(401, "token_invalid");
    stage.assert_alive(&tokens).await;
}

#[tokio::test]
async fn a_broken_or_foreign_key_file_is_logged_and_changes_nothing() {
    let stage = Stage::open().await;
    let tokens = stage.log_in().await;
    let keys = stage.running.data_dir().join("keys");
    let broken = keys.join("access-0002.pem");
    write_private(&broken, "no key");
    until_logged(&stage, "access-0002.pem holds no key").await;
    stage.assert_alive(&tokens).await;
    assert_eq!(published(&stage).await.iter().count(), 1);

    // A good one that the database does not know.
    fs::remove_file(&broken).unwrap();
    let foreign = SigningKey::generate(Algorithm::Es256).unwrap();
    write_private(&broken, foreign.to_pkcs8_pem().unwrap().expose_secret());
    until_logged(&stage, "they are not the keys of this database").await;
    assert_eq!(published(&stage).await.iter().count(), 1);
    let claims = claims(&stage, &published(&stage).await, &tokens);
    let by_foreign = signed_with(&broken, &claims);
    stage.api.me(&by_foreign).await.expect_problem(401, "token_invalid");
    command(&stage, ["keys", "adopt"]).await;
    until(&stage, "two keys", |keys| keys.iter().count() == 2).await;
    stage.api.me(&by_foreign).await.expect_status(200);
}
