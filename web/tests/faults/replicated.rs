//! Nodes that answer from their own copies of the blacklist, and everything that delays their leases.

use std::time::Duration;

use rescind_testkit::{RedisServer, rounds};
use tokio::time::Instant;

use crate::{
    cluster::{Database, Node, Plan, accepted, has_stores, until},
    report::{Times, held, thousands},
    turns::turn,
};

/// Far more than a lease and its drift, for a machine that also compiles.
const GENEROUS: Duration = Duration::from_secs(10);

async fn cluster(redis: &RedisServer) -> (Plan, [Node; 3]) {
    let plan = Plan::on(&Database::on_shared_postgres().await)
        .with_redis(&redis.url())
        .env("RESCIND_BLACKLIST_READ", "replicated");
    let nodes = plan.start().await;
    for node in &nodes {
        until_it_answers_from_its_copy(redis, node).await;
    }
    (plan, nodes)
}

/// Waits until checks at that node cost no command.
async fn until_it_answers_from_its_copy(redis: &RedisServer, node: &Node) {
    let tokens = node.log_in().await;
    let reads = async || {
        let stats = redis.command(&["INFO", "commandstats"]).await;
        stats
            .lines()
            .find(|line| line.starts_with("cmdstat_mget"))
            .map(str::to_owned)
    };
    until(async || {
        let before = reads().await;
        for _ in 0..5 {
            node.assert_alive(&tokens).await;
        }
        before == reads().await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_is_refused_at_once_by_nodes_that_answer_from_their_copies() {
    if !has_stores() {
        return;
    }
    let _turn = turn().await;
    let redis = RedisServer::start().await;
    let (_plan, nodes) = cluster(&redis).await;
    let rounds = rounds(100, 10_000);
    let mut times = Times::default();
    for round in 0..rounds as usize {
        let tokens = nodes[round % 3].log_in().await;
        for node in &nodes {
            node.assert_alive(&tokens).await;
        }
        let begun = Instant::now();
        nodes[round % 3].api.log_out(tokens.access()).await.expect_status(204);
        times.add(begun.elapsed());
        for node in &nodes {
            node.assert_dead(&tokens).await;
        }
    }
    held!(
        TwoNodes,
        a_logout_is_refused_at_once_by_nodes_that_answer_from_their_copies,
        "logged out on A, asked at once at three nodes that answer from their copies: refused",
        "{} rounds, 0 acceptances, logout {times}",
        thousands(rounds.into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_that_is_paused_or_killed_or_forgotten_revives_no_token() {
    if !has_stores() {
        return;
    }
    let _turn = turn().await;
    let redis = RedisServer::start().await;
    let (plan, [first, second, third]) = cluster(&redis).await;
    let mut third = Some(third);
    let mut times = Times::default();
    for round in 0..rounds(2, 40) {
        // Paused while the logout is answered, with a request that it finds when it goes on.
        let tokens = first.log_in().await;
        second.assert_alive(&tokens).await;
        second.running.pause().unwrap();
        let begun = Instant::now();
        first.api.log_out(tokens.access()).await.expect_status(204);
        times.add(begun.elapsed());
        assert!(begun.elapsed() < GENEROUS);
        let (reply, ()) = tokio::join!(second.api.me(tokens.access()), async {
            second.running.resume().unwrap()
        });
        assert_ne!(accepted(reply), Some(true), "round {round}");

        // Redis forgets the table. The logout waits for leases that nobody can see.
        let tokens = first.log_in().await;
        until(async || accepted(second.api.me(tokens.access()).await) == Some(true)).await;
        redis.command(&["FLUSHALL"]).await;
        first.api.log_out(tokens.access()).await.expect_status(204);
        assert_ne!(
            accepted(second.api.me(tokens.access()).await),
            Some(true),
            "round {round}"
        );

        // Killed: the others wait for its lease, and then no more.
        let program = third.take().unwrap().running.kill_9().await;
        let tokens = second.log_in().await;
        let begun = Instant::now();
        second.api.log_out(tokens.access()).await.expect_status(204);
        times.add(begun.elapsed());
        assert!(begun.elapsed() < GENEROUS);
        assert_ne!(
            accepted(first.api.me(tokens.access()).await),
            Some(true),
            "round {round}"
        );
        drop(program);
        third = Some(Node::of(plan.program()).await);
        third.as_ref().unwrap().assert_dead(&tokens).await;
    }
    held!(
        TwoNodes,
        a_holder_that_is_paused_or_killed_or_forgotten_revives_no_token,
        "a node that answers from its copy is stopped or killed, or Redis forgets it: no answered logout is undone",
        "the logouts meanwhile {times}"
    );
}
