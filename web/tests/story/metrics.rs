//! Figures for Prometheus: on a listener of their own, and without names.

use rescind_testkit::{ApiClient, ExposeSecret, free_port};

use crate::stage::{DEMO_PASSWORD, Stage, program};

#[tokio::test]
async fn metrics_have_their_own_listener_and_no_user_data() {
    let address = format!("127.0.0.1:{}", free_port());
    let stage = Stage::with(program().env("RESCIND_METRICS_BIND", &address)).await;
    let api = &stage.api;
    let metrics = ApiClient::new(&format!("http://{address}"));

    let tokens = stage.log_in().await;
    api.log_in("alice", "a wrong password").await.expect_status(401);
    let next = api.refresh(tokens.refresh()).await.tokens();
    let me = api.me(next.access()).await.expect_status(200);
    api.log_out(next.access()).await.expect_status(204);

    let reply = metrics.get("/metrics", None).await.expect_status(200);
    assert!(reply.header("content-type").starts_with("application/openmetrics-text"));
    for line in [
        r#"rescind_logins_total{outcome="ok"} 1"#,
        r#"rescind_logins_total{outcome="refused"} 1"#,
        "rescind_refreshes_total 1",
        r#"rescind_revocations_total{reason="logout"} 1"#,
        r#"rescind_requests_total{status="5xx"} 0"#,
        r#"rescind_token_cache_lookups_total{outcome="miss"} 1"#,
        "rescind_token_cache_entries 1",
        "rescind_passwords_hashing 0",
        "rescind_ready 1",
        "rescind_blacklist_entries 1",
    ] {
        assert!(
            reply.text.lines().any(|found| found == line),
            "{line} is not in\n{}",
            reply.text
        );
    }
    for status in ["2xx", "4xx"] {
        let none = format!(r#"rescind_requests_total{{status="{status}"}} 0"#);
        assert!(!reply.text.contains(&none), "{}", reply.text);
    }
    let id = |name: &str| me.body[name].as_str().unwrap().to_owned();
    for secret in [
        tokens.access().expose_secret().to_owned(),
        tokens.refresh().expose_secret().to_owned(),
        next.access().expose_secret().to_owned(),
        DEMO_PASSWORD.to_owned(),
        "alice".to_owned(),
        "127.0.0.1".to_owned(),
        id("user_id"),
        id("session_id"),
        id("token_id"),
    ] {
        assert!(!reply.text.contains(&secret), "{secret} is in\n{}", reply.text);
    }

    api.get("/metrics", None).await.expect_status(404);
    metrics.get("/api/me", None).await.expect_status(404);
    metrics.get("/", None).await.expect_status(404);
}
