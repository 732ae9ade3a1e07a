//! A large backlog of expired entries: the program serves while it is pruned.

use rescind_testkit::{PostgresServer, RedisServer, rounds};
use tokio::time::{Instant, sleep};

use std::time::Duration;

use crate::{
    cluster::{Database, Plan, has_stores},
    report::{Times, held, thousands},
};

/// A batch of the program's maintenance.
const BATCH: u64 = 500;
const WRITTEN_AT_ONCE: u32 = 50_000;
/// The bound on every answer, on a busy machine.
const SOON: Duration = Duration::from_secs(10);
/// A minute passes before the first round of pruning; a million rows take their time.
const PATIENCE: Duration = Duration::from_secs(900);

/// Records, in the deleting transaction, how many rows one statement deleted.
const WITNESS: &str = "
    CREATE TABLE taken (rows BIGINT);
    CREATE FUNCTION witness() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN INSERT INTO taken SELECT count(*) FROM gone; RETURN NULL; END';
    CREATE TRIGGER witness AFTER DELETE ON rescind_revocations
        REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION witness()";

/// Takes no turn: it waits for a minute, with one almost idle process. Its module's name puts it first, as the longest: tests
/// begin in the order of their names.
#[tokio::test(flavor = "multi_thread")]
async fn pruning_a_large_backlog_delays_no_request() {
    if !has_stores() {
        return;
    }
    let count = rounds(20_000, 1_000_000);
    let redis = RedisServer::start().await;
    let postgres = PostgresServer::shared().await;
    let database = Database::on_shared_postgres().await;
    let url = database.url();
    postgres.sql_in(url, WITNESS).await;
    // The program has read the log up to here; the entries below count as older.
    postgres
        .sql_in(url, &format!("UPDATE rescind_log_head SET last_position = {count}"))
        .await;
    let [node] = Plan::on(&database).with_redis(&redis.url()).start().await;
    let (live, ended) = (node.log_in().await, node.log_in().await);
    node.api.log_out(ended.access()).await.expect_status(204);
    for begin in (1..=count).step_by(WRITTEN_AT_ONCE as usize) {
        let end = count.min(begin + WRITTEN_AT_ONCE - 1);
        postgres
            .sql_in(
                url,
                &format!(
                    "INSERT INTO rescind_revocations (position, scope_kind, scope_id, user_id, at, until, cause, protocol)
                     SELECT n, 'session', gen_random_uuid(), gen_random_uuid(), ms - 7200000, ms - 3600000, 'logout', 1
                     FROM generate_series({begin}, {end}) n,
                          (SELECT (extract(epoch FROM now()) * 1000)::bigint AS ms) clock"
                ),
            )
            .await;
    }

    let left = async || -> u64 {
        let passed =
            "SELECT count(*) FROM rescind_revocations WHERE at < (extract(epoch FROM now()) * 1000)::bigint - 3600000";
        postgres.sql_in(url, passed).await.parse().unwrap()
    };
    let (mut checks, mut logins, mut while_pruning) = (Times::default(), Times::default(), None);
    let begun = Instant::now();
    loop {
        let now_left = left().await;
        if now_left < u64::from(count) {
            while_pruning.get_or_insert_with(Instant::now);
        }
        if now_left == 0 {
            break;
        }
        assert!(
            begun.elapsed() < PATIENCE,
            "{now_left} of {count} entries are still there"
        );
        for _ in 0..5 {
            timed(&mut checks, async { node.assert_alive(&live).await }).await;
            timed(&mut checks, async {
                node.api.me(ended.access()).await.expect_problem(401, "token_revoked");
            })
            .await;
            timed(&mut logins, async {
                node.log_in().await;
            })
            .await;
            sleep(Duration::from_millis(10)).await;
        }
        if while_pruning.is_none() {
            sleep(Duration::from_millis(100)).await;
        }
    }
    let took = while_pruning.unwrap_or_else(Instant::now).elapsed();
    let statements = postgres
        .sql_in(url, "SELECT max(rows), sum(rows), count(*) FROM taken WHERE rows > 0")
        .await;
    let numbers: Vec<u64> = statements.split('|').map(|number| number.parse().unwrap()).collect();
    assert_eq!(numbers[1], u64::from(count), "all of them, and nothing else");
    assert!(numbers[0] <= BATCH, "a statement took {} rows", numbers[0]);
    assert!(
        checks.longest() < SOON && logins.longest() < SOON,
        "checks: {checks}; logins: {logins}"
    );
    node.assert_dead(&ended).await;
    node.assert_alive(&live).await;
    held!(
        Pruning,
        pruning_a_large_backlog_delays_no_request,
        "removed in bounded batches, while checks and logins are answered",
        "{} entries in {} batches of at most {} within {} ms; checks: {checks}; logins: {logins}",
        thousands(count.into()),
        thousands(numbers[2]),
        numbers[0],
        thousands(took.as_millis().try_into().unwrap())
    );
}

async fn timed(times: &mut Times, what: impl Future<Output = ()>) {
    let begun = Instant::now();
    what.await;
    times.add(begun.elapsed());
}
