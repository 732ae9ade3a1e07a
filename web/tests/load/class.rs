//! A class: visitors who go through the robbery at the same time, and then through a page of the lab.

use std::time::Duration;

use rescind_testkit::{CookieClient, Program, Reply, Running, rounds};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use crate::crowd::{allow_files, open, peak_kib, percentile, resident_kib};

/// The bound on pages in a release build, for 95 of 100.
const MOST: Duration = Duration::from_millis(250);

struct Visitor {
    client: CookieClient,
    pause: Duration,
    /// How long each page took, and each button.
    pages: Vec<Duration>,
    buttons: Vec<Duration>,
}

impl Visitor {
    async fn open(&mut self, path: &str) -> Reply {
        let began = Instant::now();
        let page = self.client.open(path).await.expect_status(200);
        self.pages.push(began.elapsed());
        page
    }

    /// Presses a button, opens the page that it leads to, and reads for a moment.
    async fn press(&mut self, button: &str, fields: &[(&str, &str)]) -> Reply {
        let began = Instant::now();
        let reply = self.client.post(button, fields).await.expect_status(303);
        self.buttons.push(began.elapsed());
        let to = reply.header("location").to_owned();
        let page = self.open(to.split('#').next().unwrap()).await;
        sleep(self.pause).await;
        page
    }

    async fn visit(mut self) -> Self {
        self.open("/").await;
        sleep(self.pause).await;
        self.press("/demo/rob", &[]).await;
        self.press("/demo/log-out", &[]).await;
        let screen = self.press("/demo/thief/try", &[]).await.text;
        assert!(screen.contains("token_revoked"), "a door did not answer: {screen}");
        assert!(
            screen.contains("still inside for another"),
            "a door did not answer: {screen}"
        );
        self.open("/lab/blacklist").await;
        for action in ["log-in", "copy-access", "log-out", "replay"] {
            self.press("/lab/blacklist/do", &[("action", action)]).await;
        }
        self.open("/lab?show=1").await;
        self
    }
}

/// What it took, in a line: for each page, for each button, and in memory.
async fn class(running: &Running, visitors: u32, pause: Duration) -> (Duration, String) {
    let mut class = JoinSet::new();
    for number in 0..visitors {
        let visitor = Visitor {
            client: running.cookie_client(),
            pause,
            pages: Vec::new(),
            buttons: Vec::new(),
        };
        // They do not all click in the same millisecond.
        let late = pause * number / visitors;
        class.spawn(async move {
            sleep(late).await;
            visitor.visit().await
        });
    }
    let visited = class.join_all().await;
    let pages: Vec<_> = visited.iter().flat_map(|visitor| &visitor.pages).copied().collect();
    let buttons: Vec<_> = visited.iter().flat_map(|visitor| &visitor.buttons).copied().collect();
    let p95 = percentile(&pages, 95);
    let told = format!(
        "{visitors} visitors, {} ms between clicks: a page {} ms (p50) and {} ms (p95), a button {} ms (p95); {} MiB resident, at most {} MiB",
        pause.as_millis(),
        percentile(&pages, 50).as_millis(),
        p95.as_millis(),
        percentile(&buttons, 95).as_millis(),
        resident_kib(running) / 1024,
        peak_kib(running) / 1024,
    );
    eprintln!("{told}");
    (p95, told)
}

fn program() -> Program {
    crate::crowd::program().env("RESCIND_LOGIN_LIMIT", "5/min")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_class_goes_through_the_robbery_and_the_lab_without_an_error() {
    allow_files(8_000);
    let running = open(program()).await;
    let pause = Duration::from_millis(rounds(100, 1_000).into());
    class(&running, rounds(20, 200), pause).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it measures; `just load` runs it in a release build"]
async fn a_page_for_200_visitors_takes_less_than_a_quarter_second() {
    allow_files(8_000);
    let running = open(program()).await;
    let (p95, told) = class(&running, 200, Duration::from_secs(1)).await;
    assert!(p95 < MOST, "{told}");
}
