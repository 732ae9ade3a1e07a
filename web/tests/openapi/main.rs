//! Schemathesis, unmodified, against the OpenAPI document of the running program.

use std::process::Command;

use rescind_testkit::{Program, Tool, needs, rounds};

const OWN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/openapi");

/// No server error, no undocumented reply, and every body is as described. `hooks.py` logs in; `schemathesis.toml` says which
/// of its expectations do not fit, and why.
#[tokio::test]
async fn schemathesis_finds_no_reply_that_is_not_documented() {
    let Some(schemathesis) = needs(Tool::Schemathesis) else {
        return;
    };
    let program = || Program::new(env!("CARGO_BIN_EXE_rescind"));
    let made = program()
        .arg("clients")
        .arg("new")
        .arg("app")
        .run_to_exit()
        .await
        .unwrap();
    let told = |name: &str| made.stdout.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    let running = program()
        .env("RESCIND_OAUTH_CLIENTS", told("RESCIND_OAUTH_CLIENTS: "))
        .env("RESCIND_FORWARD_AUTH", "envoy")
        .env("RESCIND_ACCESS_TTL", "1h")
        .env("RESCIND_LOGIN_LIMIT", "off")
        .env("RESCIND_SIGNUP_LIMIT", "off")
        .env("RESCIND_STORE_TIMEOUT", "10s")
        .start()
        .await
        .unwrap();
    running.ready().await.unwrap();
    let cases = rounds(5, 100).to_string();
    // It writes into its working directory.
    let directory = tempfile::tempdir().unwrap();
    let output = tokio::task::spawn_blocking({
        let (url, secret) = (running.base_url().to_owned(), told("client_secret: ").to_owned());
        move || {
            Command::new(schemathesis)
                .args([
                    "--config-file",
                    &format!("{OWN}/schemathesis.toml"),
                    "--no-color",
                    "run",
                ])
                .args(["--seed", "7", "--max-examples", &cases])
                .arg(format!("{url}/api/openapi.json"))
                .env("RESCIND_TEST_URL", &url)
                .env("RESCIND_TEST_CLIENT_SECRET", secret)
                .env("SCHEMATHESIS_HOOKS", "hooks")
                .env("PYTHONPATH", OWN)
                .env("PYTHONDONTWRITEBYTECODE", "1")
                .current_dir(directory.path())
                .output()
                .unwrap()
        }
    })
    .await
    .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let summary = said.split("SUMMARY").last().unwrap_or_default();
    println!("{summary}");
}
