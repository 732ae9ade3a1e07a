//! Random faults on three nodes, and a checker over the whole history.

use std::{
    sync::{
        Arc, Mutex, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use rescind_testkit::{ApiClient, PostgresServer, RedisSentinels, Reply, Tokens, rounds};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use crate::{
    cluster::{DEMO_PASSWORD, Database, Node, has_stores, until},
    history::{longest_answer, plan_on, the_successor},
    report::{Times, held, thousands},
    turns::alone,
};

const CLIENTS: u64 = 6;
/// How long a node is stopped. Its answers are late by this.
const LONGEST_STOP: Duration = Duration::from_millis(1_500);

/// The state that all clients share.
struct World {
    apis: [RwLock<ApiClient>; 3],
    /// Logged out, and answered 204.
    ended: Mutex<Vec<Tokens>>,
    is_over: AtomicBool,
}

/// What one client has seen.
#[derive(Default)]
struct Seen {
    operations: u64,
    logouts: u64,
    unanswered: u64,
    checks_of_ended: u64,
    answers: Times,
}

impl World {
    fn api(&self, rng: &mut StdRng) -> ApiClient {
        self.apis[rng.random_range(0..3)].read().unwrap().clone()
    }

    fn an_ended_one(&self, rng: &mut StdRng) -> Option<Tokens> {
        let ended = self.ended.lock().unwrap();
        // Half of them the newest, since the others were checked for longer.
        let from = if rng.random() {
            ended.len().saturating_sub(20)
        } else {
            0
        };
        (!ended.is_empty()).then(|| ended[rng.random_range(from..ended.len())].clone())
    }
}

/// An answer, or `None` if the node was killed meanwhile.
async fn ask(
    seen: &mut Seen,
    api: &ApiClient,
    path: &str,
    access: Option<&SecretString>,
    body: Option<&str>,
) -> Option<Reply> {
    let request = match (path, body) {
        ("/api/me", _) => api.request("GET", path),
        (_, None) => api.request("POST", path),
        (_, Some(token)) => api.request("POST", path).json(&json!({ "refresh_token": token })),
    };
    let request = match access {
        Some(token) => request.bearer_auth(token.expose_secret()),
        None => request,
    };
    answer(seen, api, request).await
}

async fn answer(seen: &mut Seen, api: &ApiClient, request: reqwest::RequestBuilder) -> Option<Reply> {
    let begun = Instant::now();
    let reply = api.attempt(request).await.ok();
    let took = begun.elapsed();
    seen.operations += 1;
    match &reply {
        Some(_) => {
            let longest = longest_answer() + LONGEST_STOP;
            assert!(took < longest, "an answer took {} ms", took.as_millis());
            seen.answers.add(took);
        }
        None => seen.unanswered += 1,
    }
    reply
}

/// Logs in, refreshes, calls and logs out, until the end.
async fn live(world: Arc<World>, seed: u64) -> Seen {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut seen = Seen::default();
    while !world.is_over.load(Ordering::SeqCst) {
        let api = world.api(&mut rng);
        let login = api
            .request("POST", "/api/login")
            .json(&json!({ "username": "alice", "password": DEMO_PASSWORD }));
        let Some(reply) = answer(&mut seen, &api, login).await.filter(|reply| reply.status == 200) else {
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        let mut tokens = reply.tokens();
        for _ in 0..rng.random_range(0..12) {
            ended_ones_are_refused(&world, &mut seen, &mut rng).await;
            let api = world.api(&mut rng);
            match ask(&mut seen, &api, "/api/me", Some(tokens.access()), None)
                .await
                .map(|reply| reply.status)
            {
                None | Some(200 | 503) => {}
                other => panic!("a live token is answered {other:?}"),
            }
            if rng.random_ratio(1, 3) {
                tokens = refreshed(&world, &mut seen, &mut rng, tokens).await;
            }
        }
        // A logout that was not answered 204 is repeated: whether it happened is not known, so it is not counted.
        while !world.is_over.load(Ordering::SeqCst) {
            let api = world.api(&mut rng);
            match ask(&mut seen, &api, "/api/logout", Some(tokens.access()), None)
                .await
                .map(|reply| reply.status)
            {
                Some(204) => {
                    seen.logouts += 1;
                    world.ended.lock().unwrap().push(tokens);
                    break;
                }
                None | Some(503) => sleep(Duration::from_millis(50)).await,
                other => panic!("a logout is answered {other:?}"),
            }
        }
        ended_ones_are_refused(&world, &mut seen, &mut rng).await;
    }
    seen
}

/// The same refresh token at two nodes at once: there is one successor, if any.
async fn refreshed(world: &World, seen: &mut Seen, rng: &mut StdRng, tokens: Tokens) -> Tokens {
    let apis = [world.api(rng), world.api(rng)];
    let token = tokens.refresh().expose_secret();
    let mut other = Seen::default();
    let (one, two) = tokio::join!(
        ask(seen, &apis[0], "/api/refresh", None, Some(token)),
        ask(&mut other, &apis[1], "/api/refresh", None, Some(token))
    );
    seen.operations += other.operations;
    seen.unanswered += other.unanswered;
    seen.answers.extend(other.answers);
    the_successor([one, two].into_iter().flatten()).unwrap_or(tokens)
}

async fn ended_ones_are_refused(world: &World, seen: &mut Seen, rng: &mut StdRng) {
    for _ in 0..2 {
        let Some(ended) = world.an_ended_one(rng) else { return };
        let api = world.api(rng);
        let reply = ask(seen, &api, "/api/me", Some(ended.access()), None).await;
        seen.checks_of_ended += 1;
        assert_ne!(
            reply.map(|reply| reply.status),
            Some(200),
            "a logout was answered 204, and the token is accepted"
        );
    }
}

/// One fault, and its end.
async fn fault(
    kind: u32,
    rng: &mut StdRng,
    world: &World,
    nodes: &mut [Option<Node>; 3],
    stores: (&RedisSentinels, &PostgresServer),
) {
    let (redis, postgres) = stores;
    let primary = redis.primary().await;
    let a_while = Duration::from_millis(rng.random_range(100..4_000));
    match kind {
        0 => drop(redis.servers[primary].attempt(&["FLUSHALL"]).await),
        1 => {
            redis.servers[primary].kill_9();
            sleep(a_while).await;
            redis.servers[primary].start_again().await;
        }
        2 => {
            redis.servers[primary].pause();
            sleep(a_while).await;
            redis.servers[primary].resume();
        }
        3 => drop(redis.sentinels[0].attempt(&["SENTINEL", "FAILOVER", "main"]).await),
        4 => {
            postgres.kill_9();
            sleep(a_while / 4).await;
            postgres.start_again().await;
        }
        5 => {
            let which = rng.random_range(0..3);
            let killed = nodes[which].take().unwrap().running.kill_9().await;
            let node = Node::of_any(killed).await;
            *world.apis[which].write().unwrap() = node.api.clone();
            nodes[which] = Some(node);
        }
        _ => {
            let node = nodes[rng.random_range(0..3)].as_ref().unwrap();
            node.running.pause().unwrap();
            sleep(a_while.min(LONGEST_STOP)).await;
            node.running.resume().unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn random_faults_on_three_nodes_break_no_promise() {
    if !has_stores() {
        return;
    }
    let _alone = alone().await;
    let redis = RedisSentinels::start().await;
    let postgres = PostgresServer::start().await;
    let plan = plan_on(&Database::on(&postgres).await, &redis.url());
    let nodes: [Node; 3] = plan.start().await;
    let world = Arc::new(World {
        apis: nodes.each_ref().map(|node| RwLock::new(node.api.clone())),
        ended: Mutex::default(),
        is_over: AtomicBool::new(false),
    });
    let mut nodes = nodes.map(Some);
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        clients.spawn(live(Arc::clone(&world), client));
    }
    let mut rng = StdRng::seed_from_u64(CLIENTS);
    let (begun, lasts) = (Instant::now(), Duration::from_secs(rounds(20, 600).into()));
    let mut faults = [0_u64; 7];
    while begun.elapsed() < lasts {
        let kind = rng.random_range(0..7);
        faults[kind as usize] += 1;
        fault(kind, &mut rng, &world, &mut nodes, (&redis, &postgres)).await;
        sleep(Duration::from_millis(rng.random_range(200..3_000))).await;
        if let Some(failed) = clients.try_join_next() {
            drop(failed.unwrap());
        }
    }
    // All of them serve again.
    let mut back = Times::default();
    for node in nodes.iter().flatten() {
        back.add(until(async || node.api.log_in("alice", DEMO_PASSWORD).await.status == 200).await);
    }
    world.is_over.store(true, Ordering::SeqCst);
    let mut all = Seen::default();
    for seen in clients.join_all().await {
        all.operations += seen.operations;
        all.logouts += seen.logouts;
        all.unanswered += seen.unanswered;
        all.checks_of_ended += seen.checks_of_ended;
        all.answers.extend(seen.answers);
    }
    let ended = world.ended.lock().unwrap().clone();
    for (which, tokens) in ended.iter().enumerate() {
        for node in nodes.iter().flatten() {
            assert_ne!(node.api.me(tokens.access()).await.status, 200, "logout {which}");
        }
    }
    assert!(all.logouts > 0, "nobody was logged out");
    held!(
        Failover,
        random_faults_on_three_nodes_break_no_promise,
        "random faults on three nodes, sentinels and Postgres: nothing accepted after its logout, no live token refused, one \
         successor each",
        "{} s, {} faults (flush {}, kill Redis {}, stop Redis {}, SENTINEL FAILOVER {}, kill Postgres {}, kill a node {}, stop a \
         node {}); {} operations, {} logouts, {} checks of ended sessions, 0 wrong; {} without an answer; answers {}",
        begun.elapsed().as_secs(),
        faults.iter().sum::<u64>(),
        faults[0],
        faults[1],
        faults[2],
        faults[3],
        faults[4],
        faults[5],
        faults[6],
        thousands(all.operations),
        thousands(all.logouts),
        thousands(all.checks_of_ended),
        thousands(all.unanswered),
        all.answers
    );
}
