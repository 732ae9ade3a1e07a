//! `rediss:` with a server whose certificate is trusted, and with one whose is not.

use std::{env, net::TcpListener, path::Path};

use rescind_store::RedisBlacklist;
use rescind_testkit::{RedisServer, Tool, make_certificates, needs};

use super::fixture::{Log, in_full, node, settings};

/// Passes the address to the second half of the test, and marks it as that half.
const URL: &str = "RESCIND_TEST_TLS_URL";

async fn server_with(certificates: &Path) -> (RedisServer, String) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let path = |file: &str| certificates.join(file).display().to_string();
    let server = RedisServer::with(&[
        "--tls-port",
        &port.to_string(),
        "--tls-cert-file",
        &path("server.pem"),
        "--tls-key-file",
        &path("server.key"),
        "--tls-ca-cert-file",
        &path("ca.pem"),
        "--tls-auth-clients",
        "no",
    ])
    .await;
    (server, format!("rediss://127.0.0.1:{port}"))
}

/// The trusted authorities are read from the environment, which a process cannot safely change for itself: so the
/// trusting half is this same test in a process of its own.
#[tokio::test]
async fn tls_accepts_trusted_certificates_only() {
    let Some(_) = needs(Tool::Redis) else { return };
    if let Ok(url) = env::var(URL) {
        let node = node(&url).await;
        let mut log = Log::new();
        log.append();
        return log.rebuild(&node).await;
    }
    let Some(_) = needs(Tool::OpenSsl) else { return };
    let directory = tempfile::tempdir().unwrap();
    make_certificates(directory.path());
    let (server, url) = server_with(directory.path()).await;

    let error = RedisBlacklist::connect(&url, &settings()).await.unwrap_err();
    assert!(
        in_full(&error).to_lowercase().contains("certificate"),
        "{}",
        in_full(&error)
    );

    let trusting = tokio::process::Command::new(env::current_exe().unwrap())
        .args(["--exact", "tls::tls_accepts_trusted_certificates_only"])
        .env(URL, &url)
        .env("SSL_CERT_FILE", directory.path().join("ca.pem"))
        .output()
        .await
        .unwrap();
    let output = String::from_utf8_lossy(&trusting.stdout);
    assert!(trusting.status.success() && output.contains("1 passed"), "{output}");
    assert_eq!(server.command(&["EXISTS", "{test}:mark"]).await, "1");
}
