//! The published keys, and key files that change while the program runs.
#![cfg(unix)]

use std::{fs, io::Write, os::unix::fs::OpenOptionsExt, path::Path, time::Duration};

use rescind_session::token::{AccessClaims, Algorithm, KeyRing, SigningKey, TokenId, Verifier, VerifyingKeys};
use rescind_testkit::{Ended, ExposeSecret, SecretString, Tokens};
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

async fn run(stage: &Stage, words: &[&str]) -> Ended {
    let program = program().env("RESCIND_DATA_DIR", stage.running.data_dir());
    let program = words.iter().fold(program, |program, word| program.arg(word));
    program.run_to_exit().await.unwrap()
}

async fn run_well(stage: &Stage, words: &[&str]) -> String {
    let ended = run(stage, words).await;
    assert!(ended.status.success(), "{}", ended.stderr);
    ended.stdout
}

async fn refused(stage: &Stage, words: &[&str], because: &str) {
    assert_refused(&run(stage, words).await, because);
}

fn assert_refused(ended: &Ended, because: &str) {
    assert!(!ended.status.success(), "{}", ended.stdout);
    assert!(ended.stderr.contains(because), "{}", ended.stderr);
}

/// The lines of `keys list`: id, algorithm, and the rest.
async fn listed(stage: &Stage) -> Vec<(String, String, String)> {
    let list = run_well(stage, &["keys", "list"]).await;
    let word = |words: &mut std::str::SplitWhitespace<'_>| words.next().unwrap().to_owned();
    list.lines()
        .map(|line| {
            let mut words = line.split_whitespace();
            (word(&mut words), word(&mut words), words.collect::<Vec<_>>().join(" "))
        })
        .collect()
}

/// Refreshes until the access token is signed by another key than this one.
async fn until_signed_by_another(stage: &Stage, tokens: Tokens, old: &str) -> Tokens {
    let tokens = tokio::sync::Mutex::new(tokens);
    crate::stage::until(async || {
        let mut tokens = tokens.lock().await;
        *tokens = stage.api.refresh(tokens.refresh()).await.expect_status(200).tokens();
        kid(&tokens) != old
    })
    .await;
    tokens.into_inner()
}

fn kid(tokens: &Tokens) -> String {
    let header = tokens.access().expose_secret().split('.').next().unwrap();
    let header = base64::Engine::decode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, header).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_rotated_key_signs_at_its_instant_and_the_old_one_is_gone_in_the_end() {
    let quick = program()
        .env("RESCIND_ACCESS_TTL", "5s")
        .env("RESCIND_GRACE", "5s")
        .env("RESCIND_JWKS_MAX_AGE", "1s");
    let stage = Stage::with(quick).await;
    let tokens = stage.log_in().await;
    let old = kid(&tokens);
    let rotate = ["keys", "rotate", "--jwks-max-age", "1s"];
    let told = run_well(&stage, &rotate).await;
    let list = listed(&stage).await;
    let find = |list: &[(String, String, String)], id: &str| {
        let found = list.iter().find(|(listed, ..)| listed == id);
        found.map(|(.., state)| state.clone()).unwrap_or_default()
    };
    let new = list.iter().find(|(_, _, state)| state.starts_with("publishes only"));
    let new = new.unwrap_or_else(|| panic!("{list:?}")).0.clone();
    assert!(find(&list, &old).starts_with("signs "), "{list:?}");
    let instant = find(&list, &new).split(' ').nth(4).unwrap().to_owned();
    assert!(told.contains(&instant), "{told} names {instant}");
    until(&stage, "both are published", |keys| keys.find(&new).is_some()).await;
    refused(&stage, &rotate, &new).await;

    let tokens = until_signed_by_another(&stage, tokens, &old).await;
    assert_eq!(kid(&tokens), new);
    stage.assert_alive(&tokens).await;
    let list = listed(&stage).await;
    assert!(find(&list, &new).starts_with("signs "), "{list:?}");
    until(&stage, "the old one is not published", |keys| keys.find(&old).is_none()).await;
    assert!(find(&listed(&stage).await, &old).starts_with("gone since"), "{list:?}");
    let file = stage.running.data_dir().join("keys/access-0001.pem");
    assert!(file.exists(), "a node deletes no file");
    let kept = fs::read(&file).unwrap();
    assert!(run_well(&stage, &["keys", "retire"]).await.contains(&old));
    assert!(!file.exists());
    assert_eq!(find(&listed(&stage).await, &old), "");

    // A copy that comes back is not a key any more.
    write_private(&file, str::from_utf8(&kept).unwrap());
    let stage = Stage {
        running: stage.running.restart().await.unwrap(),
        ..stage
    };
    assert!(published(&stage).await.find(&old).is_none());
    stage.api.refresh(tokens.refresh()).await.expect_status(200);
}

