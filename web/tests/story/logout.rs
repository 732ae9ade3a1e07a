//! The main story: log in, be robbed, log out, and the stolen token is refused, and stays refused.

use jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use rescind_testkit::{Program, Reply, Thief, Tokens, Tool, needs};

use crate::{
    clock::pruned_by_a_fast_clock,
    stage::{Stage, program},
};

/// Logs in, is robbed, logs out; and a device that stays logged in, to show that not everything is refused.
async fn robbed_and_logged_out(stage: &Stage) -> (Thief, Tokens, Tokens) {
    let (bystander, tokens) = (stage.log_in().await, stage.log_in().await);
    let thief = Thief::copying(&stage.api, &tokens);
    thief.tries_me().await.expect_status(200);
    let reply = stage.api.log_out(tokens.access()).await.expect_status(204);
    assert_eq!(reply.text, "");
    thief.tries_me().await.expect_problem(401, "token_revoked");
    (thief, tokens, bystander)
}

#[tokio::test]
async fn a_logout_revokes_the_stolen_token_at_once_and_no_other() {
    let stage = Stage::open().await;
    let (mut thief, tokens, bystander) = robbed_and_logged_out(&stage).await;
    let refused = thief.tries_me().await;
    assert!(
        refused.header("www-authenticate").contains(r#"error="invalid_token""#),
        "RFC 6750 wants to be told: {refused:?}"
    );
    thief.tries_refresh().await.expect_problem(401, "session_closed");
    assert_eq!(stage.generation(&bystander, &tokens.session_id).await, None);
    stage.assert_alive(&bystander).await;
    // A client that lost the first answer repeats the request.
    stage.api.log_out(tokens.access()).await.expect_status(204);
}

#[tokio::test]
async fn a_logged_out_token_stays_refused_over_kill_9_and_a_restart() {
    let stage = Stage::open().await;
    let (_, tokens, bystander) = robbed_and_logged_out(&stage).await;
    let stage = Stage::with(stage.running.kill_9().await).await;
    stage.assert_dead(&tokens).await;
    stage.assert_alive(&bystander).await;
}

/// The wall clock as the program sees it.
fn wall_clock(reply: &Reply) -> Timestamp {
    rfc2822::parse(reply.header("date")).unwrap().timestamp()
}

#[tokio::test]
async fn a_logged_out_token_stays_refused_when_the_clock_goes_back_before_a_restart() {
    let Some(_) = needs(Tool::Faketime) else { return };
    let stage = Stage::open().await;
    let (_, tokens, bystander) = robbed_and_logged_out(&stage).await;
    let before = stage.api.me(bystander.access()).await.expect_status(200);

    let stopped: Program = stage.running.kill_9().await;
    // It is not ready, since its clock is behind what the database has seen; requests are answered all the same.
    let stage = Stage::unready(stopped.with_clock_offset("-1h")).await;
    stage.assert_dead(&tokens).await;
    stage.assert_alive(&bystander).await;

    let later = stage.log_in().await;
    let after = stage.api.me(later.access()).await.expect_status(200);
    let went_back = wall_clock(&before).duration_since(wall_clock(&after));
    assert!(
        went_back > SignedDuration::from_mins(50),
        "the clock was not moved: {went_back}"
    );
    let issued = |me: &Reply| me.body["issued_at"].as_str().unwrap().parse::<Timestamp>().unwrap();
    assert!(
        issued(&after) >= issued(&before),
        "the program's own time went back with the wall clock: {before:?} {after:?}"
    );

    // Worse: a start in between whose clock is ahead prunes the revocation away. Ten minutes and the margin have passed by it.
    let stopped = pruned_by_a_fast_clock(stage.running.kill_9().await, "+1h").await;
    let stage = Stage::unready(stopped.with_clock_offset("-1h")).await;
    let refused = stage.api.me(tokens.access()).await;
    assert_eq!(refused.status, 401, "the token counts again: {refused:?}");
    assert_eq!(stage.api.refresh(tokens.refresh()).await.status, 401);
}

#[tokio::test]
async fn a_clock_that_steps_under_the_running_program_revives_no_token() {
    let Some(_) = needs(Tool::Faketime) else { return };
    let stage = Stage::with(program().with_clock_offset("+0")).await;
    let (_, tokens, bystander) = robbed_and_logged_out(&stage).await;
    for step in ["-1h", "+1h"] {
        stage.running.step_clock(step).unwrap();
        stage.assert_dead(&tokens).await;
        stage.assert_alive(&bystander).await;
    }
}

#[tokio::test]
async fn an_access_token_that_has_expired_still_logs_out() {
    let stage = Stage::with(program().env("RESCIND_ACCESS_TTL", "1s")).await;
    let tokens = stage.log_in().await;
    stage.api.until_expired(tokens.access()).await;
    stage.api.log_out(tokens.access()).await.expect_status(204);
    let refused = stage.api.refresh(tokens.refresh()).await;
    refused.expect_problem(401, "session_closed");
}

#[tokio::test]
async fn a_refresh_token_alone_logs_out() {
    let stage = Stage::open().await;
    let tokens = stage.log_in().await;
    stage
        .api
        .log_out_by_refresh_token(tokens.refresh())
        .await
        .expect_status(204);
    stage.assert_dead(&tokens).await;
}

#[tokio::test]
async fn an_old_refresh_token_alone_logs_its_session_out() {
    let stage = Stage::open().await;
    let tokens = stage.log_in().await;
    let newer = stage.api.refresh(tokens.refresh()).await.tokens();
    stage
        .api
        .log_out_by_refresh_token(tokens.refresh())
        .await
        .expect_status(204);
    stage.api.me(tokens.access()).await.expect_problem(401, "token_revoked");
    stage.assert_dead(&newer).await;
}

#[tokio::test]
async fn logging_out_everywhere_ends_every_device_of_one_person_and_none_of_another() {
    let stage = Stage::open().await;
    let (here, there) = (stage.log_in().await, stage.log_in().await);
    let bob = stage.api.log_in("bob", crate::stage::DEMO_PASSWORD).await.tokens();
    stage.api.log_out_everywhere(here.access()).await.expect_status(204);
    stage.assert_dead(&here).await;
    stage.assert_dead(&there).await;
    stage.assert_alive(&bob).await;
}

#[tokio::test]
async fn one_device_logs_out_another_but_no_device_of_another_user() {
    let stage = Stage::open().await;
    let (here, there) = (stage.log_in().await, stage.log_in().await);
    let bob = stage.api.log_in("bob", crate::stage::DEMO_PASSWORD).await.tokens();
    let ended = stage.api.log_out_session(bob.access(), &there.session_id).await;
    ended.expect_problem(404, "not_found");
    stage.assert_alive(&there).await;
    stage
        .api
        .log_out_session(here.access(), &there.session_id)
        .await
        .expect_status(204);
    stage.assert_dead(&there).await;
    stage.assert_alive(&here).await;
}
