//! Login, guard, refresh and logout behind axum; a kill -9 after the logout revives nothing.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use rescind_testkit::Program;

const PASSWORD: &str = "correct horse battery staple";

#[tokio::test]
async fn a_logged_out_token_stays_refused_after_a_kill() {
    let running = Program::new(env!("CARGO_BIN_EXE_axum-service")).start().await.unwrap();
    running.ready().await.unwrap();
    let api = running.api_client();
    api.sign_up("alice", PASSWORD).await.expect_status(201);
    api.log_in("alice", "a wrong password").await.expect_status(401);
    let first = api.log_in("alice", PASSWORD).await.expect_status(200).tokens();
    let second = api.refresh(first.refresh()).await.expect_status(200).tokens();
    api.me(second.access()).await.expect_status(200);
    let other = api.log_in("alice", PASSWORD).await.expect_status(200).tokens();
    api.log_out(second.access()).await.expect_status(204);
    api.me(first.access()).await.expect_status(401);

    let running = running.kill_9().await.start().await.unwrap();
    running.ready().await.unwrap();
    let api = running.api_client();
    for ended in [&first, &second] {
        api.me(ended.access()).await.expect_status(401);
        api.refresh(ended.refresh()).await.expect_status(401);
    }
    api.me(other.access()).await.expect_status(200);
}
