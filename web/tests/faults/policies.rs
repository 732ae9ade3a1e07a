//! Nodes of one database under different policies, as during a rollout: the checks differ, the revocations must not.

use rescind_testkit::{RedisServer, rounds};

use crate::{
    cluster::{Database, Node, Plan, has_stores},
    report::{held, thousands},
    turns::turn,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_under_another_policy_counts_where_the_blacklist_is_checked() {
    if !has_stores() {
        return;
    }
    let _turn = turn().await;
    let redis = RedisServer::start().await;
    let plan = Plan::on(&Database::on_shared_postgres().await).with_redis(&redis.url());
    // A grace would contradict the policy that has no refresh token.
    let plan = plan.env("RESCIND_GRACE", "");
    let under = async |policy| Node::of(plan.program().env("RESCIND_POLICY", policy)).await;
    // Neither of the two checks the blacklist.
    let (asking, others) = (
        under("blacklist").await,
        [under("rotation").await, under("stored").await],
    );
    let rounds = rounds(40, 1_000);
    for round in 0..rounds {
        let other = &others[round as usize % 2];
        let at = if round % 4 < 2 { &asking } else { other };
        let tokens = at.log_in().await;
        asking.assert_alive(&tokens).await;
        let answer = match round / 4 % 3 {
            0 => other.api.log_out(tokens.access()).await,
            1 => other.api.log_out_everywhere(tokens.access()).await,
            _ => other.api.log_out_session(tokens.access(), &tokens.session_id).await,
        };
        answer.expect_status(204);
        let refused = asking.api.me(tokens.access()).await;
        refused.expect_problem(401, "token_revoked");
    }
    held!(
        TwoNodes,
        a_logout_under_another_policy_counts_where_the_blacklist_is_checked,
        "logged out on a node whose policy asks no blacklist, asked at once at one whose policy does: refused",
        "{} rounds, 0 acceptances",
        thousands(rounds.into())
    );
}
