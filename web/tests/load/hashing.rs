//! Passwords are slow to check, on purpose; a flood of them must not keep honest people out.

use std::time::Duration;

use rescind_testkit::rounds;
use tokio::time::Instant;

use crate::crowd::{DEMO_PASSWORD, Flood, address, login, open, peak_kib, program, resident_kib, signup};

/// Two buffers of 19 MiB, and all the rest of the program, built without optimisation.
const MOST_KIB: u64 = 160 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn hashing_takes_two_buffers_and_no_more() {
    let running = open(program().env("RESCIND_LOGIN_LIMIT", "off")).await;
    let flood = Flood::start(&running, 64, |api, client, turn| {
        login(api, &address(client), &format!("nobody-{client}-{turn}"), "wrong")
    });
    tokio::time::sleep(Duration::from_secs(rounds(8, 60).into())).await;
    let statuses = flood.stop().await;
    assert!(
        statuses.iter().filter(|status| **status == 401).count() > 50,
        "{statuses:?}"
    );
    let peak = peak_kib(&running);
    eprintln!("at most {} MiB resident", peak / 1024);
    assert!(peak < MOST_KIB, "{peak} KiB");
}

/// The buffers are reused, and what a login leaves is a row in the database.
#[tokio::test(flavor = "multi_thread")]
async fn many_logins_and_a_thousand_sessions_leave_a_node_small() {
    let program = program()
        .env("RESCIND_LOGIN_LIMIT", "off")
        .env("RESCIND_SIGNUP_LIMIT", "off");
    let running = open(program).await;
    let api = running.api_client();
    let logins = rounds(100, 10_000) as usize;
    // Each person has at most 100 sessions.
    for person in 0..10 {
        api.send(signup(&api, &address(person), &format!("person-{person}")))
            .await
            .expect_status(201);
    }
    let clients = (0..4).map(|client| {
        let api = running.api_client();
        async move {
            for turn in 0..logins / 4 {
                let name = format!("person-{}", (client + turn * 4) % 10);
                let login = login(&api, &address(client), &name, "a password of nobody else's");
                api.send(login).await.expect_status(200);
            }
        }
    });
    futures::future::join_all(clients).await;
    let (resident, peak) = (resident_kib(&running), peak_kib(&running));
    eprintln!(
        "{logins} logins: {} MiB resident, at most {} MiB",
        resident / 1024,
        peak / 1024
    );
    assert!(resident < 120 * 1024, "{resident} KiB");
}

#[tokio::test]
async fn an_address_signs_up_so_often_and_then_waits() {
    // Of the default, ten a minute, a slow machine gets one back meanwhile.
    let running = open(program().env("RESCIND_SIGNUP_LIMIT", "10/hour")).await;
    let api = running.api_client();
    for number in 0..10 {
        api.send(signup(&api, &address(1), &format!("person-{number}")))
            .await
            .expect_status(201);
    }
    // A request without a hash does not count.
    api.send(signup(&api, &address(1), "no name at all"))
        .await
        .expect_problem(422, "invalid_input");
    let refused = api
        .send(signup(&api, &address(1), "person-11"))
        .await
        .expect_problem(429, "rate_limited");
    assert!(
        (1..=360).contains(&refused.header("retry-after").parse::<u64>().unwrap()),
        "{refused:?}"
    );
    api.send(signup(&api, &address(2), "person-11"))
        .await
        .expect_status(201);
    // The form counts like the call.
    let form = running.cookie_client();
    let fields = [("username", "person-12"), ("password", "a password of nobody else's")];
    for number in 0..11 {
        let name = format!("form-{number}");
        let reply = form.post("/signup", &[("username", &name), fields[1]]).await;
        if number == 10 {
            reply.expect_status(429);
        } else {
            reply.expect_status(303);
        }
    }
}

/// From one address and from many, with the limits off: what is left then is the order of the queue.
#[tokio::test(flavor = "multi_thread")]
async fn logins_succeed_during_a_flood_of_sign_ups() {
    let running = open(program().env("RESCIND_SIGNUP_LIMIT", "off")).await;
    for spread in [1, 80] {
        let flood = Flood::start(&running, 80, move |api, client, turn| {
            signup(
                api,
                &address(client % spread),
                &format!("flood-{spread}-{client}-{turn}"),
            )
        });
        tokio::time::sleep(Duration::from_millis(500)).await;
        honest_logins(&running, 12).await;
        flood.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_from_other_addresses_succeed_during_a_flood() {
    let running = open(program().env("RESCIND_LOGIN_LIMIT", "off")).await;
    let flood = Flood::start(&running, 80, |api, client, turn| {
        login(api, &address(1), &format!("nobody-{client}-{turn}"), "wrong")
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    honest_logins(&running, 12).await;
    flood.stop().await;
}

async fn honest_logins(running: &rescind_testkit::Running, count: usize) {
    let api = running.api_client();
    let mut slowest = Duration::ZERO;
    for number in 0..count {
        let began = Instant::now();
        let from = address(70_000 + number);
        api.send(login(&api, &from, "alice", DEMO_PASSWORD))
            .await
            .expect_status(200);
        slowest = slowest.max(began.elapsed());
    }
    eprintln!("the slowest of {count} honest logins took {slowest:?}");
}
