//! Keys over `https`: from a server whose certificate is trusted, and from one whose is not.

use std::{
    env, fs,
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::Duration,
};

use rescind_api::{ResourceServer, ResourceServerSettings, RevocationCheck};
use rescind_testkit::{Tool, make_certificates, needs};

/// Passes the address to the second half of the test, and marks it as that half.
const URL: &str = "RESCIND_TEST_JWKS_URL";

struct TlsServer(Child);

impl Drop for TlsServer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn fetches(url: &str) -> bool {
    let mut settings = ResourceServerSettings::new("https://auth.example", "api");
    settings.jwks_url = url.to_owned();
    settings.timeout = Duration::from_secs(20);
    let server = ResourceServer::new(settings, RevocationCheck::NotChecked).unwrap();
    server.fetch_keys().await.is_ok()
}

/// The trusted authorities are read from the environment, which a process cannot safely change for itself: so the
/// trusting half is this same test in a process of its own.
#[tokio::test]
async fn keys_over_https_need_a_trusted_certificate() {
    if let Ok(url) = env::var(URL) {
        assert!(fetches(&url).await);
        return;
    }
    let Some(_) = needs(Tool::OpenSsl) else { return };
    let directory = tempfile::tempdir().unwrap();
    make_certificates(directory.path());
    fs::write(directory.path().join("keys.json"), r#"{"keys":[]}"#).unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let arguments = format!("s_server -accept 127.0.0.1:{port} -cert server.pem -key server.key -WWW -quiet");
    let server = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(directory.path())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let _server = TlsServer(server);
    let listening = async {
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), listening).await.unwrap();

    let url = format!("https://127.0.0.1:{port}/keys.json");
    assert!(!fetches(&url).await, "that authority is not trusted");
    let trusting = Command::new(env::current_exe().unwrap())
        .args(["--exact", "tls::keys_over_https_need_a_trusted_certificate"])
        .env(URL, &url)
        .env("SSL_CERT_FILE", directory.path().join("ca.pem"))
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&trusting.stdout);
    assert!(trusting.status.success() && output.contains("1 passed"), "{output}");
}
