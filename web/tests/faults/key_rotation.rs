//! Keys change under load, and beside a node that did not get the new one.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use actix_web::{dev::ServerHandle, web};
use rescind_api::{ResourceServer, ResourceServerSettings, RevocationCheck};
use rescind_testkit::{ApiClient, ExposeSecret, RedisServer, Reply, Tokens};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep},
};

use crate::{
    cluster::{DEMO_PASSWORD, Database, Node, PUBLIC_URL, Plan, has_stores, until},
    other_server::{mine, serve},
    turns::{alone, turn},
};

const MAX_AGE: Duration = Duration::from_secs(5);
/// Each sends two requests a second: fifty a second together.
const CLIENTS: usize = 25;

/// A server that accepts the tokens by the published keys, which it keeps for exactly as long as it may. It does not fetch
/// them for an unknown `kid` meanwhile: then it refuses.
async fn outside_verifier(issuer: &Node) -> (ApiClient, ServerHandle) {
    let mut settings = ResourceServerSettings::new(PUBLIC_URL, "rescind-api");
    settings.jwks_url = issuer.running.url("/.well-known/jwks.json");
    settings.between_fetches = MAX_AGE;
    settings.timeout = Duration::from_secs(10);
    let server = ResourceServer::new(settings, RevocationCheck::NotChecked).unwrap();
    server.fetch_keys().await.unwrap();
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let client = ApiClient::new(&format!("http://{}", listener.local_addr().unwrap()));
    let handle = serve(listener, move |cfg| {
        cfg.app_data(web::Data::new(server.clone()))
            .route("/mine", web::get().to(mine));
    });
    (client, handle)
}

async fn command(plan: &Plan, words: &[&str]) -> String {
    let program = words
        .iter()
        .fold(plan.program().arg("keys"), |program, word| program.arg(word));
    let ended = program.run_to_exit().await.unwrap();
    assert!(ended.status.success(), "{}", ended.stderr);
    ended.stdout
}

/// The header of the access token: it contains the `kid`.
fn header(tokens: &Tokens) -> String {
    tokens.access().expose_secret().split('.').next().unwrap().to_owned()
}

/// What the clients share.
struct Load {
    nodes: [Node; 2],
    outside: Vec<ApiClient>,
    stop: AtomicBool,
    requests: AtomicU64,
    /// Requests that were sent again.
    repeated: AtomicU64,
}

impl Load {
    /// Sends a request until it is not answered 503 for a reason that has to do with the machine: where it is busy, a node
    /// cannot renew its trust in Redis in time. Keys are no such reason.
    async fn send<F: Future<Output = Reply>>(&self, request: impl Fn() -> F) -> Reply {
        loop {
            let reply = request().await;
            self.requests.fetch_add(1, Ordering::SeqCst);
            if reply.status != 503 || reply.body["reason"] == "keys" {
                return reply.expect_status(200);
            }
            self.repeated.fetch_add(1, Ordering::SeqCst);
            sleep(Duration::from_millis(200)).await;
        }
    }

    async fn use_at(&self, node: &Node, tokens: &Tokens) {
        let me = self.send(|| node.api.me(tokens.access())).await;
        assert_eq!(me.body["session_id"], tokens.session_id.as_str());
    }

    async fn use_outside(&self, step: usize, tokens: &Tokens) {
        let outside = &self.outside[step % self.outside.len()];
        let reply = self.send(|| outside.get("/mine", Some(tokens.access()))).await;
        assert_eq!(reply.text, tokens.session_id);
    }

    /// A person who refreshes at one node and uses the token at the other, and at services elsewhere. Returns the tokens
    /// that they hold in the end.
    async fn use_tokens(self: Arc<Self>, n: usize, mut tokens: Tokens) -> Tokens {
        let mut every = interval(Duration::from_millis(500));
        every.set_missed_tick_behavior(MissedTickBehavior::Skip);
        sleep(Duration::from_millis(20) * u32::try_from(n).unwrap()).await;
        for step in n.. {
            every.tick().await;
            if self.stop.load(Ordering::SeqCst) {
                break;
            }
            let (here, there) = (&self.nodes[step / 4 % 2], &self.nodes[(step / 4 + 1) % 2]);
            match step % 4 {
                0 => tokens = self.send(|| here.api.refresh(tokens.refresh())).await.tokens(),
                1 => self.use_at(there, &tokens).await,
                2 => self.use_at(here, &tokens).await,
                _ => self.use_outside(step / 4, &tokens).await,
            }
        }
        let last = &self.nodes[n % 2];
        self.send(|| last.api.refresh(tokens.refresh())).await.tokens()
    }

