//! The faults of a store, caused in real ones.
//!
//! Each function is shown to do what its name says: a fault suite whose fault did not happen proves nothing.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its fixtures included")]

use std::future::Future;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rescind_testkit::{PostgresServer, RedisCluster, RedisSentinels, RedisServer, Tool, needs};
use tokio::time::timeout;

/// Long enough, nearly always, for a running server to answer; a paused one must not.
const A_WHILE: Duration = Duration::from_millis(300);
/// Far more than anything here takes.
const DEADLINE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_flushed_redis_is_empty() {
    let Some(_) = needs(Tool::Redis) else { return };
    let redis = RedisServer::start().await;
    redis.command(&["SET", "key", "value"]).await;
    assert_eq!(redis.command(&["GET", "key"]).await, "value");
    redis.flush_all().await;
    assert_eq!(redis.command(&["GET", "key"]).await, "");
}

#[tokio::test]
async fn a_paused_redis_answers_after_it_is_resumed() {
    let Some(_) = needs(Tool::Redis) else { return };
    let redis = RedisServer::start().await;
    redis.pause();
    let asked = redis.attempt(&["PING"]);
    tokio::pin!(asked);
    assert!(timeout(A_WHILE, &mut asked).await.is_err(), "a paused server answered");
    redis.resume();
    assert_eq!(soon(asked).await.unwrap(), "PONG");
}

#[tokio::test]
async fn a_killed_redis_restarts_empty_on_its_port() {
    let Some(_) = needs(Tool::Redis) else { return };
    let redis = RedisServer::start().await;
    let (url, run) = (redis.url(), redis.info("run_id").await);
    redis.command(&["SET", "key", "value"]).await;
    redis.kill_9();
    redis.attempt(&["PING"]).await.unwrap_err();
    redis.start_again().await;
    assert_eq!(redis.url(), url);
    assert_ne!(redis.info("run_id").await, run);
    assert_eq!(redis.command(&["DBSIZE"]).await, "0");
}

#[tokio::test]
async fn an_append_only_redis_keeps_its_data_unless_restarted_empty() {
    let Some(_) = needs(Tool::Redis) else { return };
    let redis = RedisServer::with(&["--appendonly", "yes", "--appendfsync", "always"]).await;
    redis.command(&["SET", "key", "value"]).await;
    redis.kill_9();
    redis.start_again().await;
    assert_eq!(redis.command(&["GET", "key"]).await, "value");
    redis.restart_empty().await;
    assert_eq!(redis.command(&["DBSIZE"]).await, "0");
}

#[tokio::test]
async fn a_cleanly_restarted_redis_has_a_new_run_id_and_the_same_data() {
    let Some(_) = needs(Tool::Redis) else { return };
    let redis = RedisServer::start().await;
    let run = redis.info("run_id").await;
    redis.command(&["SET", "key", "value"]).await;
    redis.restart_keeping_data().await;
    assert_eq!(redis.command(&["GET", "key"]).await, "value");
    assert_ne!(redis.info("run_id").await, run);
}

#[tokio::test]
async fn a_redis_restored_from_a_snapshot_has_only_the_older_data() {
    let Some(_) = needs(Tool::Redis) else { return };
    let redis = RedisServer::start().await;
    redis.command(&["SET", "early", "1"]).await;
    let snapshot = redis.save_snapshot().await;
    redis.command(&["SET", "late", "1"]).await;
    redis.restart_from(&snapshot).await;
    assert_eq!(redis.command(&["KEYS", "*"]).await, "early");
}

#[tokio::test]
async fn redis_counts_the_commands_that_it_ran() {
    let Some(_) = needs(Tool::Redis) else { return };
    let redis = RedisServer::start().await;
    redis.command(&["CONFIG", "RESETSTAT"]).await;
    redis.command(&["SET", "key", "value"]).await;
    redis.command(&["EVAL", "return redis.call('GET', 'key')", "0"]).await;
    let mut told = redis.commands_processed().await;
    told.remove("config|resetstat");
    let told: Vec<_> = told.iter().map(|(command, times)| (command.as_str(), *times)).collect();
    assert_eq!(told, [("eval", 1), ("get", 1), ("set", 1)]);
}

