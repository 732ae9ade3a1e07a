//! `kill -9` at the worst moment: a logout is in the log, and not in the blacklist; a password is stored, and the other
//! sessions are open.
//!
//! The failpoint stops the closing there (`crates/session/src/failpoints.rs`); the test waits for that, and kills the node. No
//! request was answered, so until then the token may be accepted; afterwards the log decides.

use rescind_testkit::{ExposeSecret, Program, RedisServer, Tokens, rounds};

use crate::{
    cluster::{DEMO_PASSWORD, Database, Node, Plan, accepted, has_stores, until},
    report::{Times, held, thousands},
    turns::turn,
};

const FAILPOINT: &str = "between-log-and-blacklist=return";
const REACHED: &str = "the failpoint between-log-and-blacklist was reached";

/// Logs out, kills the node between the two steps, and returns whether the token was accepted just before.
async fn kill_between(node: Node, leaving: &Tokens) -> (Program, bool) {
    let so_far = node.says(REACHED);
    let api = node.api.clone();
    let out = leaving.clone();
    let logout = tokio::spawn(async move {
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

/// All rounds, and then up to a hundred until the token was accepted just before a kill: a node that has read the log meanwhile
/// refuses it already.
fn more_rounds(done: usize, rounds: u32, open_before: u64) -> bool {
    done < rounds as usize || (open_before == 0 && done < 100)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_killed_between_its_steps_is_done_after_the_restart() {
    let _turn = turn().await;
    let plan = Plan::on(&Database::Sqlite);
    let mut node = Node::of(plan.program().env("FAILPOINTS", FAILPOINT)).await;
    let (mut open_before, rounds) = (0, rounds(3, 50));
    let mut ended = Vec::new();
    while more_rounds(ended.len(), rounds, open_before) {
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
        thousands(ended.len() as u64)
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
    let mut kills = 0;
    while more_rounds(kills, rounds, open_before) {
        kills += 1;
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
        thousands(kills as u64)
    );
}

/// The person repeats the unanswered request, with the same two passwords.
#[tokio::test(flavor = "multi_thread")]
async fn a_password_change_killed_between_its_steps_is_finished_by_a_repeat() {
    const BETWEEN: &str = "between-password-and-sessions";
    const FORM: [(&str, &str); 2] = [
        ("old_password", DEMO_PASSWORD),
        ("new_password", "a new password, as long"),
    ];
    let _turn = turn().await;
    let plan = Plan::on(&Database::Sqlite);
    let program = plan.program().env("FAILPOINTS", format!("{BETWEEN}=return"));
    let node = Node::of(program).await;
    node.api.sign_up("carol", DEMO_PASSWORD).await.expect_status(201);
    let thief = node.log_in_as("carol").await;
    let carol = node.running.cookie_client();
    carol.log_in("carol", DEMO_PASSWORD).await.expect_status(303);
    let form = carol.request("POST", "/password").form(&FORM);
    let change = tokio::spawn(async move { form.send().await.map(|reply| reply.status()) });
    until(async || node.says(&format!("the failpoint {BETWEEN} was reached")) > 0).await;
    let stopped = node.running.kill_9().await;
    let answer = change.await.unwrap();
    assert!(answer.is_err(), "nobody can have said that it was done: {answer:?}");

    // This start has no failpoint, unlike the first one.
    let node = Node::of(stopped.env("FAILPOINTS", "")).await;
    node.assert_alive(&thief).await;
    let again = node.running.cookie_client();
    let kept = ["rescind_access", "rescind_refresh"].map(|name| {
        let value = carol.cookie(name).unwrap();
        format!("{name}={}", value.expose_secret())
    });
    let send = async |method, path, form: &[(&str, &str)]| {
        let request = again.request(method, path).header("Cookie", kept.join("; "));
        request.form(form).send().await.unwrap().status().as_u16()
    };
    assert_eq!(send("POST", "/password", &FORM).await, 303);
    node.assert_dead(&thief).await;
    assert_eq!(send("GET", "/account", &[]).await, 200);
    let old = node.api.log_in("carol", DEMO_PASSWORD).await;
    old.expect_problem(401, "invalid_credentials");
    node.api
        .log_in("carol", "a new password, as long")
        .await
        .expect_status(200);
    held!(
        KilledBetween,
        a_password_change_killed_between_its_steps_is_finished_by_a_repeat,
        "a password change: the new password stored, the other sessions open; a repeat with the old one ends them",
        "{} kill",
        thousands(1)
    );
}
