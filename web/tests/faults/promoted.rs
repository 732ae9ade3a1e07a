//! Another Postgres takes over, with all commits and without the last ones; and rows that are lost.

use std::time::Duration;

use rescind_testkit::{PostgresServer, RedisServer, TcpRelay, rounds};
use tokio::time::{Instant, sleep};

use crate::{
    cluster::{Database, Node, Plan, accepted, has_stores, until},
    history::{History, log_in, log_in_times, plan_on},
    report::{Times, held, thousands},
    turns::turn,
};

/// Two nodes that reach their database at an address which can lead to another server.
async fn nodes_behind_an_address(
    primary: &PostgresServer,
    database: &Database,
    redis: &RedisServer,
) -> (TcpRelay, [Node; 2]) {
    let address = TcpRelay::to(primary.port()).await;
    let port = |port: u16| format!(":{port}/");
    let through = database.url().replace(&port(primary.port()), &port(address.port()));
    let nodes = plan_on(&Database::Postgres(through), &redis.url()).start().await;
    (address, nodes)
}

/// A standby lacks answered commits. Which ones is not known, so every user logs in again.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_lost_entries_is_answered_like_a_restore() {
    if !has_stores() {
        return;
    }
    let _turn = turn().await;
    let redis = RedisServer::start().await;
    let primary = PostgresServer::start().await;
    let database = Database::on(&primary).await;
    let standby = primary.standby().await;
    let (address, [one, other]) = nodes_behind_an_address(&primary, &database, &redis).await;
    let (live, count) = (log_in(&one).await, rounds(20, 1_000) as usize);
    let (kept, lost) = (log_in_times(&one, count).await, log_in_times(&one, count).await);
    let mut history = History::default();
    for tokens in kept {
        history.log_out_at_last(&one, tokens).await;
    }
    // All of that is on the standby.
    let replayed = "SELECT pg_last_wal_replay_lsn()";
    let written = primary.sql("SELECT pg_current_wal_lsn()").await;
    until(async || {
        standby
            .sql(&format!("SELECT ({replayed}) >= '{written}'::pg_lsn"))
            .await
            == "t"
    })
    .await;
    standby.stop_following().await;
    for tokens in lost {
        history.log_out_at_last(&one, tokens).await;
    }
    // As long as the copy has the mark of it, so that the loss is seen.
    sleep(Duration::from_secs(1)).await;
    primary.kill_9();
    standby.promote().await;
    address.move_to(standby.port()).await;
    let begun = Instant::now();
    until(async || one.says("HAS LOST COMMITS") + other.says("HAS LOST COMMITS") > 0).await;
    let noticed = begun.elapsed();
    // Served again: a new login works at both, and every older token is refused, also a live one.
    for node in [&one, &other] {
        until(async || accepted(node.api.me(live.access()).await) == Some(false)).await;
    }
    let new = log_in(&one).await;
    for node in [&one, &other] {
        node.until_serving(&new).await;
    }
    let served = begun.elapsed();
    history.no_revoked_token_is_accepted(&[&one, &other], usize::MAX).await;
    for tokens in &history.logged_out {
        assert_ne!(one.api.refresh(tokens.refresh()).await.status, 200);
    }
    assert_ne!(other.api.refresh(live.refresh()).await.status, 200);
    held!(
        Failover,
        a_log_that_lost_entries_is_answered_like_a_restore,
        "a standby promoted without the last commits: noticed, every session closed, nothing accepted",
        "{count} of {} answered logouts were lost; noticed after {} ms, everybody can log in again after {} ms",
        2 * count,
        noticed.as_millis(),
        served.as_millis()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promoted_standby_without_losses_ends_no_session() {
    if !has_stores() {
        return;
    }
    let _turn = turn().await;
    let redis = RedisServer::start().await;
    let primary = PostgresServer::start().await;
    let database = Database::on(&primary).await;
    let standby = primary.standby().await;
    primary.wait_for_standbys().await;
    let (address, [one, other]) = nodes_behind_an_address(&primary, &database, &redis).await;
    let (live, mut history) = (log_in(&one).await, History::with_live_session(&one).await);
    for tokens in log_in_times(&one, rounds(20, 1_000) as usize).await {
        history.log_out_at_last(&one, tokens).await;
    }
    primary.kill_9();
    standby.promote().await;
    address.move_to(standby.port()).await;
    let mut without = Times::default();
    for node in [&one, &other] {
        without.add(node.until_serving(&live).await);
    }
    assert_eq!(one.says("HAS LOST COMMITS") + other.says("HAS LOST COMMITS"), 0);
    history.no_revoked_token_is_accepted(&[&one, &other], usize::MAX).await;
    held!(
        Failover,
        a_promoted_standby_without_losses_ends_no_session,
        "a synchronous standby promoted: nothing lost, nobody logged out, nothing accepted",
        "{} logouts, 0 accepted; service again after {without}",
        thousands(history.logged_out.len() as u64)
    );
}

/// "Done already" must be as durable as "done": a transaction without writes waits for no standby.
#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_logout_waits_for_the_standby_too() {
    if !has_stores() {
        return;
    }
    let _turn = turn().await;
    let primary = PostgresServer::start().await;
    let database = Database::on(&primary).await;
    let redis = RedisServer::start().await;
    let [node]: [Node; 1] = plan_on(&database, &redis.url()).start().await;
    let (tokens, refreshed) = (log_in(&node).await, log_in(&node).await);
    let standby = primary.standby().await;
    primary.wait_for_standbys().await;
    standby.stop_following().await;
    assert_eq!(node.api.log_out(tokens.access()).await.status, 503);
    assert_eq!(node.api.refresh(refreshed.refresh()).await.status, 503);
    primary.kill_9();
    primary.start_again().await;
    let closed = "SELECT count(*) FROM rescind_sessions WHERE closed_at IS NOT NULL";
    assert_eq!(
        primary.sql_in(database.url(), closed).await,
        "1",
        "it is written here, and nowhere else"
    );
    let rotated = "SELECT count(*) FROM rescind_sessions WHERE generation = 1";
    assert_eq!(primary.sql_in(database.url(), rotated).await, "1");
    let until_it_answers = Instant::now();
    while until_it_answers.elapsed() < Duration::from_secs(3) {
        assert_eq!(node.api.log_out(tokens.access()).await.status, 503);
        assert_eq!(node.api.refresh(refreshed.refresh()).await.status, 503);
    }
    held!(
        Failover,
        a_repeated_logout_waits_for_the_standby_too,
        "replication frozen, a logout and a refresh repeated after a restart of the primary: 503, as the first",
        "{} s of repeats",
        until_it_answers.elapsed().as_secs()
    );
}

