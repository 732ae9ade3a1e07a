//! The answers during failovers, and what must hold afterwards.
//!
//! Every token whose logout was answered 204 is checked at every node until the end, and must never be accepted. Between these
//! checks no node refuses a live session, and its refresh token, presented to two nodes at once, has one successor. Only
//! after lost commits is there no such session: every user has to log in again.

use std::time::Duration;

use rescind_testkit::{ExposeSecret, Reply, Tokens, rounds};
use tokio::time::{Instant, sleep};

use crate::{
    cluster::{DEADLINE, DEMO_PASSWORD, Database, Node, Plan, a_few_at_a_time, accepted},
    report::Times,
};

/// No answer takes longer under any fault. The reduced tier may run beside a compiler.
pub(crate) fn longest_answer() -> Duration {
    Duration::from_secs(rounds(10, 3).into())
}

/// The answers, and what must hold since.
#[derive(Default)]
pub(crate) struct History {
    live: Option<Tokens>,
    pub(crate) logged_out: Vec<Tokens>,
    pub(crate) asked: u64,
    pub(crate) answers: Times,
}

impl History {
    /// With a session that has to stay live.
    pub(crate) async fn with_live_session(node: &Node) -> Self {
        Self {
            live: Some(log_in(node).await),
            ..Self::default()
        }
    }

    /// Logs a session out, if the node can; a 503 is no promise.
    pub(crate) async fn log_out(&mut self, node: &Node, tokens: Tokens) -> bool {
        let begun = Instant::now();
        let answer = node.api.log_out(tokens.access()).await;
        self.took(begun);
        let is_done = answer.status == 204;
        assert!(is_done || answer.status == 503, "{answer:?}");
        if is_done {
            self.logged_out.push(tokens);
        }
        is_done
    }

    /// The same until it is done.
    pub(crate) async fn log_out_at_last(&mut self, node: &Node, tokens: Tokens) {
        let begun = Instant::now();
        while !self.log_out(node, tokens.clone()).await {
            assert!(begun.elapsed() < DEADLINE, "no logout is done");
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// None of those that were logged out last is accepted anywhere.
    pub(crate) async fn no_revoked_token_is_accepted(&mut self, nodes: &[&Node], last: usize) {
        let from = self.logged_out.len().saturating_sub(last);
        for index in from..self.logged_out.len() {
            for (which, node) in nodes.iter().enumerate() {
                let begun = Instant::now();
                let answer = accepted(node.api.me(self.logged_out[index].access()).await);
                self.took(begun);
                self.asked += 1;
                assert_ne!(
                    answer,
                    Some(true),
                    "logout {index} was answered 204, and node {which} accepts its token"
                );
            }
        }
        if let Some(live) = self.live.take() {
            self.live = Some(self.goes_on(nodes, live).await);
        }
    }

    /// Checks a live session at every node, and refreshes it at two of them at once.
    async fn goes_on(&mut self, nodes: &[&Node], live: Tokens) -> Tokens {
        for (which, node) in nodes.iter().enumerate() {
            let begun = Instant::now();
            let answer = accepted(node.api.me(live.access()).await);
            self.took(begun);
            assert_ne!(answer, Some(false), "node {which} refuses a live token");
        }
        let begun = Instant::now();
        let refreshed = nodes.iter().take(2).map(|node| node.api.refresh(live.refresh()));
        let refreshed = futures::future::join_all(refreshed).await;
        self.took(begun);
        the_successor(refreshed).unwrap_or(live)
    }

    fn took(&mut self, begun: Instant) {
        let took = begun.elapsed();
        assert!(took < longest_answer(), "an answer took {} ms", took.as_millis());
        self.answers.add(took);
    }
}

/// What the answers to one live refresh token give: one successor for all, or nothing where all are 503.
pub(crate) fn the_successor(answers: impl IntoIterator<Item = Reply>) -> Option<Tokens> {
    let mut successors: Vec<Tokens> = Vec::new();
    for answer in answers {
        match answer.status {
            200 => successors.push(answer.tokens()),
            status => assert_eq!(status, 503, "a live refresh token is refused: {answer:?}"),
        }
    }
    for pair in successors.windows(2) {
        let [one, other] = [&pair[0], &pair[1]].map(|tokens| tokens.refresh().expose_secret());
        assert_eq!(one, other, "two successors");
    }
    successors.pop()
}

/// Nodes on the Postgres that the tests share.
pub(crate) async fn plan(redis: &str) -> Plan {
    plan_on(&Database::on_shared_postgres().await, redis)
}

/// Nodes with a store timeout of half a second.
pub(crate) fn plan_on(database: &Database, redis: &str) -> Plan {
    Plan::on(database)
        .with_redis(redis)
        .env("RESCIND_STORE_TIMEOUT", "500ms")
}

/// That many logins, a few at a time.
pub(crate) async fn log_in_times(node: &Node, count: usize) -> Vec<Tokens> {
    a_few_at_a_time(count, || log_in(node)).await
}

/// Logs in, with retries while the node answers 503.
pub(crate) async fn log_in(node: &Node) -> Tokens {
    let begun = Instant::now();
    loop {
        let answer = node.api.log_in("alice", DEMO_PASSWORD).await;
        if answer.status == 200 {
            return answer.tokens();
        }
        assert!(answer.status == 503 && begun.elapsed() < DEADLINE, "{answer:?}");
        sleep(Duration::from_millis(20)).await;
    }
}
