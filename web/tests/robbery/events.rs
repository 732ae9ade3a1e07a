//! The live log: server-sent events (HTML standard, section 9.2), read as they come.

use std::time::Duration;

use reqwest::Response;
use rescind_testkit::CookieClient;
use tokio::time::timeout;

use crate::{
    screen::Screen,
    visitor::{Visitor, open, program},
};

/// Far longer than an event takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// An open stream of events.
struct Events {
    response: Response,
    buffer: String,
}

impl Events {
    async fn open(client: &CookieClient) -> Self {
        let response = Self::ask(client).await;
        assert_eq!(response.status(), 200);
        let media_type = response.headers()["content-type"].to_str().unwrap().to_owned();
        assert!(media_type.starts_with("text/event-stream"), "{media_type}");
        Self {
            response,
            buffer: String::new(),
        }
    }

    async fn ask(client: &CookieClient) -> Response {
        let request = client
            .request("GET", "/demo/events")
            .header("Accept", "text/event-stream");
        request.send().await.unwrap()
    }

    /// The next event named `log`, its fragment as a page; `None` when the stream has ended.
    async fn log(&mut self) -> Option<Screen> {
        loop {
            if let Some((event, rest)) = self.buffer.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.buffer = rest;
                if let Some(fragment) = fragment(&event) {
                    return Some(Screen::of(&fragment));
                }
                continue;
            }
            let chunk = timeout(PATIENCE, self.response.chunk()).await.expect("no event came");
            self.buffer.push_str(std::str::from_utf8(&chunk.ok()??).unwrap());
        }
    }

    /// Waits for a log that contains `words`.
    async fn until_logged(&mut self, words: &str) -> Screen {
        let mentioned = async {
            loop {
                let log = self.log().await.expect("the stream has ended");
                if log.words("body").contains(words) {
                    return log;
                }
            }
        };
        timeout(PATIENCE, mentioned)
            .await
            .unwrap_or_else(|_| panic!("{words:?} never came"))
    }
}

/// The data of an event named `log`.
fn fragment(event: &str) -> Option<String> {
    let field = |name: &'static str| {
        event.lines().filter_map(move |line| {
            let value = line.strip_prefix(name)?.strip_prefix(':')?;
            Some(value.strip_prefix(' ').unwrap_or(value))
        })
    };
    (field("event").next() == Some("log")).then(|| field("data").collect::<Vec<_>>().join("\n"))
}

#[tokio::test]
async fn events_arrive_by_themselves_and_read_as_on_the_page() {
    let running = open(program()).await;
    let visitor = Visitor::be_robbed(&running).await;
    let mut events = Events::open(&visitor.client).await;
    visitor.client.post("/demo/log-out", &[]).await.expect_status(303);
    events.until_logged("/demo/log-out").await;
    visitor.client.post("/demo/thief/try", &[]).await.expect_status(303);
    // The button's own entry is the last to come.
    let log = events.until_logged("/demo/thief/try").await;
    let on_the_page = visitor.screen().await;
    assert_eq!(log.all_words("li"), on_the_page.all_words("#log li"));
    assert!(log.words("body").contains("token_revoked"), "{log:?}");
}

#[tokio::test]
async fn a_visitor_receives_no_events_of_another() {
    let running = open(program()).await;
    let (visitor, other) = (Visitor::arrive(&running).await, Visitor::arrive(&running).await);
    let mut events = Events::open(&other.client).await;
    visitor.press("/demo/rob").await;
    // The other's request arrives, and no event of the robbery came before it.
    other.client.open("/login?a=mark").await.expect_status(200);
    loop {
        let log = events.log().await.expect("the stream has ended");
        let words = log.words("body");
        assert!(!words.contains("/demo/rob") && !words.contains("Thief"), "{words}");
        if words.contains("/login") {
            return;
        }
    }
}

#[tokio::test]
async fn neither_the_stream_nor_a_static_file_is_an_entry_of_the_log() {
    let running = open(program()).await;
    let visitor = Visitor::be_robbed(&running).await;
    drop(Events::open(&visitor.client).await);
    for path in visitor.screen().await.attributes("link[href], script[src]", "href") {
        visitor.client.open(&path).await;
    }
    let log = visitor.screen().await.words("#log");
    for absent in ["/demo/events", ".css", ".js", ".svg"] {
        assert!(!log.contains(absent), "{absent} in {log}");
    }
}

#[tokio::test]
async fn streams_are_bounded_and_one_that_was_left_makes_room() {
    let running = open(program()).await;
    let visitor = Visitor::be_robbed(&running).await;
    let mut open_streams = Vec::new();
    let refused = loop {
        let response = Events::ask(&visitor.client).await;
        if response.status() != 200 {
            break response;
        }
        open_streams.push(response);
        assert!(open_streams.len() < 200, "one visitor holds 200 streams");
    };
    assert!(matches!(refused.status().as_u16(), 429 | 503), "{}", refused.status());
    // The page itself still works, and others have streams of their own.
    visitor.screen().await;
    let other = Visitor::arrive(&running).await;
    Events::open(&other.client).await;

    drop(open_streams);
    let mut again = tokio::time::interval(Duration::from_millis(50));
    let room = async {
        while Events::ask(&visitor.client).await.status() != 200 {
            again.tick().await;
            // A closed stream is noticed at the next event.
            visitor.client.open("/login").await;
        }
    };
    timeout(PATIENCE, room)
        .await
        .expect("streams that were left still count");
}

#[tokio::test]
async fn few_visitors_with_many_streams_keep_no_other_out() {
    let running = open(program()).await;
    let mut open_streams = Vec::new();
    for _ in 0..44 {
        let visitor = Visitor::arrive(&running).await;
        for _ in 0..6 {
            open_streams.push(Events::ask(&visitor.client).await);
        }
    }
    for _ in 0..5 {
        let newcomer = Visitor::arrive(&running).await;
        Events::open(&newcomer.client).await.log().await.expect("no log came");
    }
    let open_streams = open_streams.iter().filter(|stream| stream.status() == 200).count();
    assert_eq!(
        open_streams,
        44 + 128,
        "each visitor's first, and half of all places for the others"
    );
}

#[tokio::test]
async fn an_open_stream_does_not_delay_the_shutdown() {
    let running = open(program()).await;
    let visitor = Visitor::be_robbed(&running).await;
    let mut events = Events::open(&visitor.client).await;
    let ending = async {
        // Less than the ten seconds that running requests would get.
        let ended = timeout(Duration::from_secs(8), running.terminate()).await;
        ended.expect("it waits for the stream").unwrap()
    };
    let (ended, ()) = tokio::join!(ending, async { while events.log().await.is_some() {} });
    assert!(ended.status.success(), "{}\n{}", ended.status, ended.stderr);
}