/// Its tokens name the session, and the session is what a logout revokes.
#[tokio::test(flavor = "multi_thread")]
async fn a_logout_of_a_session_whose_row_is_gone_ends_all_its_tokens() {
    if !has_stores() {
        return;
    }
    let _turn = turn().await;
    let redis = RedisServer::start().await;
    let database = Database::on_shared_postgres().await;
    let plan = Plan::on(&database).with_redis(&redis.url());
    let [one, other]: [Node; 2] = plan.start().await;
    let mut history = History::with_live_session(&one).await;
    for first in log_in_times(&one, rounds(20, 1_000) as usize).await {
        let mut of_session = vec![first];
        for _ in 0..3 {
            let last = of_session.last().unwrap().refresh();
            let next = other.api.refresh(last).await.expect_status(200).tokens();
            of_session.push(next);
        }
        let delete = format!("DELETE FROM rescind_sessions WHERE id = '{}'", of_session[0].session_id);
        PostgresServer::shared().await.sql_in(database.url(), &delete).await;
        let newest = of_session.pop().unwrap();
        history.log_out_at_last(&one, newest).await;
        history.logged_out.extend(of_session);
        history.no_revoked_token_is_accepted(&[&one, &other], 4).await;
    }
    history.no_revoked_token_is_accepted(&[&one, &other], usize::MAX).await;
    held!(
        Failover,
        a_logout_of_a_session_whose_row_is_gone_ends_all_its_tokens,
        "the row of a session is lost, and it is logged out: all its tokens are refused",
        "{} tokens of {} sessions, {} checks, 0 accepted",
        thousands(history.logged_out.len() as u64),
        thousands(history.logged_out.len() as u64 / 4),
        thousands(history.asked)
    );
}
