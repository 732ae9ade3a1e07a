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

fn start(issuer: &str, check: &[(&str, &str)]) -> (Resource, ApiClient) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_resource-server"))
        .env("ISSUER", issuer)
        .env_remove("REDIS_URL")
        .envs(check.iter().copied())
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
    let (_running, resource) = start(issuer.base_url(), &[("REDIS_URL", &reader)]);
    logs_out(&issuer.api_client(), &resource).await;
}

/// The same without a Redis: the issuer is asked about each token.
#[tokio::test]
async fn a_logout_counts_at_the_next_request_by_introspection() {
    let program = || Program::new(env!("CARGO_BIN_EXE_issuer")).env("RESCIND_STORE_TIMEOUT", "10s");
    let words = ["clients", "new", "shop"];
    let made = words
        .iter()
        .fold(program(), |program, word| program.arg(word))
        .run_to_exit()
        .await
        .unwrap();
    let line = |name: &str| made.stdout.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    let pair = line("RESCIND_OAUTH_CLIENTS: ");
    let issuer = program().env("RESCIND_OAUTH_CLIENTS", pair).start().await.unwrap();
    issuer.ready().await.unwrap();
    let client = [("CLIENT_ID", "shop"), ("CLIENT_SECRET", line("client_secret: "))];
    let (_running, resource) = start(issuer.base_url(), &client);
    logs_out(&issuer.api_client(), &resource).await;
}

async fn logs_out(api: &ApiClient, resource: &ApiClient) {
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