#[tokio::test]
async fn redis_starts_with_a_password_as_a_cluster_and_as_a_sentinel() {
    let Some(_) = needs(Tool::Redis) else { return };
    let redis = RedisServer::with(&["--maxmemory-policy", "allkeys-lru", "--requirepass", "sesame"]).await;
    assert_eq!(
        redis.url(),
        format!("redis://:sesame@127.0.0.1:{}", redis.port()),
        "a URL with the password"
    );
    let policy = redis.command(&["CONFIG", "GET", "maxmemory-policy"]).await;
    assert_eq!(policy, "maxmemory-policy\nallkeys-lru");

    let node = RedisServer::with(&["--cluster-enabled", "yes"]).await;
    node.command(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]).await;
    until(async || node.command(&["CLUSTER", "INFO"]).await.contains("cluster_state:ok")).await;
    node.command(&["SET", "key", "value"]).await;

    let primary = RedisServer::start().await;
    let sentinel = RedisServer::with(&["--sentinel"]).await;
    let port = primary.port().to_string();
    sentinel
        .command(&["SENTINEL", "MONITOR", "main", "127.0.0.1", &port, "1"])
        .await;
    let address = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main"];
    assert_eq!(sentinel.command(&address).await, format!("127.0.0.1\n{port}"));
}

#[tokio::test]
async fn a_planned_failover_leaves_two_primaries_and_then_one() {
    let Some(_) = needs(Tool::Redis) else { return };
    let group = RedisSentinels::start().await;
    let (old, new) = (&group.servers[0], &group.servers[1]);
    assert_eq!(group.primary().await, 0);
    old.command(&["SET", "key", "value"]).await;
    group.fail_over().await;
    assert_eq!(group.primary().await, 1);
    assert_eq!(new.command(&["GET", "key"]).await, "value");
    assert_eq!(old.info("role").await, "master", "for some seconds there are two");
    until(async || old.info("role").await == "slave").await;
    group.fail_over().await;
    assert_eq!(group.primary().await, 0, "and back");
}

#[tokio::test]
async fn sentinels_replace_a_killed_primary() {
    let Some(_) = needs(Tool::Redis) else { return };
    let group = RedisSentinels::start().await;
    group.servers[0].kill_9();
    group.await_primary(1).await;
}

#[tokio::test]
async fn a_cluster_moves_a_slot_and_replaces_a_paused_primary() {
    let Some(_) = needs(Tool::Redis) else { return };
    let cluster = RedisCluster::start().await;
    let slot = cluster.slot_of("{test}:key").await;
    let owner = cluster.owner(slot, 0).await.unwrap();
    cluster.servers[owner].command(&["SET", "{test}:key", "value"]).await;
    let other = (owner + 1) % 3;
    cluster.migrate(slot, owner, other).await;
    assert_eq!(cluster.servers[other].command(&["GET", "{test}:key"]).await, "value");

    let (replica, witness) = (cluster.replica_of(other).await, (other + 1) % 3);
    // The replica follows without being waited for.
    until(async || cluster.servers[replica].command(&["DBSIZE"]).await == "1").await;
    cluster.servers[other].pause();
    until(async || cluster.owner(slot, witness).await == Some(replica)).await;
    assert_eq!(cluster.servers[replica].command(&["GET", "{test}:key"]).await, "value");
}

