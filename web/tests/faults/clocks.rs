//! A node whose clock is an hour off: it must notice, and must not prune the others' revocations.

use rescind_testkit::{RedisServer, Tokens, Tool, needs};

use crate::{
    cluster::{Database, Node, Plan, has_stores, until},
    report::{held, thousands},
    turns::turn,
};

const OFFSETS: [&str; 2] = ["+1h", "-1h"];
/// A node logs this after each round of pruning.
const PRUNED: &str = r#""message":"pruned""#;

fn can_be_shown() -> bool {
    has_stores() && needs(Tool::Faketime).is_some()
}

async fn end_sessions(node: &Node, count: usize) -> Vec<Tokens> {
    let leaving = node.log_in_times(count).await;
    for tokens in &leaving {
        node.api.log_out(tokens.access()).await.expect_status(204);
    }
    leaving
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_started_with_its_clock_an_hour_off_is_503_and_prunes_no_revocation() {
    if !can_be_shown() {
        return;
    }
    let _turn = turn().await;
    let redis = RedisServer::start().await;
    // Lifetimes shorter than the clocks' difference: a clock an hour ahead would prune revocations that still count.
    let plan = Plan::on(&Database::on_shared_postgres().await)
        .with_redis(&redis.url())
        .env("RESCIND_ACCESS_TTL", "20m")
        .env("FAILPOINTS", "prune-often=return")
        .env("RUST_LOG", "info,rescind_session=debug");
    let [good] = plan.start().await;
    let live = good.log_in().await;
    let ended = end_sessions(&good, 20).await;
    // Not all keys: the high-water mark comes within a second.
    let count = async || redis.command(&["KEYS", "*:sid:*"]).await.lines().count();
    let entries = count().await;
    let mut asked = 0;
    for offset in OFFSETS {
        let wrong = Node::of_any(plan.program().with_clock_offset(offset)).await;
        for tokens in ended.iter().chain([&live]) {
            wrong.api.me(tokens.access()).await.expect_status(503);
            wrong.api.log_out(tokens.access()).await.expect_status(503);
            wrong.api.refresh(tokens.refresh()).await.expect_status(503);
            asked += 1;
        }
        wrong.api.get("/health/ready", None).await.expect_status(503);
        // It has tried to prune, but does not know the time.
        until(async || wrong.says(r#""chore":"pruning""#) > 0).await;
        wrong.api.get("/health/ready", None).await.expect_status(503);
        for tokens in &ended {
            good.assert_dead(tokens).await;
        }
        good.assert_alive(&live).await;
        assert_eq!(count().await, entries, "an entry was forgotten ({offset})");
        drop(wrong);
    }
    // The log still has them: a blacklist rebuilt from it contains all.
    redis.flush_all().await;
    good.until_serving(&live).await;
    for tokens in &ended {
        good.assert_dead(tokens).await;
    }
    held!(
        Clocks,
        a_node_started_with_its_clock_an_hour_off_is_503_and_prunes_no_revocation,
        "started an hour ahead or behind: that node is not ready and answers 503; no revocation forgotten",
        "{} sessions asked about, {} revocations kept",
        thousands(asked),
        ended.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_steps_an_hour_under_one_node_revives_no_token() {
    if !can_be_shown() {
        return;
    }
    let _turn = turn().await;
    let redis = RedisServer::start().await;
    let plan = Plan::on(&Database::on_shared_postgres().await)
        .with_redis(&redis.url())
        .env("RESCIND_ACCESS_TTL", "20m")
        .env("FAILPOINTS", "prune-often=return")
        .env("RUST_LOG", "info,rescind_session=debug");
    let [good] = plan.start().await;
    let stepping = Node::of(plan.program().with_clock_offset("+0")).await;
    let live = good.log_in().await;
    let mut ended = end_sessions(&good, 10).await;
    for offset in OFFSETS {
        stepping.running.step_clock(offset).unwrap();
        // Ended by the node whose clock is wrong, and by the one whose clock is right.
        ended.extend(end_sessions(&stepping, 5).await);
        ended.extend(end_sessions(&good, 5).await);
        for node in [&good, &stepping] {
            // Twice, so that one round began after the last logout.
            let so_far = node.says(PRUNED);
            until(async || node.says(PRUNED) > so_far + 1).await;
            for tokens in &ended {
                node.assert_dead(tokens).await;
            }
            node.assert_alive(&live).await;
        }
    }
    redis.flush_all().await;
    until(async || good.api.me(ended[0].access()).await.status == 401).await;
    for tokens in &ended {
        good.assert_dead(tokens).await;
    }
    held!(
        Clocks,
        a_clock_that_steps_an_hour_under_one_node_revives_no_token,
        "stepped an hour ahead, then behind, under a running node: no answer changes, no revocation forgotten",
        "{} revocations kept, made by both nodes",
        ended.len()
    );
}
