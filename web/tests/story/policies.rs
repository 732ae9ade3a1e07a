//! The five policies, as a client meets them: whether a stolen access token works after a logout, and what is checked.

use jiff::{Timestamp, fmt::rfc2822};
use rescind_testkit::{CookieClient, ExposeSecret, Reply, Thief, Tokens};

use crate::stage::{DEMO_PASSWORD, Stage, program};

async fn under(policy: &str) -> (Stage, Tokens) {
    let stage = Stage::with(program().env("RESCIND_POLICY", policy)).await;
    let tokens = stage.log_in().await;
    stage.assert_alive(&tokens).await;
    (stage, tokens)
}

/// The same with access tokens that expire during the test.
async fn briefly_under(policy: &str) -> (Stage, Tokens) {
    let stage = Stage::with(program().env("RESCIND_POLICY", policy).env("RESCIND_ACCESS_TTL", "6s")).await;
    let tokens = stage.log_in().await;
    (stage, tokens)
}

/// A logout by form, and the page after it, which shows when a stolen copy expires.
async fn form_logout(stage: &Stage) -> Reply {
    let visitor: CookieClient = stage.running.cookie_client();
    visitor.log_in("alice", DEMO_PASSWORD).await.expect_status(303);
    assert!(visitor.cookie("rescind_access").is_some());
    let reply = visitor.log_out().await.expect_status(303);
    assert_eq!(reply.header("location"), "/");
    assert!(visitor.cookie("rescind_access").is_none() && visitor.cookie("rescind_refresh").is_none());
    visitor.follow(&reply).await.expect_status(200)
}

#[track_caller]
fn assert_now(page: &Reply) {
    assert!(page.text.contains("is refused from now on"), "{}", page.text);
}

#[track_caller]
fn assert_later(page: &Reply) {
    let (_, rest) = page.text.split_once("is accepted until").unwrap();
    let instant = rest.split('"').nth(1).unwrap();
    let (dies, now) = (
        instant.parse::<Timestamp>().unwrap(),
        rfc2822::parse(page.header("date")).unwrap(),
    );
    assert!(dies >= now.timestamp(), "{page:?}");
}

fn assert_no_refresh_fields(login: &Reply) {
    for field in ["refresh_token", "refresh_expires_in"] {
        assert!(login.body.get(field).is_none(), "{field} in {login:?}");
    }
}

async fn assert_has_no_refresh(stage: &Stage) {
    let login = stage.api.log_in("alice", DEMO_PASSWORD).await.expect_status(200);
    assert_no_refresh_fields(&login);
    let somebodys = "rrt_anything".into();
    stage
        .api
        .refresh(&somebodys)
        .await
        .expect_problem(409, "policy_has_no_refresh");
}

async fn assert_keeps_no_session(stage: &Stage, tokens: &Tokens) {
    for asked in [
        stage.api.sessions(tokens.access()).await,
        stage.api.log_out_session(tokens.access(), &tokens.session_id).await,
        stage.api.log_out_everywhere(tokens.access()).await,
    ] {
        asked.expect_problem(409, "policy_keeps_no_session");
    }
}

#[tokio::test]
async fn a_stored_token_is_refused_once_its_row_is_closed() {
    let (stage, tokens) = under("stored").await;
    let other = stage.log_in().await;
    assert_has_no_refresh(&stage).await;
    assert_eq!(stage.generation(&tokens, &tokens.session_id).await, Some(0));
    let thief = Thief::copying(&stage.api, &tokens);
    stage.api.log_out(tokens.access()).await.expect_status(204);
    thief.tries_me().await.expect_problem(401, "token_revoked");
    stage.assert_alive(&other).await;
    stage.api.log_out_everywhere(other.access()).await.expect_status(204);
    stage.assert_dead(&other).await;
    assert_now(&form_logout(&stage).await);
}

