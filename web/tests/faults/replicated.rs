//! Nodes that answer from their own copies of the blacklist, and everything that delays their leases.

use std::time::Duration;

use rescind_testkit::{RedisServer, Tokens, rounds};
use tokio::time::{Instant, sleep};

use crate::{
    cluster::{DEMO_PASSWORD, Database, Node, Plan, a_few_at_a_time, accepted, has_stores, until},
    hammer::{Hammer, Tally},
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
            if accepted(node.api.me(tokens.access()).await) != Some(true) {
                return false;
            }
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

/// A node whose lease has just ended on a busy machine answers 503.
async fn log_in_when_it_can(node: &Node) -> Tokens {
    loop {
        let reply = node.api.log_in("alice", DEMO_PASSWORD).await;
        if reply.status != 503 {
            return reply.tokens();
        }
        sleep(Duration::from_millis(10)).await;
    }
}

/// The tokens are presented without a pause from before their logout is answered until well after it.
#[tokio::test(flavor = "multi_thread")]
async fn no_try_after_an_answered_logout_is_accepted_while_nodes_pause_and_die() {
    if !has_stores() {
        return;
    }
    let _turn = turn().await;
    let redis = RedisServer::start().await;
    let (plan, [first, second, third]) = cluster(&redis).await;
    let (mut third, mut dead, mut all) = (Some(third), Vec::new(), Tally::default());
    let wanted = u64::from(rounds(2_000, 1_000_000));
    for round in 0.. {
        let live = a_few_at_a_time(4, || log_in_when_it_can(&first)).await;
        let doomed = a_few_at_a_time(8, || log_in_when_it_can(&first)).await;
        for tokens in &doomed {
            until(async || accepted(second.api.me(tokens.access()).await) == Some(true)).await;
        }
        let log_out = async |node: &Node| {
            for tokens in &doomed {
                until(async || node.api.log_out(tokens.access()).await.status == 204).await;
            }
        };
        match round % 3 {
            0 => {
                second.running.pause().unwrap();
                log_out(&first).await;
                second.running.resume().unwrap();
            }
            1 => {
                redis.command(&["FLUSHALL"]).await;
                log_out(&first).await;
            }
            _ => {
                let program = third.take().unwrap().running.kill_9().await;
                log_out(&second).await;
                drop(program);
                third = Some(Node::of(plan.program()).await);
            }
        }
        // The newest first, at every node. Older ones stay among them until they expire.
        dead.splice(0..0, doomed);
        dead.truncate(24);
        let nodes = [&first, &second, third.as_ref().unwrap()];
        let hammer = Hammer::at(nodes, 4, &dead, &live);
        let share = Duration::from_millis(rounds(500, 5_000).into());
        hammer.go_on(share).await;
        all.add(hammer.end().await);
        if all.tries() >= wanted && round >= 2 {
            break;
        }
    }
    assert!(all.refused > 0 && all.served > 0, "no client was answered: {all:?}");
    held!(
        TwoNodes,
        no_try_after_an_answered_logout_is_accepted_while_nodes_pause_and_die,
        "three nodes that answer from their copies, one paused, one killed, Redis emptied: tries after answered logouts",
        "{} tries, 0 acceptances",
        thousands(all.tries())
    );
}
