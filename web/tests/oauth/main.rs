//! The OAuth endpoints of the real program, used by clients that nobody here wrote and by a resource server.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers included")]

mod clients;
mod resource_server;

use rescind_testkit::{ApiClient, Ended, ExposeSecret, Program, Running, Tokens};
use serde_json::json;

const PASSWORD: &str = "correct horse battery staple";

/// A client, as `rescind clients new` prints it.
struct Client {
    id: &'static str,
    secret: String,
    pair: String,
}

async fn run(words: &[&str]) -> Ended {
    let program = words.iter().fold(program(), |program, word| program.arg(word));
    program.run_to_exit().await.unwrap()
}

fn program() -> Program {
    // A store timeout for a busy machine.
    Program::new(env!("CARGO_BIN_EXE_rescind"))
        .env("RESCIND_STORE_TIMEOUT", "10s")
        .env("RESCIND_LOGIN_LIMIT", "off")
        .env("RESCIND_ACCESS_TTL", "5m")
        .env("RESCIND_STATUS_LIST", "on")
}

impl Client {
    async fn new(id: &'static str) -> Self {
        let printed = run(&["clients", "new", id]).await;
        assert!(printed.status.success(), "{}", printed.stderr);
        let line = |name: &str| {
            let line = printed.stdout.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap().to_owned()
        };
        Self {
            id,
            secret: line("client_secret: "),
            pair: line("RESCIND_OAUTH_CLIENTS: "),
        }
    }

    /// Logs in a user as this client.
    async fn log_in(&self, api: &ApiClient) -> Tokens {
        let request = api
            .request("POST", "/api/login")
            .basic_auth(self.id, Some(&self.secret));
        let login = request.json(&json!({ "username": "alice", "password": PASSWORD }));
        api.send(login).await.expect_status(200).tokens()
    }
}

/// The program with two clients.
struct Issuer {
    running: Running,
    api: ApiClient,
    own: Client,
    other: Client,
}

impl Issuer {
    async fn start() -> Self {
        let (own, other) = (Client::new("shop-1.web").await, Client::new("other").await);
        let program = program().env("RESCIND_OAUTH_CLIENTS", format!("{}, {}", own.pair, other.pair));
        let running = program.start().await.unwrap();
        let api = running.api_client();
        Self {
            running,
            api,
            own,
            other,
        }
    }
}

#[tokio::test]
async fn clients_new_prints_a_secret_that_nothing_stores_or_logs() {
    let (one, other) = (Client::new("shop").await, Client::new("shop").await);
    assert_ne!(one.secret, other.secret, "an id may have several secrets");
    assert_eq!(one.secret.len(), 43);
    assert!(one.pair.starts_with("shop:sha256:") && !one.pair.contains(&one.secret));
    for id in ["two words", "a:b", "a,b", "rescind", ""] {
        let refused = run(&["clients", "new", id]).await;
        assert_eq!((refused.status.code(), refused.stdout.as_str()), (Some(2), ""), "{id}");
    }
    let running = program().env("RESCIND_OAUTH_CLIENTS", &one.pair).start().await.unwrap();
    let api = running.api_client();
    let tokens = one.log_in(&api).await;
    api.me(tokens.access()).await.expect_status(200);
    let wrong = api
        .request("POST", "/oauth/introspect")
        .basic_auth("shop", Some(&other.secret));
    let wrong = api
        .send(wrong.form(&[("token", tokens.access().expose_secret())]))
        .await;
    assert_eq!((wrong.status, &wrong.body["error"]), (401, &json!("invalid_client")));
    let logs = running.logs();
    for secret in [&one.secret, &other.secret] {
        assert!(!logs.contains(secret.as_str()), "{logs}");
    }
}

#[tokio::test]
async fn a_wrong_client_stops_the_start_and_is_named() {
    for pairs in ["shop:secret", "shop:sha256:secret", "rescind:sha256:0"] {
        let ended = program()
            .env("RESCIND_OAUTH_CLIENTS", pairs)
            .run_to_exit()
            .await
            .unwrap();
        assert_eq!(ended.status.code(), Some(2), "{}", ended.stderr);
        assert!(ended.stderr.contains("RESCIND_OAUTH_CLIENTS"), "{}", ended.stderr);
        assert!(!ended.stderr.contains("secret"), "{}", ended.stderr);
    }
}
