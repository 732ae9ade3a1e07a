//! The program is killed in the middle of work. Its answers stay true.

use std::sync::Arc;

use rescind_testkit::{Tokens, rounds};
use tokio::{
    sync::{Mutex, mpsc},
    task::JoinSet,
};

use crate::stage::{DEMO_PASSWORD, Stage};

/// Sessions that are to be logged out while the program dies.
const LEAVING: usize = 24;
/// Sessions that stay open.
const STAYING: usize = 3;
/// How many logouts are answered before the kill, at most: it comes at another moment in each round.
const ANSWERED_AT_MOST: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn answers_given_before_kill_9_stay_true_after_the_restart() {
    let mut stage = Stage::open().await;
    let (mut answered, mut unanswered) = (0, 0);
    for round in 0..rounds(3, 20) {
        let answered_first = 1 + usize::try_from(round).unwrap() * 7 % ANSWERED_AT_MOST;
        let mut staying = Vec::new();
        for _ in 0..STAYING {
            staying.push(stage.log_in().await);
        }
        let mut leaving = Vec::new();
        for _ in 0..LEAVING {
            leaving.push(stage.log_in().await);
        }

        let (acknowledge, mut acknowledged) = mpsc::unbounded_channel::<Tokens>();
        let queue = Arc::new(Mutex::new(leaving));
        let mut work = JoinSet::new();
        for _ in 0..3 {
            let (api, queue, acknowledge) = (stage.api.clone(), Arc::clone(&queue), acknowledge.clone());
            work.spawn(async move {
                loop {
                    let Some(tokens) = queue.lock().await.pop() else { return };
                    match api
                        .attempt(api.request("POST", "/api/logout").bearer_auth(secret(&tokens)))
                        .await
                    {
                        Ok(reply) if reply.status == 204 => acknowledge.send(tokens).unwrap(),
                        // Cut off: the outcome is unknown.
                        _ => return,
                    }
                }
            });
        }
        drop(acknowledge);
        // Meanwhile people log in.
        let api = stage.api.clone();
        let logins = tokio::spawn(async move {
            let mut arrived = Vec::new();
            let body = serde_json::json!({"username": "alice", "password": DEMO_PASSWORD});
            while let Ok(reply) = api.attempt(api.request("POST", "/api/login").json(&body)).await {
                arrived.push(reply.tokens());
            }
            arrived
        });

        let mut left = Vec::new();
        while left.len() < answered_first {
            left.push(acknowledged.recv().await.expect("the logouts ended early"));
        }
        let stopped = stage.running.kill_9().await;
        work.join_all().await;
        while let Some(tokens) = acknowledged.recv().await {
            left.push(tokens);
        }
        staying.extend(logins.await.unwrap());

        stage = Stage::with(stopped).await;
        answered += left.len();
        unanswered += LEAVING - left.len();
        for tokens in &left {
            stage.assert_dead(tokens).await;
        }
        for tokens in &staying {
            stage.assert_alive(tokens).await;
            let next = stage.api.refresh(tokens.refresh()).await.tokens();
            stage.assert_alive(&next).await;
        }
        println!(
            "round {round}: {} logouts and {} logins were answered",
            left.len(),
            staying.len() - STAYING
        );
    }
    assert!(
        unanswered > 0,
        "the program was never killed in the middle: all {answered} logouts were answered"
    );
}

fn secret(tokens: &Tokens) -> &str {
    rescind_testkit::ExposeSecret::expose_secret(tokens.access())
}
