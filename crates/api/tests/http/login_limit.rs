//! Limits on guessing passwords.

use std::time::Duration;

use actix_web::{http::Method, test::TestRequest};
use rescind_api::{InvalidRateLimit, RateLimit};
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
async fn retry_after_is_in_whole_seconds_rounded_up() {
    let world = limited("7/min").await;
    fail(&world, 7, "192.0.2.1").await;
    assert_eq!(retry_after(&world.try_login("alice", PASSWORD).await), 9, "8.57 s");
}

#[tokio::test]
async fn sign_ups_are_counted_if_they_cost_a_hash() {
    let world = Make {
        signup_limit: "2/min".parse().unwrap(),
        ..Make::default()
    };
    let world = world.world().await;
    let sign_up = async |name: &str, password: &str| {
        let body = json!({ "username": name, "password": password });
        world.post("/api/users", body).await
    };
    for _ in 0..3 {
        sign_up("no name", PASSWORD).await.is_problem(422, "invalid_input");
        sign_up("carol", "short").await.is_problem(422, "invalid_input");
    }
    sign_up("carol", PASSWORD).await.is(201);
    sign_up("carol", PASSWORD).await.is_problem(409, "username_taken");
    sign_up("dave", PASSWORD).await.is_problem(429, "rate_limited");
    world.clock.advance(Duration::from_secs(30));
    sign_up("dave", PASSWORD).await.is(201);
}