#[tokio::test]
async fn for_a_leaked_key_the_new_one_signs_at_once_and_the_old_one_is_refused() {
    let stage = Stage::open().await;
    let tokens = stage.log_in().await;
    let old = kid(&tokens);
    let told = run_well(&stage, &["keys", "rotate", "--now"]).await;
    let times: Vec<_> = told
        .split_whitespace()
        .filter(|word| word.contains("T") && word.contains("Z"))
        .collect();
    assert_eq!(times.len(), 2, "when nodes refuse it, and when others do: {told}");
    assert!(times[0] < times[1], "{told}");
    // Between the two the node has no key that may issue, and answers 503.
    let only_the_new_one = |keys: &VerifyingKeys| keys.find(&old).is_none() && keys.iter().count() == 1;
    until(&stage, "only the new key is published", only_the_new_one).await;
    stage.api.me(tokens.access()).await.expect_problem(401, "token_invalid");
    // Nobody is logged out.
    let renewed = stage.api.refresh(tokens.refresh()).await.expect_status(200).tokens();
    assert_ne!(kid(&renewed), old);
    stage.assert_alive(&renewed).await;
    assert!(!stage.running.data_dir().join("keys/access-0001.pem").exists());
}

#[tokio::test]
async fn a_key_whose_tokens_are_accepted_is_retired_only_on_purpose() {
    let stage = Stage::with(program().env("RESCIND_JWKS_MAX_AGE", "1s")).await;
    let tokens = stage.log_in().await;
    let old = kid(&tokens);
    refused(&stage, &["keys", "retire", &old], "it issues tokens").await;
    refused(&stage, &["keys", "retire", "no-such-key"], "rescind keys list").await;
    // One that waits can be ended: nothing was signed with it.
    run_well(&stage, &["keys", "rotate", "--after", "1h"]).await;
    let waiting = listed(&stage).await;
    let waiting = waiting
        .iter()
        .find(|(_, _, state)| state.starts_with("publishes only"))
        .unwrap();
    run_well(&stage, &["keys", "retire", &waiting.0]).await;
    assert_eq!(
        listed(&stage)
            .await
            .iter()
            .filter(|(_, kind, _)| kind != "refresh")
            .count(),
        1
    );

    run_well(&stage, &["keys", "rotate", "--jwks-max-age", "1s"]).await;
    let renewed = until_signed_by_another(&stage, tokens.clone(), &old).await;
    let list = listed(&stage).await;
    let state = &list.iter().find(|(id, ..)| *id == old).unwrap().2;
    let until_then = state
        .strip_prefix("verifies until ")
        .unwrap()
        .split(' ')
        .next()
        .unwrap();
    refused(&stage, &["keys", "retire", &old], &until_then[..until_then.len() - 4]).await;
    stage.assert_alive(&tokens).await;
    run_well(&stage, &["keys", "retire", &old, "--now"]).await;
    until(&stage, "the old key is refused", |keys| keys.find(&old).is_none()).await;
    stage.api.me(tokens.access()).await.expect_problem(401, "token_invalid");
    stage.assert_alive(&renewed).await;
}

