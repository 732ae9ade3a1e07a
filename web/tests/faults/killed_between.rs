//! `kill -9` at the worst moment of a logout: it is in the log, and not in the blacklist.
//!
//! The failpoint stops the closing there (`crates/session/src/failpoints.rs`), the test sees that it has come so far, and
//! kills. Nobody was answered, so until then the token may be accepted; after it, the log is the truth.

use rescind_testkit::{Program, RedisServer, Tokens, rounds};

use crate::{
    cluster::{Database, Node, Plan, accepted, has_stores, until},
    report::{Times, held, thousands},
    turns::turn,
};

const FAILPOINT: &str = "between-log-and-blacklist=return";
const REACHED: &str = "the failpoint between-log-and-blacklist was reached";

/// Logs out, kills the node between the two steps, and tells whether the token was still accepted just before.
async fn kill_between(node: Node, leaving: &Tokens) -> (Program, bool) {
    let so_far = node.says(REACHED);
    let api = node.api.clone();
    let out = leaving.clone();
    let logout = tokio::spawn(async move {
        use rescind_testkit::ExposeSecret;
        let request = api
            .request("POST", "/api/logout")
            .bearer_auth(out.access().expose_secret());
        api.attempt(request).await.map(|reply| reply.status)
    });
    until(async || node.says(REACHED) > so_far).await;
    let before = accepted(node.api.me(leaving.access()).await) == Some(true);
    let stopped = node.running.kill_9().await;
    let answer = logout.await.unwrap();
    assert!(answer.is_err(), "nobody can have said that it was done: {answer:?}");
    (stopped, before)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_killed_between_its_steps_is_done_after_the_restart() {
    let _turn = turn().await;
    let plan = Plan::on(&Database::Sqlite);
    let mut node = Node::of(plan.program().env("FAILPOINTS", FAILPOINT)).await;
    let (mut open_before, rounds) = (0, rounds(3, 50));
    let mut ended = Vec::new();
    for _ in 0..rounds {
        let (leaving, staying) = (node.log_in().await, node.log_in().await);
        let (stopped, was_accepted) = kill_between(node, &leaving).await;
        open_before += u64::from(was_accepted);
        node = Node::of(stopped).await;
        ended.push(leaving);
        for tokens in &ended {
            node.assert_dead(tokens).await;
        }
        node.assert_alive(&staying).await;
    }
    assert!(open_before > 0, "the moment between the steps was never hit");
    held!(
        KilledBetween,
        a_logout_killed_between_its_steps_is_done_after_the_restart,
        "refused after the restart, one node on SQLite",
        "{} kills; in {open_before} of them the token was still accepted just before",
        thousands(rounds.into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_killed_between_its_steps_is_done_by_another_node() {
    if !has_stores() {
        return;
    }
    let _turn = turn().await;
    let redis = RedisServer::start().await;
    let plan = Plan::on(&Database::on_shared_postgres().await).with_redis(&redis.url());
    let [mut a, b] = [
        Node::of(plan.program().env("FAILPOINTS", FAILPOINT)).await,
        Node::of(plan.program()).await,
    ];
    let (mut open_before, mut times, rounds) = (0, Times::default(), rounds(3, 50));
    for _ in 0..rounds {
        let (leaving, staying) = (a.log_in().await, a.log_in().await);
        let (stopped, was_accepted) = kill_between(a, &leaving).await;
        open_before += u64::from(was_accepted);
        times.add(until(async || accepted(b.api.me(leaving.access()).await) == Some(false)).await);
        b.assert_dead(&leaving).await;
        b.assert_alive(&staying).await;
        a = Node::of(stopped).await;
        a.assert_dead(&leaving).await;
        a.assert_alive(&staying).await;
    }
    assert!(open_before > 0, "the moment between the steps was never hit");
    held!(
        KilledBetween,
        a_logout_killed_between_its_steps_is_done_by_another_node,
        "refused by another node soon, and after the restart; Postgres and Redis",
        "{} kills; the other node refused after {times}",
        thousands(rounds.into())
    );
}