    async fn log_in_again_and_again(self: Arc<Self>) {
        for step in 0.. {
            if self.stop.load(Ordering::SeqCst) {
                break;
            }
            let [one, other] = [&self.nodes[step % 2], &self.nodes[(step + 1) % 2]];
            let login = self.send(|| one.api.log_in("bob", DEMO_PASSWORD)).await;
            let tokens = login.tokens();
            self.use_at(other, &tokens).await;
            self.use_outside(step, &tokens).await;
            // Ended or not: it is no part of this.
            one.api.log_out(tokens.access()).await;
            sleep(Duration::from_millis(500)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_rotate_under_load_and_no_request_is_refused() {
    if !has_stores() {
        return;
    }
    let _alone = alone().await;
    let redis = RedisServer::start().await;
    let plan = Plan::on(&Database::on_shared_postgres().await)
        .with_redis(&redis.url())
        .env("RESCIND_JWKS_MAX_AGE", "5s");
    let nodes: [Node; 2] = plan.start().await;
    let before = nodes[0].log_in_times(CLIENTS).await;
    let old = header(&before[0]);
    let (mut outside, mut handles) = (Vec::new(), Vec::new());
    for node in [&nodes[0], &nodes[1], &nodes[0]] {
        let (client, handle) = outside_verifier(node).await;
        outside.push(client);
        handles.push(handle);
        // Their copies of the keys expire at different times.
        sleep(MAX_AGE / 4).await;
    }
    let load = Arc::new(Load {
        nodes,
        outside,
        stop: AtomicBool::new(false),
        requests: AtomicU64::new(0),
        repeated: AtomicU64::new(0),
    });
    let mut people = JoinSet::new();
    for (n, tokens) in before.into_iter().enumerate() {
        people.spawn(Arc::clone(&load).use_tokens(n, tokens));
    }
    let logins = tokio::spawn(Arc::clone(&load).log_in_again_and_again());

    command(&plan, &["rotate", "--algorithm", "ES256"]).await;
    command(&plan, &["rotate", "--refresh"]).await;
    // A new key of each kind is in use.
    until(async || {
        let list = command(&plan, &["list"]).await;
        sleep(Duration::from_millis(500)).await;
        !list.contains("publishes only") && !list.contains("accepted only")
    })
    .await;
    // Long enough that every client refreshes, and every copy of the keys is fetched again.
    sleep(MAX_AGE + Duration::from_secs(3)).await;
    assert!(!logins.is_finished(), "a login failed: {:?}", logins.await);
    load.stop.store(true, Ordering::SeqCst);
    let after = people.join_all().await;
    logins.await.unwrap();
    assert_eq!(after.len(), CLIENTS, "somebody was logged out");
    let new = header(&load.nodes[1].log_in().await);
    assert_ne!(new, old);
    for tokens in &after {
        assert_eq!(header(tokens), new, "refreshed in the end");
    }
    let list = command(&plan, &["list"]).await;
    let states = ["signs ", "verifies until", "issues ", "accepted until"];
    assert!(states.iter().all(|state| list.matches(state).count() == 1), "{list}");
    let count = |what: &AtomicU64| what.load(Ordering::SeqCst);
    println!(
        "{} requests, none refused, {} sent again",
        count(&load.requests),
        count(&load.repeated)
    );
    for handle in handles {
        handle.stop(false).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_without_the_key_that_is_due_is_unready_and_issues_nothing() {
    if !has_stores() {
        return;
    }
    let _turn = turn().await;
    let redis = RedisServer::start().await;
    let plan = Plan::on(&Database::on_shared_postgres().await)
        .with_redis(&redis.url())
        .env("RESCIND_JWKS_MAX_AGE", "1s");
    let [with] = plan.start().await;
    // The other node has a copy of the directory.
    let keys = plan.directory.path().join("data/keys");
    let copy = plan.directory.path().join("copy");
    fs::create_dir(&copy).unwrap();
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o700)).unwrap();
    let carry = |name: &str| fs::copy(keys.join(name), copy.join(name)).unwrap();
    for name in ["access-0001.pem", "refresh-0001.key"] {
        carry(name);
    }
    let without = Node::of(plan.program().env("RESCIND_KEYS", &copy)).await;
    let before = without.log_in().await;
    with.until_serving(&before).await;

    for (rotate, file) in [
        (["rotate", "--after"].as_slice(), "access-0002.pem"),
        (["rotate", "--refresh", "--after"].as_slice(), "refresh-0002.key"),
    ] {
        command(&plan, &[rotate, &["1s"]].concat()).await;
        let ready = async |node: &Node| node.api.get("/health/ready", None).await;
        until(async || ready(&without).await.body["reason"] == "keys").await;
        // Neither a login nor a refresh, and nothing is called invalid that the missing key may have made.
        without.api.log_in("alice", DEMO_PASSWORD).await.expect_status(503);
        without.api.refresh(before.refresh()).await.expect_status(503);
        let after = with.log_in().await;
        if file.starts_with("access") {
            let here = without.api.me(after.access()).await;
            assert_eq!((here.status, &here.body["reason"]), (503, &"keys".into()), "{here:?}");
        } else {
            without.until_serving(&after).await;
        }
        if file.starts_with("refresh") {
            without.api.refresh(after.refresh()).await.expect_status(503);
            without
                .api
                .log_out_by_refresh_token(after.refresh())
                .await
                .expect_status(503);
        }
        // What it knows it still checks, and the other node serves.
        without.until_serving(&before).await;
        with.until_serving(&after).await;
        carry(file);
        without.running.ready().await.unwrap();
        without.until_serving(&after).await;
        without.api.refresh(after.refresh()).await.expect_status(200);
    }
}
