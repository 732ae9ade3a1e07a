//! Redis hangs, or one node is cut off from it. Revocation cannot be checked: 503, soon.

use std::{pin::Pin, time::Duration};

use rescind_testkit::{PostgresServer, RedisServer, Reply, TcpRelay, rounds};
use tokio::time::Instant;

use crate::{
    cluster::{DEMO_PASSWORD, Database, Node, Plan, has_stores, in_redis, until},
    hammer::Hammer,
    report::{Times, held, thousands},
    turns::{alone, turn},
};

/// The setting's default.
const STORE_TIMEOUT: &str = "500ms";
/// With a busy machine's delay; much less than a client's timeout.
const SOON: Duration = Duration::from_secs(5);
/// How long the store is away.
const A_WHILE: Duration = Duration::from_millis(1_500);
const ASKERS: usize = 8;

/// What the figures of one outage are.
#[derive(Default)]
struct Outages {
    /// Of the answers 503.
    answers: Times,
    /// From the store's return to the first acceptance of a live token, at each node.
    until_service: Times,
    tries: u64,
}

impl Outages {
    fn assert_soon(&self) {
        assert!(self.answers.count() > 0, "the outage was never noticed");
        assert!(self.answers.longest() < SOON, "a late 503: {}", self.answers);
        assert!(
            self.until_service.longest() < 2 * SOON,
            "late service: {}",
            self.until_service
        );
    }

