//! Another Redis takes over: by a changed address, by sentinels, and in a cluster.

use std::time::Duration;

use rescind_testkit::{RedisCluster, RedisSentinels, RedisServer, TcpRelay, rounds};
use tokio::time::Instant;

use crate::{
    cluster::{Node, has_stores, until},
    history::{History, log_in, log_in_times, plan},
    report::{Times, held, thousands},
    turns::turn,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_was_replaced_and_returns_revives_no_token() {
    if !has_stores() {
        return;
    }
    let _turn = turn().await;
    let (a, b) = (RedisServer::start().await, RedisServer::start().await);
    let address = TcpRelay::to(a.port()).await;
    let [one, other]: [Node; 2] = plan(&a.url_through(address.port())).await.start().await;
    let (live, count) = (log_in(&one).await, rounds(20, 1_000) as usize);
    let (mut history, mut without) = (History::with_live_session(&one).await, Times::default());
    let tokens = log_in_times(&one, count).await;
    address.move_to(b.port()).await;
    without.add(until(async || b.command(&["EXISTS", "{rescind}:mark"]).await == "1").await);
    for node in [&one, &other] {
        without.add(node.until_serving(&live).await);
    }
    for tokens in tokens {
        history.log_out_at_last(&one, tokens).await;
        history.no_revoked_token_is_accepted(&[&one, &other], 1).await;
    }
    address.move_to(a.port()).await;
    let back = Instant::now();
    while back.elapsed() < Duration::from_secs(4) {
        history.no_revoked_token_is_accepted(&[&one, &other], 20).await;
    }
    for node in [&one, &other] {
        without.add(node.until_serving(&live).await);
    }
    history.no_revoked_token_is_accepted(&[&one, &other], count).await;
    held!(
        Failover,
        a_redis_that_was_replaced_and_returns_revives_no_token,
        "Redis A, then B, then A again, which was never restarted: nothing accepted",
        "{} logouts on B, {} checks, 0 accepted; without service {without}; answers {}",
        thousands(count as u64),
        thousands(history.asked),
        history.answers
    );
}

/// The old primary stays one for about ten seconds, and nodes keep their connections to it.
#[tokio::test(flavor = "multi_thread")]
async fn a_planned_failover_by_sentinels_loses_no_logout() {
    if !has_stores() {
        return;
    }
    let _turn = turn().await;
    let group = RedisSentinels::start().await;
    let plan = plan(&group.url()).await;
    for restarts in [false, true] {
        let [one, mut other]: [Node; 2] = plan.start().await;
        let live = log_in(&one).await;
        let (mut history, count) = (History::with_live_session(&one).await, rounds(20, 1_000) as usize);
        let before = 1 - group.primary().await;
        let failover = group.fail_over();
        tokio::pin!(failover);
        let (mut is_over, mut tried, mut longest_gap, mut last_done) = (None, 0_u32, Duration::ZERO, Instant::now());
        // Until the old primary has been made a replica.
        while history.logged_out.len() < count
            || is_over.is_none_or(|over: Instant| over.elapsed() < Duration::from_secs(12))
        {
            if is_over.is_none() {
                let _ = tokio::time::timeout(Duration::from_millis(50), &mut failover)
                    .await
                    .map(|()| is_over = Some(Instant::now()));
                if is_over.is_some() && restarts {
                    drop(other.running.kill_9().await);
                    other = Node::of(plan.program()).await;
                }
            }
            let by = if tried.is_multiple_of(2) { &one } else { &other };
            tried += 1;
            let tokens = log_in(by).await;
            if history.log_out(by, tokens).await {
                longest_gap = longest_gap.max(last_done.elapsed());
                last_done = Instant::now();
            }
            history.no_revoked_token_is_accepted(&[&one, &other], 2).await;
        }
        assert_eq!(group.primary().await, before, "there was no failover");
        for node in [&one, &other] {
            node.until_serving(&live).await;
        }
        history.no_revoked_token_is_accepted(&[&one, &other], usize::MAX).await;
        held!(
            Failover,
            a_planned_failover_by_sentinels_loses_no_logout,
            if restarts {
                "SENTINEL FAILOVER, and a node restarted after it: nothing accepted"
            } else {
                "SENTINEL FAILOVER on a healthy network: nothing accepted"
            },
            "{} logouts, {} checks, 0 accepted; the longest time between two logouts {} ms; answers {}",
            thousands(history.logged_out.len() as u64),
            thousands(history.asked),
            longest_gap.as_millis(),
            history.answers
        );
    }
}

/// The new primary and a new node see each other; the old ones wake up together without having noticed.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_paused_with_its_primary_and_sentinel_revives_no_token() {
    if !has_stores() {
        return;
    }
    let _turn = turn().await;
    let group = RedisSentinels::start().await;
    let [one, other]: [Node; 2] = plan(&group.url()).await.start().await;
    let (live, mut history) = (log_in(&one).await, History::with_live_session(&one).await);
    let tokens = log_in_times(&one, rounds(20, 1_000) as usize).await;
    other.until_serving(&live).await;
    let old = group.primary().await;
    group.servers[old].pause();
    group.sentinels[0].pause();
    other.running.pause().unwrap();
    group.await_primary(1 - old).await;
    let without = one.until_serving(&live).await;
    for tokens in tokens {
        history.log_out_at_last(&one, tokens).await;
    }
    other.running.resume().unwrap();
    group.servers[old].resume();
    group.sentinels[0].resume();
    let woken = Instant::now();
    while woken.elapsed() < Duration::from_secs(4) {
        history.no_revoked_token_is_accepted(&[&other, &one], 20).await;
    }
    other.until_serving(&live).await;
    history.no_revoked_token_is_accepted(&[&other, &one], usize::MAX).await;
    held!(
        Failover,
        a_node_paused_with_its_primary_and_sentinel_revives_no_token,
        "primary, one sentinel and one node stopped together, and woken after the failover: nothing accepted",
        "{} logouts, {} checks, 0 accepted; service of the other node again {} ms after the new primary",
        thousands(history.logged_out.len() as u64),
        thousands(history.asked),
        without.as_millis()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hung_cluster_member_delays_only_its_own_failover() {
    if !has_stores() {
        return;
    }
    let _turn = turn().await;
    let cluster = RedisCluster::start().await;
    let slot = cluster.slot_of("{rescind}:mark").await;
    let owner = cluster.owner(slot, 0).await.unwrap();
    let plan = plan(&cluster.url()).await;
    let [one, other]: [Node; 2] = plan.start().await;
    let (live, mut history) = (log_in(&one).await, History::with_live_session(&one).await);
    let tokens = log_in_times(&one, rounds(20, 1_000) as usize).await;
    // A member without the blacklist's slot.
    let bystander = (owner + 1) % 3;
    cluster.servers[bystander].pause();
    let begun = Instant::now();
    let newcomer = Node::of(plan.program()).await;
    let start = begun.elapsed();
    cluster.servers[bystander].resume();
    until(async || newcomer.api.me(live.access()).await.status == 200).await;

    cluster.servers[owner].pause();
    for node in [&one, &other] {
        node.until_refusing_service(&live).await;
    }
    let mut without = Times::default();
    for node in [&one, &other] {
        without.add(node.until_serving(&live).await);
    }
    for tokens in tokens {
        if !history.log_out(&one, tokens).await {
            continue;
        }
        history
            .no_revoked_token_is_accepted(&[&one, &other, &newcomer], 1)
            .await;
    }
    assert!(!history.logged_out.is_empty());
    cluster.servers[owner].resume();
    let woken = Instant::now();
    while woken.elapsed() < Duration::from_secs(3) {
        history
            .no_revoked_token_is_accepted(&[&one, &other, &newcomer], 20)
            .await;
    }
    held!(
        Failover,
        a_hung_cluster_member_delays_only_its_own_failover,
        "a member stopped: a new node starts; the owner of the keys stopped: served by its replica, and nothing accepted",
        "start beside a stopped member {} ms; without service {without}; {} logouts, {} checks, 0 accepted",
        start.as_millis(),
        thousands(history.logged_out.len() as u64),
        thousands(history.asked)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_migrates_revives_no_token() {
    if !has_stores() {
        return;
    }
    let _turn = turn().await;
    let cluster = RedisCluster::start().await;
    let slot = cluster.slot_of("{rescind}:mark").await;
    let owner = cluster.owner(slot, 0).await.unwrap();
    let [one, other]: [Node; 2] = plan(&cluster.url()).await.start().await;
    let (live, mut history, mut without) = (
        log_in(&one).await,
        History::with_live_session(&one).await,
        Times::default(),
    );
    let tokens = log_in_times(&one, rounds(20, 1_000) as usize).await;
    let half = tokens.len() / 2;
    for (index, tokens) in tokens.into_iter().enumerate() {
        if index == half {
            cluster.migrate(slot, owner, (owner + 1) % 3).await;
            for node in [&one, &other] {
                without.add(node.until_serving(&live).await);
            }
        }
        history.log_out_at_last(&one, tokens).await;
        history.no_revoked_token_is_accepted(&[&one, &other], 4).await;
    }
    history.no_revoked_token_is_accepted(&[&one, &other], usize::MAX).await;
    held!(
        Failover,
        a_slot_that_migrates_revives_no_token,
        "the slot of the keys moves to another primary: nothing accepted",
        "{} logouts, {} checks, 0 accepted; service again after {without}",
        thousands(history.logged_out.len() as u64),
        thousands(history.asked)
    );
}
