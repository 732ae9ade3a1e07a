//! A logout is answered on one node; the next request goes to another.

use std::sync::Arc;

use rescind_testkit::{RedisServer, rounds};
use tokio::{task::JoinSet, time::Instant};

use crate::{
    cluster::{DEADLINE, Database, Node, Plan, has_stores},
    history::{History, log_in, plan},
    report::{held, thousands},
    turns::turn,
};

/// How many clients log in and out at the same time.
const PEOPLE: u32 = 4;

#[tokio::test(flavor = "multi_thread")]
async fn a_token_logged_out_at_one_node_is_refused_at_the_others() {
    if !has_stores() {
        return;
    }
    let _turn = turn().await;
    let redis = RedisServer::start().await;
    let plan = Plan::on(&Database::on_shared_postgres().await).with_redis(&redis.url());
    let nodes: [Node; 2] = plan.start().await;
    let nodes = Arc::new(nodes);
    let rounds = rounds(300, 10_000);
    let mut people = JoinSet::new();
    for person in 0..PEOPLE {
        let nodes = Arc::clone(&nodes);
        people.spawn(async move {
            let mut asked = 0_u32;
            for round in (person..rounds).step_by(PEOPLE as usize) {
                let (a, b) = match round % 2 {
                    0 => (&nodes[0], &nodes[1]),
                    _ => (&nodes[1], &nodes[0]),
                };
                let tokens = a.log_in().await;
                b.assert_alive(&tokens).await;
                if round % 4 < 2 {
                    a.api.log_out(tokens.access()).await.expect_status(204);
                } else {
                    a.api
                        .log_out_by_refresh_token(tokens.refresh())
                        .await
                        .expect_status(204);
                }
                b.assert_dead(&tokens).await;
                asked += 1;
            }
            asked
        });
    }
    let asked: u32 = people.join_all().await.into_iter().sum();
    assert_eq!(asked, rounds);
    held!(
        TwoNodes,
        a_token_logged_out_at_one_node_is_refused_at_the_others,
        "logged out on A, asked at B at once: refused",
        "{} rounds, 0 acceptances",
        thousands(asked.into())
    );
}

/// Each would fill a copy of its own, and learn of the other's logouts late.
#[tokio::test(flavor = "multi_thread")]
async fn nodes_at_two_places_in_one_redis_accept_no_revoked_token() {
    if !has_stores() {
        return;
    }
    let _turn = turn().await;
    let redis = RedisServer::start().await;
    let (url, numbered) = (redis.url(), format!("{}/2", redis.url()));
    for places in [[(&url, "a"), (&url, "b")], [(&url, "c"), (&numbered, "c")]] {
        let plan = plan(&url).await;
        let [one, other] = places.map(|(url, namespace)| {
            let plan = plan.clone().with_redis(url);
            plan.env("RESCIND_REDIS_NAMESPACE", namespace).program()
        });
        let nodes = [Node::of(one).await, Node::of_any(other).await];
        let (mut history, begun) = (History::default(), Instant::now());
        let is_said = || nodes.iter().any(|node| node.says("DIFFERENT REDIS") > 0);
        while history.logged_out.len() < rounds(20, 1_000) as usize || !is_said() {
            assert!(begun.elapsed() < DEADLINE * 4, "{} logouts", history.logged_out.len());
            for node in &nodes {
                let tokens = log_in(node).await;
                if history.log_out(node, tokens).await {
                    history.no_revoked_token_is_accepted(&nodes.each_ref(), 1).await;
                }
            }
        }
    }
}
