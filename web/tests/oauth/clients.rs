//! Clients from PyPI and npm, unmodified, with locked versions. Each script checks what its client returns.

use std::{path::Path, process::Stdio};

use rescind_testkit::{ExposeSecret, Tool, needs};
use serde_json::json;
use tokio::{io::AsyncWriteExt, process::Command};

use crate::Issuer;

/// Runs a script in `web/tests/oauth` with a session of the first client.
async fn runs(tool: Tool, script: &str) -> Option<Issuer> {
    let interpreter = needs(tool)?;
    let issuer = Issuer::start().await;
    let tokens = issuer.own.log_in(&issuer.api).await;
    let given = json!({
        "issuer": issuer.running.base_url(),
        "client_id": issuer.own.id,
        "client_secret": issuer.own.secret,
        "other_id": issuer.other.id,
        "other_secret": issuer.other.secret,
        "access_token": tokens.access().expose_secret(),
        "refresh_token": tokens.refresh().expose_secret(),
    });
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oauth").join(script);
    let mut running = Command::new(interpreter)
        .arg(script)
        // Each client's own switch for plain http; the others have it in their scripts.
        .env("AUTHLIB_INSECURE_TRANSPORT", "1")
        .env("OAUTHLIB_INSECURE_TRANSPORT", "1")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut input = running.stdin.take().unwrap();
    input.write_all(given.to_string().as_bytes()).await.unwrap();
    drop(input);
    let ended = running.wait_with_output().await.unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{said}\n{}", issuer.running.logs());
    Some(issuer)
}

#[tokio::test]
async fn authlib_refreshes_introspects_and_revokes() {
    runs(Tool::PythonClients, "python/authlib_client.py").await;
}

#[tokio::test]
async fn requests_oauthlib_refreshes_by_itself_and_revokes() {
    runs(Tool::PythonClients, "python/requests_oauthlib_client.py").await;
}

#[tokio::test]
async fn pyjwt_verifies_a_token_by_the_published_keys() {
    runs(Tool::PythonClients, "python/pyjwt_client.py").await;
}

#[tokio::test]
async fn oauth4webapi_discovers_refreshes_introspects_and_revokes() {
    runs(Tool::NpmClients, "npm/oauth4webapi.mjs").await;
}

#[tokio::test]
async fn openid_client_discovers_refreshes_introspects_and_revokes() {
    runs(Tool::NpmClients, "npm/openid-client.mjs").await;
}

#[tokio::test]
async fn jose_verifies_a_token_by_the_published_keys() {
    runs(Tool::NpmClients, "npm/jose.mjs").await;
}

#[tokio::test]
async fn sd_jwt_reads_the_status_list_before_and_after_a_logout() {
    runs(Tool::NpmClients, "npm/status_list.mjs").await;
}
