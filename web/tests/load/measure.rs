//! The table of docs/load.md: honest requests during a flood.

use std::{env, fs, time::Duration};

use rescind_testkit::{Running, rounds};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::Instant,
};

use crate::{
    connections::SLOW_BODY,
    crowd::{DEMO_PASSWORD, Flood, PASSWORD, address, allow_files, login, open, percentile, program, signup},
};

/// The honest requests' times, and how many got a wrong answer.
#[derive(Default)]
struct Got {
    times: Vec<Duration>,
    refused: usize,
}

impl Got {
    fn add(&mut self, began: Instant, ok: bool) {
        self.times.push(began.elapsed());
        self.refused += usize::from(!ok);
    }

    fn cells(&self) -> String {
        let ms = |percent| match self.times.len() {
            0 => "–".to_owned(),
            _ => format!("{} ms", percentile(&self.times, percent).as_millis()),
        };
        format!("{} | {} | {} | {}", self.times.len(), ms(50), ms(95), self.refused)
    }
}

/// A client that logs in as bob, each time from another address, opens the account page, and logs out.
async fn honest(running: &Running, number: &mut usize) -> [Got; 2] {
    let api = running.api_client();
    let (mut logins, mut others) = (Got::default(), Got::default());
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(rounds(10, 30).into()) {
        *number += 1;
        let pressed = Instant::now();
        let reply = api
            .attempt(login(&api, &address(100_000 + *number), "bob", DEMO_PASSWORD))
            .await;
        let tokens = reply
            .ok()
            .filter(|reply| reply.status == 200)
            .map(|reply| reply.tokens());
        logins.add(pressed, tokens.is_some());
        for (method, path, status) in [("GET", "/api/me", 200), ("POST", "/api/logout", 204)] {
            let Some(tokens) = &tokens else { continue };
            let bearer = rescind_testkit::ExposeSecret::expose_secret(tokens.access()).to_owned();
            let pressed = Instant::now();
            let reply = api.attempt(api.request(method, path).bearer_auth(bearer)).await;
            others.add(pressed, reply.is_ok_and(|reply| reply.status == status));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    [logins, others]
}

fn row(flood: &str, got: &str, honest: &[Got; 2]) -> String {
    let [logins, others] = honest;
    let line = format!("| {flood} | {got} | {} | {} |\n", logins.cells(), others.cells());
    eprint!("{line}");
    line
}

fn counted(statuses: &[u16]) -> String {
    let mut kinds = statuses.to_vec();
    kinds.sort_unstable();
    kinds.dedup();
    let count = |kind| statuses.iter().filter(|status| **status == kind).count();
    let told: Vec<_> = kinds
        .into_iter()
        .map(|kind| format!("{} × {kind}", count(kind)))
        .collect();
    told.join(", ")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it measures; `just load` runs it in a release build"]
async fn the_load_table() {
    allow_files(8_000);
    let mut number = 0;
    let mut table = "| flood | what it got | logins | p50 | p95 | refused | other requests | p50 | p95 | refused |\n\
                     | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
        .to_owned();

    let running = open(program()).await;
    table += &row("none", "", &honest(&running, &mut number).await);

    let mut slow = JoinSet::new();
    for _ in 0..3_000 {
        let address = running.base_url().trim_start_matches("http://").to_owned();
        slow.spawn(async move {
            loop {
                let Ok(mut connection) = TcpStream::connect(&address).await else {
                    continue;
                };
                let mut said = Vec::new();
                if connection.write_all(SLOW_BODY.as_bytes()).await.is_ok() {
                    let _ = connection.read_to_end(&mut said).await;
                }
            }
        });
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let got = honest(&running, &mut number).await;
    slow.shutdown().await;
    table += &row(
        "3,000 connections, each with one byte of a body, again and again",
        "408 after 10 s",
        &got,
    );

    for (what, addresses) in [("one address", 1), ("80 addresses", 80)] {
        let flood = Flood::start(&running, 80, move |api, client, turn| {
            login(
                api,
                &address(client % addresses),
                &format!("nobody-{client}-{turn}"),
                "wrong",
            )
        });
        let got = honest(&running, &mut number).await;
        let statuses = counted(&flood.stop().await);
        table += &row(
            &format!("80 clients log in under names that nobody has, from {what}"),
            &statuses,
            &got,
        );

        let flood = Flood::start(&running, 80, move |api, client, turn| {
            signup(
                api,
                &address(1_000 + client % addresses),
                &format!("new-{addresses}-{client}-{turn}"),
            )
        });
        let got = honest(&running, &mut number).await;
        let statuses = counted(&flood.stop().await);
        table += &row(&format!("80 clients sign up from {what}"), &statuses, &got);
    }

    let flood = Flood::start(&running, 60, |api, client, turn| {
        login(api, &address(2_000 + client), "bob", &format!("guess {client} {turn}"))
    });
    let got = honest(&running, &mut number).await;
    let statuses = counted(&flood.stop().await);
    table += &row(
        "60 addresses guess bob's password; bob logs in on a new device each time",
        &statuses,
        &got,
    );

    let owner = running.cookie_client();
    let api = running.api_client();
    api.send(signup(&api, &address(4_000), "carol"))
        .await
        .expect_status(201);
    owner.log_in("carol", PASSWORD).await.expect_status(303);
    let flood = Flood::start(&running, 60, |api, client, turn| {
        login(
            api,
            &address(3_000 + client),
            "carol",
            &format!("guess {client} {turn}"),
        )
    });
    let (mut logins, mut others) = (Got::default(), Got::default());
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(rounds(10, 60).into()) {
        let pressed = Instant::now();
        logins.add(pressed, owner.log_in("carol", PASSWORD).await.status == 303);
        let pressed = Instant::now();
        others.add(pressed, owner.open("/account").await.status == 200);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let statuses = counted(&flood.stop().await);
    table += &row(
        "60 addresses guess carol's password; carol logs in on a known device",
        &statuses,
        &[logins, others],
    );

    let mut streams = Vec::new();
    for _ in 0..44 {
        let visitor = running.cookie_client();
        visitor.open("/demo").await.expect_status(200);
        for _ in 0..6 {
            streams.push(visitor.request("GET", "/demo/events").send().await.unwrap());
        }
    }
    let open_streams = streams.iter().filter(|stream| stream.status() == 200).count();
    let newcomer = running.cookie_client();
    newcomer.open("/demo").await.expect_status(200);
    let new = newcomer.request("GET", "/demo/events").send().await.unwrap().status();
    let got = honest(&running, &mut number).await;
    let told = format!("{open_streams} streams; a 45th visitor's stream: {}", new.as_u16());
    table += &row("44 visitors open six event streams each", &told, &got);

    if let Some(path) = env::var_os("RESCIND_LOAD_REPORT") {
        fs::write(path, table).unwrap();
    }
}
