//! A busy database: a retry or 503, and no refresh token is spent without a successor.

use std::{fs::File, path::Path, time::Duration};

use rescind_testkit::{PostgresServer, RedisServer, Reply, Tokens, rounds};
use rustix::fs::{FlockOperation, fcntl_lock};
use tokio::{task::JoinSet, time::Instant};

use crate::{
    cluster::{DEMO_PASSWORD, Database, Node, Plan, has_stores},
    report::{Times, held, thousands},
    turns::turn,
};

/// The setting's default.
const STORE_TIMEOUT: &str = "500ms";
/// With a busy machine's delay.
const SOON: Duration = Duration::from_secs(5);

/// Refreshes until there is a successor: a 503 may have spent the token or not; the same token is sent again.
async fn refresh_until_answered(node: &Node, tokens: &Tokens, unavailable: &mut u64) -> Tokens {
    let begun = Instant::now();
    loop {
        let reply = node.api.refresh(tokens.refresh()).await;
        if reply.status != 503 {
            return reply.tokens();
        }
        *unavailable += 1;
        assert!(
            begun.elapsed() < crate::cluster::DEADLINE,
            "no successor to be had: {reply:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn serialization_failures_are_tried_again_and_spend_no_refresh_token() {
    if !has_stores() {
        return;
    }
    const PEOPLE: usize = 8;
    let _turn = turn().await;
    let redis = RedisServer::start().await;
    let database = Database::on_shared_postgres().await;
    let (_, name) = database.url().rsplit_once('/').unwrap();
    PostgresServer::shared()
        .await
        .sql(&format!(
            "ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'"
        ))
        .await;
    let plan = Plan::on(&database).with_redis(&redis.url());
    let nodes: [Node; 2] = plan.start().await;
    let nodes = std::sync::Arc::new(nodes);
    // Logins under one name take turns, so most conflicts are at the end of the log.
    let rounds = rounds(15, 100);
    let mut people = JoinSet::new();
    for person in 0..PEOPLE {
        let nodes = std::sync::Arc::clone(&nodes);
        people.spawn(async move {
            let mut unavailable = 0;
            for round in 0..rounds {
                let (a, b) = (&nodes[person % 2], &nodes[(person + 1) % 2]);
                // All as one user, so that their rows are neighbours, and all write to the end of the log.
                let first = a.log_in().await;
                let mut last = first.clone();
                for node in [a, b, a, b] {
                    last = refresh_until_answered(node, &last, &mut unavailable).await;
                }
                b.assert_alive(&last).await;
                loop {
                    let left = a.api.log_out(last.access()).await;
                    if left.status != 503 {
                        left.expect_status(204);
                        break;
                    }
                    unavailable += 1;
                }
                assert_ne!(b.api.me(last.access()).await.status, 200, "round {round}");
                b.assert_dead(&last).await;
            }
            unavailable
        });
    }
    let unavailable: u64 = people.join_all().await.into_iter().sum();
    let conflicts = PostgresServer::shared()
        .await
        .sql(&format!(
            "SELECT xact_rollback FROM pg_stat_database WHERE datname = '{name}'"
        ))
        .await;
    // Each transaction that was rolled back without a retry would have been a 503.
    let undone: u64 = conflicts.parse().unwrap();
    assert!(undone >= 10, "{undone} transactions were undone: too few to tell");
    assert!(
        unavailable * 4 <= undone,
        "{unavailable} answers were 503 where {undone} transactions were undone"
    );
    held!(
        Busy,
        serialization_failures_are_tried_again_and_spend_no_refresh_token,
        "every transaction SERIALIZABLE: tried again or 503, and every refresh token had its successor",
        "{} sessions, {} rotations each; {conflicts} transactions were undone, {unavailable} answers were 503",
        thousands(u64::from(rounds) * PEOPLE as u64),
        4
    );
}

/// Keeps every writer of a SQLite database out until it is dropped, and lets readers in, as an open write transaction of
/// another process does: a shared lock on the bytes of the WAL index that a writer locks alone (sqlite.org/walformat.html,
/// section 2.3.1).
struct Held(#[expect(dead_code, reason = "holds the lock as long as it is open")] File);

impl Held {
    fn of(data_dir: &Path) -> Self {
        let index = File::open(data_dir.join("rescind.db-shm")).unwrap();
        fcntl_lock(&index, FlockOperation::LockShared).unwrap();
        Self(index)
    }
}

/// The requests to a database that does not answer.
#[derive(Default)]
struct Unanswered {
    times: Times,
    other: u64,
}

impl Unanswered {
    async fn ask(&mut self, answer: impl Future<Output = Reply>) {
        let begun = Instant::now();
        let reply = answer.await;
        match reply.status {
            503 => self.times.add(begun.elapsed()),
            200 | 204 => self.other += 1,
            _ => {
                reply.expect_problem(503, "store_unavailable");
            }
        }
    }

    fn assert_soon(&self) {
        assert!(self.times.count() > 0, "the database was never busy");
        assert!(self.times.longest() < SOON, "a late 503: {}", self.times);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sqlite_file_that_another_process_writes_to_spends_no_refresh_token() {
    let _turn = turn().await;
    let plan = Plan::on(&Database::Sqlite).env("RESCIND_STORE_TIMEOUT", STORE_TIMEOUT);
    let [node] = plan.start().await;
    let (mut unanswered, mut ignored, rounds) = (Unanswered::default(), 0, rounds(3, 50));
    for _ in 0..rounds {
        let (refreshing, leaving) = (patient_login(&node).await, patient_login(&node).await);
        let held = Held::of(&plan.directory.path().join("data"));
        unanswered.ask(node.api.refresh(refreshing.refresh())).await;
        unanswered.ask(node.api.log_out(leaving.access())).await;
        unanswered.ask(node.api.log_in("alice", DEMO_PASSWORD)).await;
        drop(held);
        let next = refresh_until_answered(&node, &refreshing, &mut ignored).await;
        refresh_until_answered(&node, &next, &mut ignored).await;
        patient_logout(&node, &leaving).await;
        node.assert_dead(&leaving).await;
    }
    unanswered.assert_soon();
    held!(
        Busy,
        a_sqlite_file_that_another_process_writes_to_spends_no_refresh_token,
        "SQLITE_BUSY: 503 in time, and the same refresh token works afterwards",
        "{} rounds; 503 after {}",
        thousands(rounds.into()),
        unanswered.times
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exhausted_pool_is_503_in_time_and_spends_no_refresh_token() {
    if !has_stores() {
        return;
    }
    const PEOPLE: usize = 12;
    let _turn = turn().await;
    let redis = RedisServer::start().await;
    let database = Database::on_shared_postgres().await;
    let plan = Plan::on(&database)
        .with_redis(&redis.url())
        .env("RESCIND_STORE_TIMEOUT", STORE_TIMEOUT)
        .env("RESCIND_DATABASE_CONNECTIONS", "1");
    let [node] = plan.start().await;
    let (mut unanswered, mut ignored, rounds) = (Unanswered::default(), 0, rounds(2, 20));
    for _ in 0..rounds {
        let mut people = Vec::new();
        for _ in 0..PEOPLE {
            people.push(patient_login(&node).await);
        }
        // One statement takes two seconds on the only connection; all other requests wait for it.
        let slow = tokio::spawn({
            let (server, url) = (PostgresServer::shared().await, database.url().to_owned());
            async move {
                let statements =
                    "BEGIN; LOCK TABLE rescind_sessions IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(2); COMMIT";
                server.sql_in(&url, statements).await
            }
        });
        until_locked(database.url()).await;
        let asked = people.iter().map(async |tokens| {
            let mut own = Unanswered::default();
            own.ask(node.api.refresh(tokens.refresh())).await;
            own
        });
        for own in futures::future::join_all(asked).await {
            unanswered.times.extend(own.times);
            unanswered.other += own.other;
        }
        slow.await.unwrap();
        for tokens in &people {
            let next = refresh_until_answered(&node, tokens, &mut ignored).await;
            refresh_until_answered(&node, &next, &mut ignored).await;
        }
    }
    unanswered.assert_soon();
    held!(
        Busy,
        an_exhausted_pool_is_503_in_time_and_spends_no_refresh_token,
        "one connection, and a statement that keeps it: 503 in time, and the same refresh tokens work afterwards",
        "{} rounds of {PEOPLE} refreshes; 503 after {}",
        thousands(rounds.into()),
        unanswered.times
    );
}

async fn until_locked(url: &str) {
    let asked = "SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
                 WHERE c.relname = 'rescind_sessions' AND l.mode = 'AccessExclusiveLock' AND l.granted";
    crate::cluster::until(async || PostgresServer::shared().await.sql_in(url, asked).await != "0").await;
}

async fn patient_login(node: &Node) -> Tokens {
    loop {
        let reply = node.api.log_in("alice", DEMO_PASSWORD).await;
        if reply.status != 503 {
            return reply.tokens();
        }
    }
}

async fn patient_logout(node: &Node, tokens: &Tokens) {
    loop {
        let reply = node.api.log_out(tokens.access()).await;
        if reply.status != 503 {
            reply.expect_status(204);
            return;
        }
    }
}