#[tokio::test]
async fn there_are_at_most_four_refresh_keys_and_no_list_shows_a_key() {
    let stage = Stage::with(program().env("RESCIND_JWKS_MAX_AGE", "1s")).await;
    for _ in 0..3 {
        run_well(&stage, &["keys", "rotate", "--refresh", "--jwks-max-age", "1s"]).await;
        crate::stage::until(async || !run_well(&stage, &["keys", "list"]).await.contains("accepted only")).await;
    }
    refused(&stage, &["keys", "rotate", "--refresh"], "there are 4 refresh keys").await;
    let list = run_well(&stage, &["keys", "list"]).await;
    for entry in fs::read_dir(stage.running.data_dir().join("keys")).unwrap() {
        let secret = fs::read_to_string(entry.unwrap().path()).unwrap();
        for line in secret.lines().filter(|line| line.len() > 20 && !line.starts_with('-')) {
            assert!(!list.contains(line), "key material is listed");
        }
    }
}

#[tokio::test]
async fn a_directory_without_the_keys_of_running_nodes_is_not_adopted() {
    let stage = Stage::open().await;
    let tokens = stage.log_in().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let with_other_keys = |words: [&str; 2]| {
        let program = program()
            .env("RESCIND_DATA_DIR", stage.running.data_dir())
            .env("RESCIND_KEYS", elsewhere.path().join("keys"));
        words
            .iter()
            .fold(program, |program, word| program.arg(word))
            .run_to_exit()
    };
    let made = with_other_keys(["keys", "generate"]).await.unwrap();
    assert!(made.status.success(), "{}", made.stderr);
    assert_refused(&with_other_keys(["keys", "adopt"]).await.unwrap(), "RESCIND_KEYS");
    stage.assert_alive(&tokens).await;
    stage.api.refresh(tokens.refresh()).await.expect_status(200);
}

#[tokio::test]
async fn no_shared_secret_is_made_for_a_node_that_signs_status_lists() {
    let stage = Stage::with(program().env("RESCIND_STATUS_LIST", "on")).await;
    let before = listed(&stage).await;
    let ended = program()
        .env("RESCIND_DATA_DIR", stage.running.data_dir())
        .env("RESCIND_STATUS_LIST", "on")
        .env("RESCIND_ALGORITHM", "HS256")
        .arg("keys")
        .arg("rotate")
        .run_to_exit();
    assert_refused(&ended.await.unwrap(), "RESCIND_STATUS_LIST");
    assert_eq!(listed(&stage).await, before, "no key was made");
}

#[tokio::test]
async fn generated_keys_are_the_keys_of_the_first_start() {
    let elsewhere = program();
    let data = elsewhere.data_dir();
    let made = elsewhere.arg("keys").arg("generate").run_to_exit().await.unwrap();
    assert!(made.status.success(), "{}", made.stderr);
    let id = made.stdout.split_whitespace().next().unwrap().to_owned();
    assert!(!data.join("rescind.db").exists(), "it needs no database");
    let stage = Stage::with(program().env("RESCIND_DATA_DIR", data)).await;
    assert_eq!(kid(&stage.log_in().await), id);
    drop(made);
}

#[tokio::test]
async fn a_secret_under_the_id_of_a_published_key_stops_the_start() {
    let stage = Stage::open().await;
    let id = kid(&stage.log_in().await);
    let stopped = stage.running.terminate().await.unwrap().program;
    let secret = format!("access-0002-{id}.hs256");
    let file = stopped.data_dir().join("keys").join(&secret);
    write_private(&file, "BwcH".repeat(11).get(..43).unwrap());
    let ended = stopped.run_to_exit().await.unwrap();
    assert!(!ended.status.success());
    for word in ["RESCIND_KEYS", "access-0001.pem", &secret] {
        assert!(ended.stderr.contains(word), "{}", ended.stderr);
    }
}
