//! With other nodes, the thief tries the token there too: only at the addresses of the settings, and at one door, for any
//! answer.
//!
//! The other nodes are fakes here, so that they can misbehave. Real ones are in `web/tests/cluster.rs`.

use std::sync::{Arc, Mutex};

use rescind_testkit::ExposeSecret;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::{
    screen::{Door, Screen},
    visitor::{Visitor, open, program},
};

/// A fake node that gives one answer to all requests, and records them.
struct Peer {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Peer {
    /// `answer`: status line, headers and body, without the line that ends a connection.
    async fn answering(answer: impl Into<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (kept, answer) = (Arc::clone(&asked), answer.into());
        tokio::spawn(async move {
            while let Ok((mut caller, _)) = listener.accept().await {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") && caller.read_buf(&mut request).await.is_ok_and(|n| n > 0) {}
                kept.lock()
                    .unwrap()
                    .push(String::from_utf8_lossy(&request).into_owned());
                let _ = caller.write_all(answer.as_bytes()).await;
            }
        });
        Self { url, asked }
    }

    /// One that accepts the token.
    async fn accepting(node: &str) -> Self {
        let body = r#"{"username": "alice", "note": "The spare key"}"#;
        Self::answering(answer("200 OK", &format!("X-Rescind-Node: {node}"), body)).await
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn answer(status: &str, header: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{header}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}

/// The text on each node, this node first.
fn strip(screen: &Screen) -> Vec<String> {
    screen.all_words("#nodes li")
}

/// An address without a listener.
async fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[tokio::test]
async fn every_node_shows_its_verdict_and_one_that_is_down_breaks_no_page() {
    let revoked = answer("401 Unauthorized", "X-Rescind-Node: c", r#"{"code": "token_revoked"}"#);
    let (b, c) = (Peer::accepting("b").await, Peer::answering(revoked).await);
    let down = nowhere().await;
    let running = open(
        program()
            .env("RESCIND_NODE", "a")
            .env("RESCIND_DEMO_PEERS", format!("{},{},{down}", b.url, c.url)),
    )
    .await;
    let visitor = Visitor::be_robbed(&running).await;
    let screen = visitor.screen().await;
    let rows = strip(&screen);
    assert_eq!(rows.len(), 4, "{rows:#?}");
    for (row, (node, said)) in rows.iter().zip([
        ("Node a", "200"),
        ("Node b", "200"),
        ("Node c", "401 token_revoked"),
        (down.trim_start_matches("http://"), "No answer"),
    ]) {
        assert!(row.contains(node) && row.contains(said) && row.contains("ms"), "{row}");
    }
    screen.assert_accepted(Door::Blacklist);
    screen.assert_accepted(Door::SignatureOnly);

    // The log names the node, and the page the one that drew it.
    let log = screen.all_words("#log li");
    for (node, is_own) in [("node a", true), ("node b", false), ("node c", false)] {
        let told = log.iter().find(|entry| entry.contains(&format!("answered by {node}")));
        let told = told.unwrap_or_else(|| panic!("{node} is missing in {log:#?}"));
        // The store calls of another are not known.
        assert_eq!(
            told.contains(" read in ") || told.contains("no store"),
            is_own,
            "{told}"
        );
    }
    assert!(screen.words("footer").contains("Answered by node a"), "{screen:?}");
    assert!(
        screen
            .words("footer")
            .contains("Sessions: SQLite; blacklist: in this process")
    );
    let reply = visitor.client.open("/no-such-page").await;
    assert_eq!(reply.header("x-rescind-node"), "a");
}

#[tokio::test]
async fn a_peer_gets_only_the_token_at_one_path() {
    let peer = Peer::accepting("b").await;
    let running = open(program().env("RESCIND_DEMO_PEERS", &peer.url)).await;
    let visitor = Visitor::be_robbed(&running).await;
    let token = visitor.access();
    let request = visitor.client.request("POST", "/demo/thief/try?path=/account");
    let request = request.header("X-Forwarded-Host", "elsewhere.example");
    visitor.client.send(request).await.expect_status(303);

    let asked = peer.asked();
    assert_eq!(asked.len(), 2, "once when robbed, once when sent");
    for request in asked {
        assert!(
            request.starts_with("GET /api/me HTTP/1.1\r\n"),
            "another address was asked"
        );
        let bearer = format!("Bearer {}", token.expose_secret());
        assert!(request.contains(&bearer), "the stolen token was not presented");
        let lower = request.to_lowercase();
        for private in ["cookie", "x-rescind-thief", "elsewhere.example", "forwarded"] {
            assert!(!lower.contains(private), "{private} was passed on");
        }
    }
}

#[tokio::test]
async fn a_peers_answer_is_not_followed_and_is_drawn_as_text() {
    let trap = Peer::accepting("trap").await;
    let away = answer("302 Found", &format!("Location: {}/api/me", trap.url), "");
    let evil = answer(
        "401 Unauthorized",
        "X-Rescind-Node: <script>alert(1)</script>",
        r#"{"code": "<img src=x>"}"#,
    );
    let endless = answer("200 OK", "X-Rescind-Node: d", &"x".repeat(100_000));
    let mut peers = Vec::new();
    for answer in [away, evil, endless] {
        peers.push(Peer::answering(answer).await);
    }
    let urls: Vec<_> = peers.iter().map(|peer| peer.url.as_str()).collect();
    let running = open(program().env("RESCIND_DEMO_PEERS", urls.join(","))).await;
    let visitor = Visitor::be_robbed(&running).await;
    let page = visitor.client.open("/demo").await.expect_status(200).text;
    let rows = strip(&Screen::of(&page));
    assert_eq!(rows.len(), 4, "{rows:#?}");
    assert!(rows[1].contains("302") && rows[3].contains("No answer"), "{rows:#?}");
    assert!(!page.contains("<script>alert") && !page.contains("<img src=x"));
    assert!(trap.asked().is_empty(), "a redirect was followed");
}

#[tokio::test]
async fn what_is_no_name_of_a_node_is_replaced_by_its_address() {
    let mut peers = Vec::new();
    for name in ["", "two words", "<b>", &"x".repeat(33), &"x".repeat(32)] {
        peers.push(Peer::accepting(name).await);
    }
    let urls: Vec<_> = peers.iter().map(|peer| peer.url.as_str()).collect();
    let running = open(program().env("RESCIND_DEMO_PEERS", urls.join(","))).await;
    let rows = strip(&Visitor::be_robbed(&running).await.screen().await);
    let named: Vec<_> = rows.iter().filter(|row| row.contains(&"x".repeat(32))).collect();
    assert_eq!(named.len(), 1, "{rows:#?}");
    for url in &urls[..4] {
        let address = url.trim_start_matches("http://");
        assert!(
            rows.iter().any(|row| row.contains(&format!("Node {address}"))),
            "{rows:#?}"
        );
    }
}

#[tokio::test]
async fn alone_there_is_no_strip() {
    let running = open(program()).await;
    let screen = Visitor::be_robbed(&running).await.screen().await;
    assert!(strip(&screen).is_empty(), "{screen:?}");
    assert!(!screen.words("footer").contains("Answered by"));
    let reply = running.cookie_client().open("/").await;
    assert_eq!(reply.header("x-rescind-node"), "");
}
