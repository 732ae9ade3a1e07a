//! A logout at the issuer, and the next request at the resource server is refused.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use rescind_testkit::{ApiClient, Program, RedisServer, Tool, needs};

const PASSWORD: &str = "correct horse battery staple";

/// Ends with the test.
struct Resource(Child);

impl Drop for Resource {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(issuer: &str, redis: &str) -> (Resource, ApiClient) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_resource-server"))
        .env("ISSUER", issuer)
        .env("REDIS_URL", redis)
        .env("BIND", "127.0.0.1:0")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = child.stdout.take().unwrap();
    let resource = Resource(child);
    let line = BufReader::new(output).lines().next().unwrap().unwrap();
    let url = line.split_whitespace().last().unwrap();
    (resource, ApiClient::new(url))
}

#[tokio::test]
async fn a_logout_at_the_issuer_counts_at_the_next_request() {
    let Some(_) = needs(Tool::Redis) else { return };
    let redis = RedisServer::start().await;
    let rules = ["reader", "on", ">secret", "%R~{rescind}:*", "+@read", "+info", "+ping"];
    redis.command(&[["ACL", "SETUSER"].as_slice(), &rules].concat()).await;
    let issuer = Program::new(env!("CARGO_BIN_EXE_issuer"))
        .env("REDIS_URL", redis.url())
        .env("RESCIND_STORE_TIMEOUT", "10s")
        .start()
        .await
        .unwrap();
    issuer.ready().await.unwrap();
    let reader = redis.url().replace("redis://", "redis://reader:secret@");
    let (_running, resource) = start(issuer.base_url(), &reader);

    let api = issuer.api_client();
    api.sign_up("alice", PASSWORD).await.expect_status(201);
    let tokens = api.log_in("alice", PASSWORD).await.expect_status(200).tokens();
    resource
        .get("/account", None)
        .await
        .expect_problem(401, "token_missing");
    for path in ["/account", "/catalogue"] {
        resource.get(path, Some(tokens.access())).await.expect_status(200);
    }
    api.log_out(tokens.access()).await.expect_status(204);
    resource
        .get("/account", Some(tokens.access()))
        .await
        .expect_problem(401, "token_revoked");
    resource
        .get("/catalogue", Some(tokens.access()))
        .await
        .expect_status(200);
}