    fn figures(&self, rounds: u32) -> String {
        format!(
            "{} outages, {} answers 503 ({}), store timeout {STORE_TIMEOUT}; service again after {}; {} tries with tokens \
             that were taken back, 0 accepted",
            thousands(rounds.into()),
            thousands(self.answers.count() as u64),
            self.answers,
            self.until_service,
            thousands(self.tries)
        )
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_redis_hangs_every_answer_is_503_in_time() {
    if !has_stores() {
        return;
    }
    let _alone = alone().await;
    let redis = RedisServer::start().await;
    let plan = Plan::on(&Database::on_shared_postgres().await)
        .with_redis(&redis.url())
        .env("RESCIND_STORE_TIMEOUT", STORE_TIMEOUT);
    let nodes: [Node; 2] = plan.start().await;
    let live = vec![log_in(&nodes[0]).await];
    let mut dead = vec![log_in(&nodes[0]).await];
    log_out(&nodes[0], &dead[0]).await;
    let (mut outages, rounds) = (Outages::default(), rounds(2, 20));
    for _ in 0..rounds {
        let leaving = log_in(&nodes[0]).await;
        let hammer = Hammer::at(&nodes, ASKERS, &*dead, &live);
        redis.pause();
        for node in &nodes {
            node.until_refusing_service(&live[0]).await;
        }
        // A logout gets as far as the log, and its answer shows that, if the database is not late too.
        until(async || {
            let half_done = nodes[0].api.log_out(leaving.access()).await;
            half_done.expect_status(503).code() == "revocation_pending"
        })
        .await;
        hammer.go_on(A_WHILE).await;
        redis.resume();
        // A node completes it in Redis by itself, without a repeat.
        until(async || in_redis(&redis, &leaving).await).await;
        for node in &nodes {
            outages.until_service.add(node.until_serving(&live[0]).await);
        }
        let tally = hammer.rest().await;
        outages.answers.extend(tally.until_503.clone());
        outages.tries += tally.tries();
        for node in &nodes {
            node.assert_dead(&leaving).await;
        }
        dead.push(leaving);
    }
    outages.assert_soon();
    held!(
        RedisAway,
        while_redis_hangs_every_answer_is_503_in_time,
        "stopped (SIGSTOP): 503 within the timeout, a logout of that time is done by itself",
        "{}",
        outages.figures(rounds)
    );
}

/// One timeout per request, for any number of store calls: the stores hang one after the other.
#[tokio::test(flavor = "multi_thread")]
async fn while_a_store_hangs_every_request_is_503_within_one_timeout() {
    /// Long, so that a busy machine does not look like a second timeout.
    const TIMEOUT: Duration = Duration::from_secs(3);
    const SLACK: Duration = Duration::from_secs(2);
    if !has_stores() {
        return;
    }
    let _alone = alone().await;
    let (redis, postgres) = (RedisServer::start().await, PostgresServer::start().await);
    let plan = Plan::on(&Database::on(&postgres).await)
        .with_redis(&redis.url())
        .env("RESCIND_STORE_TIMEOUT", "3s");
    let node = Node::of(plan.program()).await;
    node.api.sign_up("carol", DEMO_PASSWORD).await.expect_status(201);
    let mut times = Times::default();
    for store in ["Redis", "Postgres"] {
        let visitor = async |name: &str| {
            let visitor = node.running.cookie_client();
            visitor.log_in(name, DEMO_PASSWORD).await.expect_status(303);
            visitor
        };
        let (returning, changing, looking) = (visitor("bob").await, visitor("carol").await, visitor("alice").await);
        let (tokens, leaving) = (node.log_in().await, node.log_in().await);
        let passwords = [
            ("old_password", DEMO_PASSWORD),
            ("new_password", "a new password, as long"),
        ];
        match store {
            "Redis" => redis.pause(),
            _ => postgres.pause(),
        }
        let timed = async |what: &str, answer: Pin<Box<dyn Future<Output = Reply> + '_>>| {
            let begun = Instant::now();
            let reply = answer.await;
            (what.to_owned(), begun.elapsed(), reply.status)
        };
        let answers = futures::future::join_all([
            timed("form login", Box::pin(returning.log_in("alice", DEMO_PASSWORD))),
            timed("password", Box::pin(changing.post("/password", &passwords))),
            timed("account", Box::pin(looking.open("/account"))),
            timed("me", Box::pin(node.api.me(tokens.access()))),
            timed("sessions", Box::pin(node.api.sessions(tokens.access()))),
            timed("logout", Box::pin(node.api.log_out(leaving.access()))),
        ])
        .await;
        match store {
            "Redis" => redis.resume(),
            _ => postgres.resume(),
        }
        for (what, took, status) in answers {
            assert_eq!(status, 503, "{what} beside {store}");
            assert!(took < TIMEOUT + SLACK, "{what} beside {store} took {took:?}");
            times.add(took);
        }
        node.until_serving(&tokens).await;
    }
    held!(
        RedisAway,
        while_a_store_hangs_every_request_is_503_within_one_timeout,
        "Redis or Postgres stopped (SIGSTOP): one waiting time a request, however many calls it makes",
        "{times}, store timeout 3s"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_cut_off_from_redis_accepts_no_token_and_the_others_serve() {
    if !has_stores() {
        return;
    }
    let _turn = turn().await;
    let redis = RedisServer::start().await;
    let cable = TcpRelay::to(redis.port()).await;
    let plan = Plan::on(&Database::on_shared_postgres().await)
        .with_redis(&redis.url())
        .env("RESCIND_STORE_TIMEOUT", STORE_TIMEOUT);
    let connected = Node::of(plan.program()).await;
    let cut_off = Node::of(plan.program().env("REDIS_URL", redis.url_through(cable.port()))).await;
    let live = vec![log_in(&connected).await];
    let mut dead = vec![log_in(&connected).await];
    log_out(&connected, &dead[0]).await;
    let (mut outages, rounds) = (Outages::default(), rounds(4, 40));
    for round in 0..rounds {
        let leaving = log_in(&connected).await;
        let hammer = Hammer::at([&cut_off], ASKERS, &*dead, &live);
        if round % 2 == 0 {
            cable.freeze();
        } else {
            cable.cut().await;
        }
        cut_off.until_refusing_service(&live[0]).await;
        // The others revoke, and these revocations must count here as soon as the node answers.
        log_out(&connected, &leaving).await;
        connected.until_serving(&live[0]).await;
        hammer.go_on(A_WHILE / 2).await;
        let late_witness = Hammer::at([&cut_off], 1, std::slice::from_ref(&leaving), &live);
        cable.restore().await;
        outages.until_service.add(cut_off.until_serving(&live[0]).await);
        hammer.go_on(A_WHILE / 10).await;
        outages.tries += late_witness.rest().await.tries();
        let tally = hammer.rest().await;
        outages.answers.extend(tally.until_503.clone());
        outages.tries += tally.tries();
        cut_off.assert_dead(&leaving).await;
        dead.push(leaving);
    }
    outages.assert_soon();
    held!(
        RedisAway,
        a_node_cut_off_from_redis_accepts_no_token_and_the_others_serve,
        "one node cut off, its connections silent or ended: 503 there, and a logout elsewhere counts on its return",
        "{}",
        outages.figures(rounds)
    );
}

/// Repeats a request if a busy machine made a store late: these nodes have a short store timeout.
async fn log_in(node: &Node) -> rescind_testkit::Tokens {
    loop {
        let reply = node.api.log_in("alice", crate::cluster::DEMO_PASSWORD).await;
        if reply.status != 503 {
            return reply.tokens();
        }
    }
}

async fn log_out(node: &Node, tokens: &rescind_testkit::Tokens) {
    until(async || {
        let reply = node.api.log_out(tokens.access()).await;
        reply.status != 503 && reply.expect_status(204).status == 204
    })
    .await;
}
