//! A page that was drawn before costs no computation, and the number of computations at once is bounded.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use rescind_testkit::Running;
use scraper::{Html, Selector};
use tokio::task::JoinSet;

use crate::compare::{program, start};

fn main_of(page: &str) -> String {
    let main = Selector::parse("main").unwrap();
    Html::parse_document(page).select(&main).next().unwrap().html()
}

/// The page shows how long its requests took, so a page that repeated them would differ.
#[tokio::test]
async fn reading_a_sandbox_again_repeats_no_request() {
    let running = start(program()).await;
    for answer in ["sessions", "blacklist"] {
        let learner = running.cookie_client();
        let address = format!("/lab/{answer}");
        for action in ["log-in", "call", "call", "copy-access", "replay", "log-out", "replay"] {
            let reply = learner.post(&format!("{address}/do"), &[("action", action)]).await;
            reply.expect_status(303);
        }
        let first = main_of(&learner.open(&address).await.expect_status(200).text);
        for _ in 0..10 {
            let again = main_of(&learner.open(&address).await.expect_status(200).text);
            assert_eq!(again, first, "{answer}");
        }
    }
}

/// Clients that ask for stories that no client has asked for before, one after the other.
struct Flood {
    clients: JoinSet<Vec<(String, u16)>>,
    over: Arc<AtomicBool>,
}

impl Flood {
    fn start(running: &Running, clients: usize) -> Self {
        let (over, next) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let mut tasks = JoinSet::new();
        for _ in 0..clients {
            let (over, next, client) = (Arc::clone(&over), Arc::clone(&next), running.cookie_client());
            tasks.spawn(async move {
                let mut got = Vec::new();
                while !over.load(Ordering::Relaxed) {
                    let logout = 601 + next.fetch_add(1, Ordering::Relaxed);
                    let address = format!("/lab?show=1&logout={logout}s");
                    let page = client.request("GET", &address).header("Accept", "text/html");
                    let reply = client.send(page).await;
                    if reply.status == 503 {
                        assert_ne!(reply.header("retry-after"), "", "{reply:?}");
                        assert!(reply.header("content-type").starts_with("text/html"), "{reply:?}");
                        assert!(reply.text.contains("Very busy"), "{}", reply.text);
                    }
                    got.push((address, reply.status));
                }
                got
            });
        }
        Self { clients: tasks, over }
    }

    async fn stop(self) -> Vec<(String, u16)> {
        self.over.store(true, Ordering::Relaxed);
        self.clients.join_all().await.concat()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn under_a_flood_of_new_stories_known_ones_are_drawn_and_new_ones_wait() {
    let running = start(program()).await;
    let reader = running.cookie_client();
    let known = [
        "/lab?show=1",
        "/lab?show=1&guess=stored&guess=sessions",
        "/lab/race?thief=yes",
        "/lab/rotation",
        "/learn/rotation?play=1",
        "/learn/stored?steps=log-in.call&checked=1",
    ];
    let mut pages = Vec::new();
    for address in known {
        pages.push(main_of(&reader.open(address).await.expect_status(200).text));
    }
    let flood = Flood::start(&running, 60);
    for _ in 0..5 {
        for (address, page) in known.iter().zip(&pages) {
            let again = reader.open(address).await.expect_status(200);
            assert_eq!(main_of(&again.text), *page, "{address}");
        }
    }
    let got = flood.stop().await;
    let refused = got.iter().find(|(_, status)| *status == 503);
    let (address, _) = refused.expect("the flood was not bounded");
    assert!(got.iter().any(|(_, status)| *status == 200), "no client got a page");
    assert!(got.iter().all(|(_, status)| [200, 503].contains(status)), "{got:?}");
    reader.open(address).await.expect_status(200);
}