#[tokio::test]
async fn a_commit_waits_for_the_synchronous_standby() {
    let Some(_) = needs(Tool::Postgres) else { return };
    let primary = PostgresServer::start().await;
    let standby = primary.standby().await;
    primary.wait_for_standbys().await;
    primary
        .sql("CREATE TABLE kept (n INT); INSERT INTO kept VALUES (1)")
        .await;
    standby.stop_following().await;
    let silent = primary.sql("INSERT INTO kept VALUES (2)");
    assert!(timeout(A_WHILE, silent).await.is_err(), "answered without the standby");
    primary.kill_9();
    standby.promote().await;
    assert_eq!(standby.sql("SELECT n FROM kept").await, "1");
}

#[tokio::test]
async fn an_asynchronous_standby_lacks_commits_after_it_stopped_following() {
    let Some(_) = needs(Tool::Postgres) else { return };
    let primary = PostgresServer::start().await;
    primary.sql("CREATE TABLE kept (n INT)").await;
    let standby = primary.standby().await;
    standby.stop_following().await;
    primary.sql("INSERT INTO kept VALUES (1)").await;
    primary.kill_9();
    standby.promote().await;
    assert_eq!(standby.sql("SELECT count(*) FROM kept").await, "0");
}

#[tokio::test]
async fn a_killed_postgres_leaves_no_backend_and_restarts_with_its_commits() {
    let Some(_) = needs(Tool::Postgres) else { return };
    let postgres = Arc::new(PostgresServer::start().await);
    postgres
        .sql("CREATE TABLE kept (n INT); INSERT INTO kept VALUES (1)")
        .await;
    // A backend in the middle of a statement is in a session of its own, and does not watch its parent.
    let working = Arc::clone(&postgres);
    let statement = "INSERT INTO kept VALUES (2); SELECT count(*) FROM generate_series(1, 1e12)";
    let working = tokio::spawn(async move { working.sql(statement).await });
    let find = "SELECT pid FROM pg_stat_activity WHERE query LIKE '%1e12%' AND pid <> pg_backend_pid()";
    until(async || !postgres.sql(find).await.is_empty()).await;
    let backend = postgres.sql(find).await;

    postgres.kill_9();
    assert!(!is_alive(&backend), "a backend is still at work");
    assert!(
        soon(working).await.unwrap_err().is_panic(),
        "its client has been cut off"
    );
    postgres.start_again().await;
    assert_eq!(postgres.sql("SELECT n FROM kept").await, "1");
}

#[tokio::test]
async fn a_paused_postgres_answers_after_it_is_resumed() {
    let Some(_) = needs(Tool::Postgres) else { return };
    let postgres = PostgresServer::start().await;
    let processes = postgres.sql("SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()");
    let processes = processes.await;
    postgres.pause();
    for id in processes.lines() {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
        assert!(
            stat.contains(") T "),
            "an earlier connection must not be answered either: {stat}"
        );
    }
    let asked = postgres.sql("SELECT 1 + 1");
    tokio::pin!(asked);
    assert!(timeout(A_WHILE, &mut asked).await.is_err(), "a paused server answered");
    postgres.resume();
    assert_eq!(soon(asked).await, "2");
}

#[tokio::test]
async fn a_stopped_postgres_restarts_on_its_port_with_its_data() {
    let Some(_) = needs(Tool::Postgres) else { return };
    let postgres = PostgresServer::with(&["max_connections=7"]).await;
    let url = postgres.url();
    postgres.sql("CREATE TABLE kept (n INT)").await;
    postgres.stop().await;
    postgres.start_again().await;
    assert_eq!(postgres.url(), url);
    assert_eq!(
        postgres
            .sql("SELECT count(*) FROM kept; SHOW max_connections; SHOW fsync; SHOW synchronous_commit")
            .await,
        "0\n7\non\non"
    );
}

#[tokio::test]
async fn databases_of_the_shared_postgres_are_empty_separate_and_copyable() {
    let Some(_) = needs(Tool::Postgres) else { return };
    let postgres = PostgresServer::shared().await;
    let (one, other) = (postgres.fresh_database().await, postgres.fresh_database().await);
    postgres
        .sql_in(&one, "CREATE TABLE kept (n INT); INSERT INTO kept VALUES (1)")
        .await;
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(postgres.sql_in(&other, tables).await, "0");
    let copy = postgres.copy_of(&one).await;
    assert_eq!(postgres.sql_in(&copy, "SELECT n FROM kept").await, "1");
}