#[tokio::test(start_paused = true)]
async fn successful_logins_do_not_wait_for_each_other() {
    let world = limited("10/min").await;
    let began = tokio::time::Instant::now();
    for n in 1..=8 {
        world
            .send(login_from(&format!("192.0.2.{n}"), "alice", PASSWORD))
            .await
            .is(200);
    }
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_known_devices_failure_counts_for_the_name_when_no_other_fails() {
    let world = limited("10/min").await;
    let known = world.login().await.refresh;
    for _ in 0..3 {
        let body = json!({ "username": "alice", "password": "wrong horse", "refresh_token": known });
        world
            .send(call(Method::POST, "/api/login").set_json(body))
            .await
            .is(401);
    }
    let began = tokio::time::Instant::now();
    world.send(login_from("198.51.100.1", "alice", PASSWORD)).await.is(200);
    assert!(began.elapsed() >= Duration::from_millis(250), "{:?}", began.elapsed());
}

#[tokio::test]
async fn after_retry_after_one_more_attempt_is_allowed() {
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
async fn successful_logins_do_not_use_the_budget() {
    let world = limited("1/hour").await;
    for _ in 0..5 {
        world.try_login("alice", PASSWORD).await.is(200);
    }
    fail(&world, 1, "192.0.2.1").await;
    world.try_login("alice", PASSWORD).await.is_problem(429, "rate_limited");
}

#[tokio::test]
async fn guesses_at_unknown_or_invalid_names_count_too() {
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

/// The time of each reply, counted from the first request.
async fn guesses(world: &World, name: &str, count: u8) -> Vec<(Duration, u16)> {
    let began = tokio::time::Instant::now();
    let guesses = (1..=count).map(|n| async move {
        let guess = login_from(&format!("192.0.2.{n}"), name, "wrong horse");
        let reply = world.send(guess).await;
        (began.elapsed(), reply.status.as_u16())
    });
    let mut answered = futures::future::join_all(guesses).await;
    answered.sort_unstable();
    answered
}

#[tokio::test(start_paused = true)]
async fn guesses_at_one_name_take_turns_with_growing_pauses() {
    let world = limited("10/min").await;
    for name in ["alice", "nobody-has-this-name"] {
        let answered = guesses(&world, name, 8).await;
        assert!(answered.iter().all(|(_, status)| *status == 401), "{answered:?}");
        let at: Vec<_> = answered.iter().map(|(at, _)| at.as_millis() / 50 * 50).collect();
        assert_eq!(at, [0, 0, 0, 250, 750, 1750, 3750, 6750], "{name}");
        // A request that waits for too long is refused with a time to retry.
        let answered = guesses(&world, name, 60).await;
        let told = answered.iter().filter(|(_, status)| *status == 429).count();
        assert!(told > 50 && answered.len() - told >= 3, "{answered:?}");
    }
    // After a minute the failures are forgiven.
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(guesses(&world, "alice", 1).await[0].0.as_millis() / 50, 0);
}

#[tokio::test(start_paused = true)]
async fn a_new_device_of_the_owner_comes_before_addresses_that_failed() {
    let world = limited("10/min").await;
    // This failure is forgiven by then.
    world
        .send(login_from("198.51.100.1", "bob", "wrong horse"))
        .await
        .is(401);
    world.clock.advance(Duration::from_secs(6));
    guesses(&world, "alice", 8).await;
    let began = tokio::time::Instant::now();
    let owner = async {
        // After all the others have begun to wait.
        tokio::time::sleep(Duration::from_secs(1)).await;
        world.send(login_from("198.51.100.1", "Alice", PASSWORD)).await.is(200);
        began.elapsed()
    };
    let (_, took) = futures::join!(guesses(&world, "alice", 8), owner);
    // Behind the guess that was running, and one more.
    assert!(took < Duration::from_millis(9_500), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn an_address_has_one_request_in_the_queue_of_a_name() {
    let world = limited("10/min").await;
    guesses(&world, "alice", 8).await;
    let flood = (0..8).map(|_| world.send(login_from("203.0.113.1", "alice", "wrong horse")));
    let owner = async {
        // After all the others have begun to wait.
        tokio::time::sleep(Duration::from_millis(100)).await;
        world.send(login_from("198.51.100.1", "alice", PASSWORD)).await.is(200);
    };
    futures::join!(futures::future::join_all(flood), owner);
}

#[tokio::test(start_paused = true)]
async fn hanging_up_during_the_pause_counts_and_does_not_delay_the_owner() {
    let world = limited("10/min").await;
    guesses(&world, "alice", 8).await;
    // Of four open requests, each is dropped shortly before its pause of 3 s is over.
    let pause = Duration::from_millis(2_900);
    let flood = (1..=4).map(async |n| {
        for wait in [n, 4, 4, 4] {
            let guess = world.send(login_from("203.0.113.1", "alice", "wrong horse"));
            let _ = tokio::time::timeout(pause * wait, guess).await;
        }
    });
    let owner = async {
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_secs(3)).await;
            world.send(login_from("198.51.100.1", "alice", PASSWORD)).await.is(200);
        }
    };
    futures::join!(futures::future::join_all(flood), owner);
    let guess = login_from("203.0.113.1", "bob", PASSWORD);
    world.send(guess).await.is_problem(429, "rate_limited");
}

#[tokio::test(start_paused = true)]
async fn hanging_up_while_the_password_is_checked_counts() {
    let world = limited("1/min").await;
    world.users.now(Fault::Hangs);
    let guess = world.try_login("alice", "wrong horse");
    let answer = tokio::time::timeout(Duration::from_millis(10), guess).await;
    assert!(answer.is_err(), "it was answered");
    world.users.now(Fault::None);
    world.try_login("alice", PASSWORD).await.is_problem(429, "rate_limited");
}

#[tokio::test(start_paused = true)]
async fn a_known_device_does_not_wait_for_guesses() {
    let world = limited("10/min").await;
    let (known, other) = (world.login().await, world.login_as("bob").await);
    guesses(&world, "alice", 8).await;
    let began = tokio::time::Instant::now();
    let with = async |refresh: &str, password: &str, status: u16| {
        let body = json!({ "username": "alice", "password": password, "refresh_token": refresh });
        let call = call(Method::POST, "/api/login").peer_addr("198.51.100.1:40000".parse().unwrap());
        world.send(call.set_json(body)).await.is(status);
        began.elapsed()
    };
    let known = known.refresh;
    assert_eq!(with(&known, PASSWORD, 200).await, Duration::ZERO);
    // A token of another account, or an invalid one, gives no lane.
    assert!(with(&other.refresh, PASSWORD, 200).await >= Duration::from_secs(3));
    assert!(with("rrt_nonsense", PASSWORD, 200).await >= Duration::from_secs(6));
    // A thief with a copy of it has the same pauses.
    let began = tokio::time::Instant::now();
    for _ in 0..6 {
        with(&known, "wrong horse", 401).await;
    }
    assert!(began.elapsed() >= Duration::from_millis(1750), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_right_guess_after_too_many_concurrent_wrong_ones_is_refused() {
    let world = limited("3/min").await;
    let alice = world.row(world.login().await.session).await.user;
    // All of them pass the first check of the budget before any has failed. The right one is the last.
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
    // The session that it opened is closed again.
    while world.service.sessions(&alice).await.unwrap().len() > 1 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_used_up_budget_is_refused_before_lookup_and_hashing() {
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
async fn a_limit_that_is_off_counts_no_failures() {
    let world = Make {
        login_limit: RateLimit::Off,
        ..Make::default()
    }
    .world()
    .await;
    fail(&world, 30, "192.0.2.1").await;
    world.try_login("alice", PASSWORD).await.is(200);
}

#[test]
fn a_limit_reads_back_as_written() {
    for text in ["off", "10/min", "100/hour", "5/s"] {
        assert_eq!(text.parse::<RateLimit>().unwrap().to_string(), text);
    }
    assert_eq!(RateLimit::default().to_string(), "10/min");
    for text in [
        "", "10", "0/min", "-1/min", "10/", "10/day", "/min", "ten/min", "10 / min", "OFF",
    ] {
        assert_eq!(text.parse::<RateLimit>(), Err(InvalidRateLimit), "{text:?}");
    }
}
