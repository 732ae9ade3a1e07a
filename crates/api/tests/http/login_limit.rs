//! How many passwords somebody may guess.

use std::time::Duration;

use actix_web::{http::Method, test::TestRequest};
use rescind_api::LoginLimit;
use serde_json::json;

use crate::{
    faulty::Fault,
    world::{Make, PASSWORD, Reply, World, call},
};

async fn limited(limit: &str) -> World {
    Make {
        login_limit: limit.parse().unwrap(),
        ..Make::default()
    }
    .world()
    .await
}

fn login_from(address: &str, username: &str, password: &str) -> TestRequest {
    call(Method::POST, "/api/login")
        .peer_addr(std::net::SocketAddr::new(address.parse().unwrap(), 40_000))
        .set_json(json!({ "username": username, "password": password }))
}

async fn fail(world: &World, times: u32, address: &str) {
    for _ in 0..times {
        world
            .send(login_from(address, "alice", "wrong horse"))
            .await
            .is_problem(401, "invalid_credentials");
    }
}

fn retry_after(reply: &Reply) -> u64 {
    reply.header("retry-after").unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_used_up_budget_refuses_the_right_password_like_a_wrong_one() {
    let world = limited("3/min").await;
    fail(&world, 3, "192.0.2.1").await;
    let (right, wrong) = (
        world.try_login("alice", PASSWORD).await,
        world.try_login("alice", "wrong horse").await,
    );
    for reply in [&right, &wrong] {
        reply.is_problem(429, "rate_limited");
        assert_eq!(retry_after(reply), 20, "a third of a minute");
    }
}

#[tokio::test]
async fn whoever_waits_as_told_may_try_once_more() {
    let world = limited("3/min").await;
    fail(&world, 3, "192.0.2.1").await;
    world.clock.advance(Duration::from_secs(19));
    let reply = world.try_login("alice", PASSWORD).await;
    reply.is_problem(429, "rate_limited");
    assert_eq!(retry_after(&reply), 1);
    world.clock.advance(Duration::from_secs(1));
    fail(&world, 1, "192.0.2.1").await;
    world.try_login("alice", PASSWORD).await.is_problem(429, "rate_limited");
    world.clock.advance(Duration::from_secs(60));
    world.try_login("alice", PASSWORD).await.is(200);
}

#[tokio::test]
async fn logins_that_succeed_cost_nothing() {
    let world = limited("1/hour").await;
    for _ in 0..5 {
        world.try_login("alice", PASSWORD).await.is(200);
    }
    fail(&world, 1, "192.0.2.1").await;
    world.try_login("alice", PASSWORD).await.is_problem(429, "rate_limited");
}

#[tokio::test]
async fn names_that_are_nobodys_or_no_names_count_too() {
    let world = limited("3/min").await;
    for name in ["nobody", "no name at all", ""] {
        world
            .try_login(name, "wrong horse")
            .await
            .is_problem(401, "invalid_credentials");
    }
    world.try_login("alice", PASSWORD).await.is_problem(429, "rate_limited");
}

#[tokio::test(start_paused = true)]
async fn another_address_is_not_locked_out_with_the_first() {
    let world = limited("3/min").await;
    fail(&world, 3, "192.0.2.1").await;
    world.send(login_from("192.0.2.2", "alice", PASSWORD)).await.is(200);
}

#[tokio::test(start_paused = true)]
async fn an_ipv6_network_of_64_bits_is_one_address() {
    let world = limited("2/min").await;
    fail(&world, 1, "2001:db8:0:1::1").await;
    fail(&world, 1, "2001:db8:0:1:ffff::2").await;
    world
        .send(login_from("2001:db8:0:1::3", "bob", PASSWORD))
        .await
        .is_problem(429, "rate_limited");
    world.send(login_from("2001:db8:0:2::1", "bob", PASSWORD)).await.is(200);
}

#[tokio::test(start_paused = true)]
async fn failures_from_everywhere_slow_an_account_and_never_lock_it() {
    let world = limited("3/hour").await;
    let waits = async |request: TestRequest, status: u16| {
        let began = tokio::time::Instant::now();
        world.send(request).await.is(status);
        began.elapsed()
    };
    for address in ["192.0.2.1", "192.0.2.2", "192.0.2.3"] {
        assert_eq!(
            waits(login_from(address, "alice", "wrong horse"), 401).await,
            Duration::ZERO
        );
    }
    let two_seconds = Duration::from_secs(2)..Duration::from_millis(2010);
    for _ in 0..3 {
        let waited = waits(login_from("192.0.2.4", "Alice", PASSWORD), 200).await;
        assert!(two_seconds.contains(&waited), "{waited:?}");
    }
    assert_eq!(
        waits(login_from("192.0.2.4", "bob", PASSWORD), 200).await,
        Duration::ZERO
    );
}

#[tokio::test]
async fn of_many_guesses_at_once_the_right_one_is_refused_if_it_comes_after_too_many_wrong_ones() {
    let world = limited("3/min").await;
    let alice = world.row(world.login().await.session).await.user;
    // All of them pass the first look at the budget before any has failed. The right one is the last.
    let guesses = (0..8).map(|n| {
        let password = if n == 7 { PASSWORD } else { "wrong horse" };
        world.send(login_from("192.0.2.1", "alice", password))
    });
    let replies = futures::future::join_all(guesses).await;
    let statuses: Vec<_> = replies.iter().map(|reply| reply.status.as_u16()).collect();
    assert_eq!(
        statuses.iter().filter(|status| **status == 401).count(),
        3,
        "{statuses:?}"
    );
    assert_eq!(statuses[7], 429, "{statuses:?}");
    // What it opened is closed again.
    while world.service.sessions(alice).await.unwrap().len() > 1 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_used_up_budget_is_told_before_anything_is_looked_up_or_hashed() {
    let world = limited("3/min").await;
    fail(&world, 3, "192.0.2.1").await;
    world.sessions.now(Fault::Fails);
    world.try_login("alice", PASSWORD).await.is_problem(429, "rate_limited");
}

#[tokio::test]
async fn a_client_behind_a_trusted_proxy_is_counted_by_its_own_address() {
    let make = Make {
        login_limit: "1/min".parse().unwrap(),
        trusted_proxies: &["10.0.0.0/8"],
        ..Make::default()
    };
    let world = make.world().await;
    let forwarded =
        |client: &str| login_from("10.0.0.1", "alice", "wrong horse").insert_header(("x-forwarded-for", client));
    world.send(forwarded("198.51.100.1")).await.is(401);
    world.send(forwarded("198.51.100.1")).await.is(429);
    world.send(forwarded("203.0.113.9, 198.51.100.1")).await.is(429);
    world
        .send(login_from("192.0.2.9", "bob", "wrong horse").insert_header(("x-forwarded-for", "203.0.113.1")))
        .await
        .is(401);
    let made_up = login_from("192.0.2.9", "bob", PASSWORD).insert_header(("x-forwarded-for", "203.0.113.2"));
    world.send(made_up).await.is(429);
}

#[tokio::test]
async fn the_login_form_counts_like_the_call() {
    let world = limited("1/min").await;
    let browser = world.browser();
    let form = |password| [("username", "alice"), ("password", password)];
    browser
        .submit("/login", &form("wrong horse"))
        .await
        .is_problem(401, "invalid_credentials");
    browser
        .submit("/login", &form(PASSWORD))
        .await
        .is_problem(429, "rate_limited");
    world.try_login("alice", PASSWORD).await.is_problem(429, "rate_limited");
}

#[tokio::test]
async fn switched_off_it_counts_nothing() {
    let world = Make {
        login_limit: LoginLimit::Off,
        ..Make::default()
    }
    .world()
    .await;
    fail(&world, 30, "192.0.2.1").await;
    world.try_login("alice", PASSWORD).await.is(200);
}