#[tokio::test]
async fn under_client_delete_a_stolen_token_works_after_logout() {
    let (stage, tokens) = under("client_delete").await;
    assert_has_no_refresh(&stage).await;
    assert_keeps_no_session(&stage, &tokens).await;
    let thief = Thief::copying(&stage.api, &tokens);
    stage.api.log_out(tokens.access()).await.expect_status(204);
    thief.tries_me().await.expect_status(200);
    assert_later(&form_logout(&stage).await);
}

#[tokio::test]
async fn under_short_lived_a_logged_out_token_works_until_it_expires() {
    let (stage, tokens) = briefly_under("short_lived").await;
    assert_has_no_refresh(&stage).await;
    let honest = stage.log_in().await;
    assert_keeps_no_session(&stage, &honest).await;
    let robbed = stage.log_in().await;
    let thief = Thief::copying(&stage.api, &robbed);
    stage.api.log_out(robbed.access()).await.expect_status(204);
    thief.tries_me().await.expect_status(200);
    stage.api.until_expired(robbed.access()).await;
    thief.tries_me().await.expect_problem(401, "token_expired");
    stage.api.me(tokens.access()).await.expect_problem(401, "token_expired");
    assert_later(&form_logout(&stage).await);
}

#[tokio::test]
async fn under_rotation_a_logout_stops_new_tokens_but_not_the_present_one() {
    let (stage, _) = briefly_under("rotation").await;
    let tokens = stage.log_in().await;
    let tokens = stage.api.refresh(tokens.refresh()).await.tokens();
    assert_eq!(stage.generation(&tokens, &tokens.session_id).await, Some(1));
    let mut thief = Thief::copying(&stage.api, &tokens);
    stage.api.log_out(tokens.access()).await.expect_status(204);
    thief.tries_me().await.expect_status(200);
    thief.tries_refresh().await.expect_problem(401, "session_closed");
    stage.api.until_expired(tokens.access()).await;
    thief.tries_me().await.expect_problem(401, "token_expired");
    assert_later(&form_logout(&stage).await);
}

#[tokio::test]
async fn under_the_blacklist_a_logout_ends_all_tokens_at_once() {
    let (stage, tokens) = under("blacklist").await;
    let tokens = stage.api.refresh(tokens.refresh()).await.tokens();
    assert!(tokens.refresh_expires_in.unwrap() > tokens.expires_in);
    let mut thief = Thief::copying(&stage.api, &tokens);
    stage.api.log_out(tokens.access()).await.expect_status(204);
    thief.tries_me().await.expect_problem(401, "token_revoked");
    thief.tries_refresh().await.expect_problem(401, "session_closed");
    assert_now(&form_logout(&stage).await);
}

/// Its session has no row: it was issued when no policy in force kept any.
#[tokio::test]
async fn what_was_logged_out_without_a_row_is_refused_once_the_blacklist_is_asked() {
    let (stage, tokens) = under("short_lived").await;
    let stopped = stage.running.terminate().await.unwrap().program;
    let stage = Stage::with(stopped.env("RESCIND_POLICY", "stored")).await;
    let visitor: CookieClient = stage.running.cookie_client();
    visitor.plant_cookie(&format!("rescind_access={}; Path=/", tokens.access().expose_secret()));
    let out = visitor.log_out().await.expect_status(303);
    assert_now(&visitor.follow(&out).await);
    let stopped = stage.running.terminate().await.unwrap().program;
    let stage = Stage::with(stopped.env("RESCIND_POLICY", "blacklist")).await;
    let refused = stage.api.me(tokens.access()).await;
    refused.expect_problem(401, "token_revoked");
}

/// A change to a policy that checks revocation must keep what was revoked under one that did not.
#[tokio::test]
async fn what_was_logged_out_under_rotation_is_refused_once_the_blacklist_is_asked() {
    let (stage, tokens) = under("rotation").await;
    stage.api.log_out(tokens.access()).await.expect_status(204);
    stage.api.me(tokens.access()).await.expect_status(200);
    let stopped = stage.running.terminate().await.unwrap().program;
    let stage = Stage::with(stopped.env("RESCIND_POLICY", "blacklist")).await;
    stage.assert_dead(&tokens).await;
}
