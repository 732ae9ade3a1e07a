//! Stores that answer reads and refuse writes. The refused revocations count all the same, and the node reports that it
//! cannot serve.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use rescind_testkit::{PostgresServer, RedisServer};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::{
    cluster::{DEMO_PASSWORD, Database, Node, Plan, accepted, has_stores, in_redis, until},
    report::{Times, held},
    turns::turn,
};

/// The bound that `docs/faults.md` promises, with a busy machine's delay.
const SOON: Duration = Duration::from_secs(15);
/// How soon a node refuses what another node revoked: it reads the log twice a second. Less than the bound above.
const READ: Duration = Duration::from_secs(4);

/// Makes a Redis refuse writes, and lets it take them again.
struct Refusal {
    name: &'static str,
    begin: &'static [&'static [&'static str]],
    end: &'static [&'static str],
}

const REFUSALS: [Refusal; 3] = [
    Refusal {
        name: "memory full, under noeviction",
        begin: &[&["CONFIG", "SET", "maxmemory", "1"]],
        end: &["CONFIG", "SET", "maxmemory", "0"],
    },
    Refusal {
        name: "no replica, and one is asked for",
        begin: &[&["CONFIG", "SET", "min-replicas-to-write", "1"]],
        end: &["CONFIG", "SET", "min-replicas-to-write", "0"],
    },
    Refusal {
        name: "its last snapshot failed (MISCONF)",
        begin: &[&["CONFIG", "SET", "save", "3600 1"], &["BGSAVE"]],
        end: &["CONFIG", "SET", "stop-writes-on-bgsave-error", "no"],
    },
];

/// A Redis whose directory is gone, so that it cannot save.
async fn redis_that_cannot_save() -> RedisServer {
    let directory = TempDir::with_prefix("rescind-redis-gone-").unwrap();
    RedisServer::with(&["--dir", directory.path().to_str().unwrap()]).await
}

