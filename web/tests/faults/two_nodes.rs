//! A logout is answered on one node; the next request goes to another.

use std::sync::Arc;

use rescind_testkit::{RedisServer, rounds};
use tokio::task::JoinSet;

use crate::{
    cluster::{Database, Node, Plan, has_stores},
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