#[tokio::test]
async fn dropped_servers_leave_no_process_and_no_file_even_when_paused() {
    let (Some(_), Some(_)) = (needs(Tool::Redis), needs(Tool::Postgres)) else {
        return;
    };
    for paused in [false, true] {
        let redis = RedisServer::start().await;
        let postgres = PostgresServer::start().await;
        let left = Left::by(&redis, &postgres).await;
        assert!(left.processes.iter().all(|id| is_alive(id)), "{left:?}");
        assert!(
            left.directories.iter().all(|directory| Path::new(directory).exists()),
            "{left:?}"
        );
        if paused {
            redis.pause();
            postgres.pause();
        }
        drop((redis, postgres));
        until(async || left.is_gone()).await;
    }
}

/// The test runs itself once more, as a process that shares a Postgres and has a Redis of its own.
#[tokio::test]
async fn a_killed_test_process_leaves_no_server_behind() {
    const SELF: &str = "a_killed_test_process_leaves_no_server_behind";
    const ENDING: &str = "RESCIND_TESTKIT_ENDING";
    let (Some(_), Some(_)) = (needs(Tool::Redis), needs(Tool::Postgres)) else {
        return;
    };
    if let Ok(ending) = std::env::var(ENDING) {
        let postgres = PostgresServer::shared().await;
        let redis = RedisServer::start().await;
        let left = Left::by(&redis, postgres).await;
        println!("{}\nLEFT {}", left.processes.join(" "), left.directories.join(" "));
        if ending == "crash" {
            // The hardest case: no destructor runs, and the server is paused.
            redis.pause();
            std::process::abort();
        }
        return;
    }
    for ending in ["return", "crash"] {
        let this = std::env::current_exe().unwrap();
        let output = tokio::task::spawn_blocking(move || {
            let mut again = Command::new(this);
            again.args(["--exact", SELF, "--nocapture"]).env(ENDING, ending);
            again.output().unwrap()
        });
        // It would not end either if a server or a watchdog had inherited its output.
        let output = soon(output).await.unwrap();
        assert_eq!(output.status.success(), ending == "return", "{output:?}");
        let told = String::from_utf8(output.stdout).unwrap();
        let (before, after) = told.split_once("\nLEFT ").unwrap();
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let left = Left {
            processes: words(before.lines().last().unwrap()),
            directories: words(after.lines().next().unwrap()),
        };
        assert!(left.processes.len() > 2, "{left:?}");
        until(async || left.is_gone()).await;
    }
}

/// What servers would leave behind.
#[derive(Debug)]
struct Left {
    processes: Vec<String>,
    directories: Vec<String>,
}

impl Left {
    async fn by(redis: &RedisServer, postgres: &PostgresServer) -> Self {
        let backends = postgres.sql("SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()");
        let mut processes: Vec<String> = backends.await.lines().map(str::to_owned).collect();
        processes.push(redis.info("process_id").await);
        let directory = redis.command(&["CONFIG", "GET", "dir"]).await;
        Self {
            processes,
            directories: vec![
                directory.lines().last().unwrap().to_owned(),
                postgres.sql("SHOW data_directory").await,
            ],
        }
    }

    fn is_gone(&self) -> bool {
        !self.processes.iter().any(|id| is_alive(id))
            && !self
                .directories
                .iter()
                .any(|directory| Path::new(directory).parent().unwrap().exists())
    }
}

/// A killed process stays as a zombie until its parent reaps it, and that counts as ended.
fn is_alive(id: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(DEADLINE, future).await.unwrap()
}

/// Polls until it is done.
async fn until(mut done: impl AsyncFnMut() -> bool) {
    soon(async {
        while !done().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}
