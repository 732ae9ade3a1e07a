//! The published walk through the JSON API works.

use std::path::Path;
use std::process::Command;

use rescind_testkit::{Program, Tool, needs};

/// Longer than the prefix of a token that the tour shows.
const SHOWN: usize = 20;

// More than one thread: the program's output is collected while this one waits for the script.
#[tokio::test(flavor = "multi_thread")]
async fn the_tour_goes_through_and_shows_no_token_in_full() {
    let (Some(_), Some(_)) = (needs(Tool::Curl), needs(Tool::Jq)) else {
        return;
    };
    let program = Program::new(env!("CARGO_BIN_EXE_rescind"))
        // The tour is about the answers, not about this machine's load.
        .env("RESCIND_STORE_TIMEOUT", "10s")
        .start()
        .await
        .unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/curl-tour.sh");
    let output = Command::new("bash")
        .arg(script)
        .arg(program.base_url())
        .output()
        .unwrap();
    let shown = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        output.status.success(),
        "{}\n{shown}\n{}",
        output.status,
        program.logs()
    );
    let tokens = shown
        .split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.'))
        .filter(|word| (word.starts_with("eyJ") || word.starts_with("rrt_")) && word.len() > SHOWN);
    assert_eq!(tokens.count(), 0, "{shown}");
}
