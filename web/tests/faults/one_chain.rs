//! One refresh token, presented many times at once, at one node and at two, on both databases.

use std::{collections::BTreeSet, sync::Arc};

use rescind_testkit::{ExposeSecret, RedisServer, Tokens, rounds};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{sync::Barrier, task::JoinSet};

use crate::{
    cluster::{Database, Node, Plan, has_stores},
    report::{held, thousands},
    turns::alone,
};

/// The outcome of one storm of refreshes.
struct Storm {
    successes: usize,
    /// 503: too many waited. No token is lost by it.
    unavailable: usize,
}

/// Each caller is a connection, and each connection a file; many machines allow a thousand by default. Programs started
/// afterwards inherit the raised limit.
fn allow_many_files() {
    let allowed = getrlimit(Resource::Nofile);
    let more = Rlimit {
        current: allowed.maximum,
        ..allowed
    };
    setrlimit(Resource::Nofile, more).unwrap();
}

async fn storm<const N: usize>(nodes: &[Node; N]) -> Storm {
    let at_once = rounds(200, 1_000) as usize;
    let first = nodes[0].log_in().await;
    let line = Arc::new(Barrier::new(at_once));
    let mut callers = JoinSet::new();
    for caller in 0..at_once {
        let (api, first, line) = (nodes[caller % N].api.clone(), first.clone(), Arc::clone(&line));
        callers.spawn(async move {
            line.wait().await;
            api.refresh(first.refresh()).await
        });
    }
    let replies = callers.join_all().await;
    let mut successors = Vec::new();
    let mut unavailable = 0;
    for reply in replies {
        match reply.status {
            503 => unavailable += 1,
            _ => successors.push(reply.tokens()),
        }
    }
    let distinct: BTreeSet<_> = successors
        .iter()
        .map(|tokens| tokens.refresh().expose_secret().to_owned())
        .collect();
    assert_eq!(
        distinct.len(),
        1,
        "one rotation has one successor, of {}",
        successors.len()
    );
    let access: BTreeSet<_> = successors
        .iter()
        .map(|t| t.access().expose_secret().to_owned())
        .collect();
    assert_eq!(
        access.len(),
        successors.len(),
        "every caller has an access token of its own"
    );
    one_chain(nodes, &first, &successors[0]).await;
    Storm {
        successes: successors.len(),
        unavailable,
    }
}

/// The successor goes on; the first token, now two generations old, is reuse, and ends the session everywhere.
async fn one_chain(nodes: &[Node], first: &Tokens, second: &Tokens) {
    let last = nodes.last().unwrap();
    let third = last.api.refresh(second.refresh()).await.tokens();
    for node in nodes {
        node.assert_alive(&third).await;
    }
    let sessions = last.api.sessions(third.access()).await.expect_status(200);
    let sessions = sessions.body.as_array().unwrap();
    let session = sessions
        .iter()
        .find(|one| one["session_id"] == first.session_id.as_str());
    assert_eq!(
        session.unwrap()["generation"],
        2,
        "rotated once by the storm, and once more"
    );
    let reused = last.api.refresh(first.refresh()).await;
    reused.expect_problem(401, "refresh_reused");
    for node in nodes {
        node.assert_dead(&third).await;
    }
}

fn figures(storms: &[Storm]) -> String {
    let sum = |count: fn(&Storm) -> usize| thousands(storms.iter().map(count).sum::<usize>() as u64);
    format!(
        "{} at once; {} callers got the one successor, {} were answered 503",
        thousands(rounds(200, 1_000).into()),
        sum(|storm| storm.successes),
        sum(|storm| storm.unavailable)
    )
}

/// A storm through one node, and a storm through two.
async fn storms(database: &Database) -> Vec<Storm> {
    allow_many_files();
    let redis = RedisServer::start().await;
    let plan = Plan::on(database).with_redis(&redis.url());
    let nodes: [Node; 2] = plan.start().await;
    vec![storm(std::array::from_ref(&nodes[0])).await, storm(&nodes).await]
}

#[tokio::test(flavor = "multi_thread")]
async fn one_refresh_token_presented_many_times_at_once_makes_one_chain_on_sqlite() {
    if !has_stores() {
        return;
    }
    let _alone = alone().await;
    let storms = storms(&Database::Sqlite).await;
    held!(
        OneChain,
        one_refresh_token_presented_many_times_at_once_makes_one_chain_on_sqlite,
        "on SQLite, through one node and through two: one rotation, one chain",
        "{}",
        figures(&storms)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_refresh_token_presented_many_times_at_once_makes_one_chain_on_postgres() {
    if !has_stores() {
        return;
    }
    let _alone = alone().await;
    let storms = storms(&Database::on_shared_postgres().await).await;
    held!(
        OneChain,
        one_refresh_token_presented_many_times_at_once_makes_one_chain_on_postgres,
        "on Postgres, through one node and through two: one rotation, one chain",
        "{}",
        figures(&storms)
    );
}