async fn ready(node: &Node) -> u16 {
    node.api.get("/health/ready", None).await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_refuses_writes_keeps_no_ended_session_alive() {
    if !has_stores() {
        return;
    }
    let _turn = turn().await;
    let redis = redis_that_cannot_save().await;
    let plan = Plan::on(&Database::on_shared_postgres().await).with_redis(&redis.url());
    let nodes: [Node; 2] = plan.start().await;
    let [here, there] = &nodes;
    let live = here.log_in().await;
    let (mut read, mut noticed, mut again) = (Times::default(), Times::default(), Times::default());
    for refusal in &REFUSALS {
        let name = refusal.name;
        let leaving = here.log_in().await;
        there.assert_alive(&leaving).await;
        for command in refusal.begin {
            redis.command(command).await;
        }
        until(async || redis.attempt(&["SET", "test", "1"]).await.is_err()).await;
        let begun = Instant::now();
        let logout = here.api.log_out(leaving.access()).await;
        logout.expect_problem(503, "revocation_pending");
        // The node that ended it has the revocation in memory.
        here.api.me(leaving.access()).await.expect_problem(401, "token_revoked");
        let took = until(async || accepted(there.api.me(leaving.access()).await) != Some(true)).await;
        assert!(took < READ, "{name}: accepted by the other node for {took:?}");
        read.add(took);
        for node in &nodes {
            until(async || {
                assert_ne!(accepted(node.api.me(leaving.access()).await), Some(true), "{name}");
                accepted(node.api.me(live.access()).await).is_none() && ready(node).await == 503
            })
            .await;
        }
        assert!(begun.elapsed() < SOON, "{name}: ready for {:?}", begun.elapsed());
        noticed.add(begun.elapsed());

        redis.command(refusal.end).await;
        for node in &nodes {
            again.add(node.until_serving(&live).await);
            node.running.ready().await.unwrap();
            node.assert_dead(&leaving).await;
        }
        assert!(in_redis(&redis, &leaving).await, "{name}: it has not reached Redis");
    }
    held!(
        RefusedWrites,
        a_redis_that_refuses_writes_keeps_no_ended_session_alive,
        "Redis answers and refuses writes (memory full, MISCONF, too few replicas): the ended session is refused, then 503",
        "3 ways; refused at the other node after {read}; 503 for everybody after {noticed}; service again after {again}"
    );
}

/// No other node would sync the revocation.
#[tokio::test(flavor = "multi_thread")]
async fn a_lone_node_that_never_checks_the_blacklist_still_fills_it() {
    if !has_stores() {
        return;
    }
    let _turn = turn().await;
    let redis = RedisServer::start().await;
    let plan = Plan::on(&Database::on_shared_postgres().await)
        .with_redis(&redis.url())
        .env("RESCIND_GRACE", "");
    for policy in ["stored", "rotation"] {
        let node = Node::of(plan.program().env("RESCIND_POLICY", policy)).await;
        let leaving = node.log_in().await;
        redis.command(&["CONFIG", "SET", "maxmemory", "1"]).await;
        let logout = node.api.log_out(leaving.access()).await;
        logout.expect_problem(503, "revocation_pending");
        redis.command(&["CONFIG", "SET", "maxmemory", "0"]).await;
        until(async || in_redis(&redis, &leaving).await).await;
        // Its mark is renewed: no node that checks it has to fill it first.
        until(async || redis.command(&["PTTL", "{rescind}:mark"]).await.parse::<i64>().unwrap() > 29 * 60 * 1000).await;
    }
}

/// A small file system of its own, which is unmounted when this is dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None`, with a message, if mounting is not permitted.
    fn mounted_at(path: &Path) -> Option<Self> {
        fs::create_dir_all(path).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs"]).arg(path);
        if mount.status().is_ok_and(|status| status.success()) {
            return Some(Self(path.to_owned()));
        }
        let _ = std::io::stderr().write_all(b"LEFT OUT: a full disk: mounting a tmpfs is not permitted here\n");
        None
    }

    fn fill(&self) -> PathBuf {
        let filler = self.0.join("filler");
        let mut file = File::create(&filler).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
        filler
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_on_a_full_disk_is_not_ready_until_there_is_room() {
    let _turn = turn().await;
    let plan = Plan::on(&Database::Sqlite);
    let Some(disk) = SmallDisk::mounted_at(&plan.directory.path().join("data")) else {
        return;
    };
    let [node] = plan.start().await;
    let live = node.log_in().await;
    let filler = disk.fill();
    // As long as the space that SQLite has reserved lasts, writes succeed.
    let log_in = async || node.api.log_in("alice", DEMO_PASSWORD).await.status;
    until(async || log_in().await == 503).await;
    // The node's test write is small and may still fit; after each refused login it tries again.
    let noticed = until(async || {
        log_in().await;
        ready(&node).await == 503
    })
    .await;
    assert!(noticed < SOON, "ready for {noticed:?}");
    let reply = node.api.get("/health/ready", None).await;
    assert_eq!(reply.body["reason"], "database", "{}", reply.body);
    // Checking a token needs no write.
    node.assert_alive(&live).await;
    fs::remove_file(filler).unwrap();
    let again = until(async || ready(&node).await == 200).await;
    node.log_in().await;
    held!(
        RefusedWrites,
        a_node_on_a_full_disk_is_not_ready_until_there_is_room,
        "the disk of the SQLite file is full: 503 for what has to be written, and not ready",
        "not ready after {} ms, ready again {} ms after there was room",
        noticed.as_millis(),
        again.as_millis()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_turns_read_only_makes_a_node_unready_and_stops_a_start() {
    if !has_stores() {
        return;
    }
    let _turn = turn().await;
    let (redis, database) = (RedisServer::start().await, Database::on_shared_postgres().await);
    let plan = Plan::on(&database).with_redis(&redis.url());
    let [node] = plan.start().await;
    let live = node.log_in().await;
    let (_, name) = database.url().rsplit_once('/').unwrap();
    let set = async |value: &str| {
        let server = PostgresServer::shared().await;
        server
            .sql(&format!(
                "ALTER DATABASE {name} SET default_transaction_read_only = {value}"
            ))
            .await;
        let sessions = format!(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
             WHERE datname = '{name}' AND application_name = 'rescind'"
        );
        server.sql(&sessions).await;
    };
    set("on").await;
    // Without logins or logouts the node notices by itself. Its broken connections may be a reason for 503 before.
    let noticed = until(async || {
        let reply = node.api.get("/health/ready", None).await;
        reply.status == 503 && reply.body["reason"] == "database"
    })
    .await;
    node.api.log_in("alice", DEMO_PASSWORD).await.expect_status(503);
    node.until_serving(&live).await;
    let refused = plan.program().run_to_exit().await.unwrap();
    assert!(
        !refused.status.success() && refused.stderr.contains("default_transaction_read_only"),
        "{}",
        refused.stderr
    );
    set("off").await;
    let again = until(async || ready(&node).await == 200).await;
    held!(
        RefusedWrites,
        a_postgres_that_turns_read_only_makes_a_node_unready_and_stops_a_start,
        "Postgres answers and refuses writes: 503 for what has to be written, and not ready; no node starts on it",
        "not ready after {} ms, ready again after {} ms",
        noticed.as_millis(),
        again.as_millis()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_databases_on_one_redis_the_first_keeps_it() {
    if !has_stores() {
        return;
    }
    let _turn = turn().await;
    let redis = RedisServer::start().await;
    // Not copies of one database: those would have one log.
    let server = PostgresServer::shared().await;
    let plan = Plan::on(&Database::on(server).await).with_redis(&redis.url());
    let [first] = plan.start().await;
    let live = first.log_in().await;
    let other = Plan::on(&Database::on(server).await).with_redis(&redis.url());
    let second = Node::of_any(other.program()).await;
    let strangers = second.log_in().await;
    // Longer than a filling takes, and than an unrenewed mark keeps others out.
    let until_when = Instant::now() + Duration::from_secs(7);
    while Instant::now() < until_when {
        first.assert_alive(&live).await;
        second.api.me(strangers.access()).await.expect_status(503);
        assert_eq!(ready(&second).await, 503);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(second.says("RESCIND_REDIS_NAMESPACE") > 0, "{}", second.running.logs());
    // A mark that is not renewed is free: a new database on the Redis of an old one is no mistake.
    first.running.terminate().await.unwrap();
    second.until_serving(&strangers).await;
    held!(
        Refused,
        of_two_databases_on_one_redis_the_first_keeps_it,
        "two databases on one Redis and namespace: the first one's nodes serve, the second one's stay unready and say why",
        "1 of each, for 7 s"
    );
}
