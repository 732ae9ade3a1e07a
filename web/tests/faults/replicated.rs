//! Nodes that answer from their own copies of the blacklist, and everything that delays their leases.

use std::time::Duration;

use rescind_testkit::{RedisServer, Tokens, rounds};
use tokio::time::{Instant, sleep};

use crate::{
    cluster::{DEMO_PASSWORD, Database, Node, Plan, a_few_at_a_time, accepted, has_stores, until},
    hammer::{Dead, Hammer, Tally},
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

/// How many checks Redis was asked for.
async fn reads(redis: &RedisServer) -> u64 {
    let stats = redis.command(&["INFO", "commandstats"]).await;
    let calls = stats.lines().find_map(|line| line.strip_prefix("cmdstat_mget:calls="));
    let calls = calls.and_then(|calls| calls.split(',').next());
    calls.map_or(0, |calls| calls.parse().unwrap())
}

/// Waits until checks at that node cost no command.
async fn until_it_answers_from_its_copy(redis: &RedisServer, node: &Node) {
    let tokens = node.log_in().await;
    until(async || {
        let before = reads(redis).await;
        for _ in 0..5 {
            if accepted(node.api.me(tokens.access()).await) != Some(true) {
                return false;
            }
        }
        before == reads(redis).await
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
            // A node that a busy machine holds up for a second answers 503 until it trusts its Redis again.
            node.until_serving(&tokens).await;
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
        second.until_serving(&tokens).await;
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

/// From the moment at which its logout is answered each token is presented without a pause, while a node is paused or killed
/// or Redis forgets everything.
#[tokio::test(flavor = "multi_thread")]
async fn no_try_after_an_answered_logout_is_accepted_while_nodes_pause_and_die() {
    /// Older tokens stay among those that are presented, until they expire.
    const PRESENTED: usize = 24;
    if !has_stores() {
        return;
    }
    let _turn = turn().await;
    let redis = RedisServer::start().await;
    let (plan, [first, second, third]) = cluster(&redis).await;
    let (mut third, dead, mut all, mut logouts) = (Some(third), Dead::default(), Tally::default(), 0);
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
                dead.add(tokens, PRESENTED);
            }
        };
        let kills = round % 3 == 2;
        let mut hammers = vec![Hammer::at([&first, &second], 4, dead.clone(), &live)];
        if !kills {
            hammers.push(Hammer::at(&third, 4, dead.clone(), &live));
        }
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
                hammers.push(Hammer::at(&third, 4, dead.clone(), &live));
            }
        }
        logouts += doomed.len();
        tokio::time::sleep(Duration::from_millis(rounds(500, 3_000).into())).await;
        for hammer in hammers {
            all.add(hammer.end().await);
        }
        if all.refused >= wanted && round >= 2 {
            break;
        }
    }
    let answered = all.refused + all.served;
    let asked = reads(&redis).await;
    assert!(asked < answered / 2, "{asked} of {answered} answers needed Redis");
    held!(
        TwoNodes,
        no_try_after_an_answered_logout_is_accepted_while_nodes_pause_and_die,
        "three nodes that answer from their copies, one paused, one killed, Redis emptied, meanwhile tries after each answered logout",
        "{} logouts, {} tries refused, {} answered 503, 0 accepted; {} % of the answers from copies",
        thousands(logouts as u64),
        thousands(all.refused),
        thousands(all.unknown),
        100 - 100 * asked / answered
    );
}
