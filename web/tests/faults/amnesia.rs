//! Redis loses all entries, or the latest.
//!
//! To make the rebuild slow, the log holds many unrelated entries *before* those that are presented: the revoked tokens reach
//! the blacklist last, and a node that trusted an incomplete copy would accept them.

use std::time::Duration;

use rescind_testkit::{PostgresServer, RedisServer, Tokens, rounds};

use crate::{
    cluster::{Database, Node, Plan, has_stores},
    hammer::{Hammer, Tally},
    report::{Times, held, thousands},
    turns::turn,
};

/// What a node logs after it filled an incomplete blacklist.
const FILLED: &str = "the blacklist was filled from the revocation log";
/// The time without faults before and after a fault.
const A_WHILE: Duration = Duration::from_millis(200);
const ASKERS: usize = 3;

/// Two nodes on Postgres and Redis, a log that is slow to read, ended and open sessions.
struct Scene {
    redis: RedisServer,
    nodes: [Node; 2],
    ended: Vec<Tokens>,
    live: Vec<Tokens>,
    tally: Tally,
    /// From the store's return to the first acceptance of a live token, at each node.
    until_service: Times,
}

impl Scene {
    async fn open() -> Self {
        let redis = RedisServer::start().await;
        let database = Database::on_shared_postgres().await;
        let plan = Plan::on(&database).with_redis(&redis.url());
        write_old_entries(database.url(), rounds(5_000, 100_000)).await;
        let nodes = plan.start().await;
        let mut scene = Self {
            redis,
            nodes,
            ended: Vec::new(),
            live: Vec::new(),
            tally: Tally::default(),
            until_service: Times::default(),
        };
        scene.live = scene.nodes[0].log_in_times(2).await;
        scene.end_sessions(rounds(20, 200)).await;
        scene
    }

    async fn end_sessions(&mut self, count: u32) {
        let leaving = self.nodes[0].log_in_times(count.try_into().unwrap()).await;
        for (index, tokens) in leaving.iter().enumerate() {
            let node = &self.nodes[index % 2];
            node.api.log_out(tokens.access()).await.expect_status(204);
        }
        self.ended.extend(leaving);
    }

    /// Presents all tokens at every node, during `fault` and until both nodes serve again.
    async fn under(&mut self, fault: impl AsyncFnOnce(&RedisServer)) {
        let filled = self.times_filled();
        let hammer = Hammer::at(&self.nodes, ASKERS, &*self.ended, &self.live);
        hammer.go_on(A_WHILE).await;
        fault(&self.redis).await;
        for node in &self.nodes {
            self.until_service.add(node.until_serving(&self.live[0]).await);
        }
        crate::cluster::until(async || self.times_filled() > filled).await;
        for node in &self.nodes {
            node.until_serving(&self.live[0]).await;
        }
        hammer.go_on(A_WHILE).await;
        self.tally.add(hammer.rest().await);
        for node in &self.nodes {
            for tokens in &self.ended {
                node.assert_dead(tokens).await;
            }
            for tokens in &self.live {
                node.assert_alive(tokens).await;
            }
        }
    }

    fn times_filled(&self) -> usize {
        self.nodes.iter().map(|node| node.says(FILLED)).sum()
    }

    fn figures(&self, faults: u32) -> String {
        format!(
            "{} faults: {} tries with tokens that were taken back, 0 accepted ({} refused, {} answered 503); \
             service again after {}",
            thousands(faults.into()),
            thousands(self.tally.tries()),
            thousands(self.tally.refused),
            thousands(self.tally.unknown),
            self.until_service
        )
    }
}

/// Revocations of sessions without tokens, first in the log.
async fn write_old_entries(url: &str, count: u32) {
    let postgres = PostgresServer::shared().await;
    postgres
        .sql_in(
            url,
            &format!(
                "INSERT INTO rescind_revocations (position, scope_kind, scope_id, user_id, at, until, cause, protocol)
                 SELECT n, 'session', gen_random_uuid(), gen_random_uuid(), ms, ms + 3600000, 'logout', 1
                 FROM generate_series(1, {count}) n, (SELECT (extract(epoch FROM now()) * 1000)::bigint AS ms) clock;
                 UPDATE rescind_log_head SET last_position = {count}"
            ),
        )
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_restarts_empty_revives_no_token() {
    if !has_stores() {
        return;
    }
    let _turn = turn().await;
    let mut scene = Scene::open().await;
    let faults = rounds(2, 20);
    for _ in 0..faults {
        scene
            .under(async |redis| {
                redis.kill_9();
                tokio::time::sleep(A_WHILE).await;
                redis.start_again().await;
            })
            .await;
    }
    assert!(scene.tally.unknown > 0, "the outage was never noticed");
    held!(
        RedisForgets,
        a_redis_that_restarts_empty_revives_no_token,
        "killed and restarted empty: nothing accepted before, during and after the rebuild",
        "{}",
        scene.figures(faults)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flushed_redis_revives_no_token() {
    if !has_stores() {
        return;
    }
    let _turn = turn().await;
    let mut scene = Scene::open().await;
    let faults = rounds(3, 30);
    for _ in 0..faults {
        scene.under(async |redis| redis.flush_all().await).await;
    }
    // The second fault, during the rebuild after the first.
    scene
        .under(async |redis| {
            for _ in 0..5 {
                redis.flush_all().await;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await;
    held!(
        RedisForgets,
        a_flushed_redis_revives_no_token,
        "FLUSHALL while running, also in the middle of a rebuild: nothing accepted",
        "{}",
        scene.figures(faults + 5)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_from_an_old_snapshot_revives_no_token() {
    if !has_stores() {
        return;
    }
    let _turn = turn().await;
    let mut scene = Scene::open().await;
    let faults = rounds(2, 20);
    for _ in 0..faults {
        // The snapshot is marked as complete, and it was. Sessions ended from now on are missing in it.
        let snapshot = scene.redis.save_snapshot().await;
        scene.end_sessions(5).await;
        scene.under(async |redis| redis.restart_from(&snapshot).await).await;
    }
    held!(
        RedisForgets,
        a_redis_from_an_old_snapshot_revives_no_token,
        "restored from a snapshot older than some logouts: nothing accepted",
        "{}",
        scene.figures(faults)
    );
}
