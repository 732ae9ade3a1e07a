//! Two concurrent operations on two nodes. In either order, no token of an ended session is accepted afterwards.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use rescind_testkit::{RedisServer, Reply, Tokens, rounds};
use tokio::{sync::Barrier, time::Instant};

use crate::{
    cluster::{DEMO_PASSWORD, Database, Node, Plan, has_stores},
    head_start::HeadStart,
    report::{held, thousands},
    turns::turn,
};

/// Two nodes on Postgres and one Redis, which is stopped when this is dropped.
struct Pair {
    _redis: RedisServer,
    nodes: [Node; 2],
}

impl Pair {
    async fn open() -> Self {
        let redis = RedisServer::start().await;
        let plan = Plan::on(&Database::on_shared_postgres().await).with_redis(&redis.url());
        Self {
            nodes: plan.start().await,
            _redis: redis,
        }
    }

    /// Both nodes, in alternating order.
    fn by_turns(&self, round: u32) -> (&Node, &Node) {
        match round % 2 {
            0 => (&self.nodes[0], &self.nodes[1]),
            _ => (&self.nodes[1], &self.nodes[0]),
        }
    }

    async fn assert_dead(&self, tokens: &Tokens) {
        for node in &self.nodes {
            node.assert_dead(tokens).await;
        }
    }
}

fn rounds_of_a_race() -> u32 {
    rounds(30, 1_000)
}

/// Runs both from one starting line, each after its wait.
async fn race(
    [first_waits, second_waits]: [Duration; 2],
    one: impl Future<Output = Reply>,
    other: impl Future<Output = Reply>,
) -> (Reply, Reply) {
    let line = Arc::new(Barrier::new(2));
    let start = Arc::clone(&line);
    futures::future::join(
        async move {
            start.wait().await;
            tokio::time::sleep(first_waits).await;
            one.await
        },
        async move {
            line.wait().await;
            tokio::time::sleep(second_waits).await;
            other.await
        },
    )
    .await
}

/// Races a refresh on one node against an ending on the other, and returns how often the refresh came first.
async fn refresh_against(pair: &Pair, end: impl AsyncFn(&Node, &Tokens, u32) -> Reply) -> u32 {
    let mut head_start = HeadStart::default();
    for round in 0..rounds_of_a_race() {
        let (a, b) = pair.by_turns(round);
        let first = a.log_in().await;
        let (refreshed, ended) = race(
            head_start.waits(),
            a.api.refresh(first.refresh()),
            end(b, &first, round),
        )
        .await;
        ended.expect_status(204);
        pair.assert_dead(&first).await;
        head_start.came_first(refreshed.status == 200);
        if refreshed.status == 200 {
            pair.assert_dead(&refreshed.tokens()).await;
        } else {
            refreshed.expect_problem(401, "session_closed");
        }
    }
    head_start.assert_both_won();
    head_start.wins[0]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_racing_a_logout_on_another_node_leaves_no_valid_token() {
    if !has_stores() {
        return;
    }
    let _turn = turn().await;
    let pair = Pair::open().await;
    let refreshed_first = refresh_against(&pair, async |node, tokens, round| match round % 4 {
        0 | 1 => node.api.log_out(tokens.access()).await,
        _ => node.api.log_out_by_refresh_token(tokens.refresh()).await,
    })
    .await;
    held!(
        Races,
        a_refresh_racing_a_logout_on_another_node_leaves_no_valid_token,
        "refresh against logout: nothing of the ended session accepted, at either node",
        "{} rounds; the refresh came first in {refreshed_first}",
        thousands(rounds_of_a_race().into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_racing_a_logout_everywhere_elsewhere_leaves_no_valid_token() {
    if !has_stores() {
        return;
    }
    let _turn = turn().await;
    let pair = Pair::open().await;
    let refreshed_first = refresh_against(&pair, async |node, tokens, _| {
        node.api.log_out_everywhere(tokens.access()).await
    })
    .await;
    held!(
        Races,
        a_refresh_racing_a_logout_everywhere_elsewhere_leaves_no_valid_token,
        "refresh against \"log out everywhere\": nothing of the ended session accepted, at either node",
        "{} rounds; the refresh came first in {refreshed_first}",
        thousands(rounds_of_a_race().into())
    );
}

/// A login that was answered before "log out everywhere" began is revoked by it. A concurrent one may survive only if it was
/// opened after the revocation, and then it is in the list of devices.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_racing_a_logout_everywhere_elsewhere_is_refused_or_listed() {
    if !has_stores() {
        return;
    }
    let _turn = turn().await;
    let pair = Pair::open().await;
    let (mut survived, mut ended) = (0, 0);
    for round in 0..rounds_of_a_race() {
        let (a, b) = pair.by_turns(round);
        let begun = Instant::now();
        let before = a.log_in().await;
        // Measured each time: the machine's other load changes.
        let one_login = begun.elapsed();
        // A login is slow because of the password, and its critical moment is late: sweep the other operation over it.
        let wait: Duration = one_login.mul_f64(f64::from(round % 25) / 20.0);
        let (login, everything) = race(
            [Duration::ZERO, wait],
            a.api.log_in("alice", DEMO_PASSWORD),
            b.api.log_out_everywhere(before.access()),
        )
        .await;
        everything.expect_status(204);
        pair.assert_dead(&before).await;
        let racer = login.tokens();
        let fresh = b.log_in().await;
        let listed = open_sessions(a, &fresh).await;
        let known = BTreeSet::from([racer.session_id.clone(), fresh.session_id.clone()]);
        assert!(
            listed.is_subset(&known),
            "round {round}: a session of before is still open"
        );
        if listed.contains(&racer.session_id) {
            survived += 1;
            b.assert_alive(&racer).await;
        } else {
            ended += 1;
            pair.assert_dead(&racer).await;
        }
        // A survivor is a listed device: the next logout everywhere ends it.
        a.api.log_out_everywhere(fresh.access()).await.expect_status(204);
        pair.assert_dead(&racer).await;
        pair.assert_dead(&fresh).await;
    }
    assert!(
        survived > 0 && ended > 0,
        "the two never met: {survived} survived, {ended} ended"
    );
    held!(
        Races,
        a_login_racing_a_logout_everywhere_elsewhere_is_refused_or_listed,
        "login against \"log out everywhere\": ended with everything, or opened after it and listed",
        "{} rounds; {ended} logins were ended, {survived} began after it",
        thousands(rounds_of_a_race().into())
    );
}

async fn open_sessions(node: &Node, asks: &Tokens) -> BTreeSet<String> {
    let reply = node.api.sessions(asks.access()).await.expect_status(200);
    let sessions = reply.body.as_array().unwrap();
    sessions
        .iter()
        .map(|session| session["session_id"].as_str().unwrap().to_owned())
        .collect()
}
