//! What the log has of a request, and what it must not have.

use std::{
    cell::RefCell,
    io::{self, Write},
    sync::Once,
};

use actix_web::http::{Method, header};
use serde_json::{Value, json};

use crate::{
    faulty::{Fault, INTERNAL},
    world::{PASSWORD, World, call},
};

thread_local! {
    /// The log lines of this test's thread, while it listens. A subscriber per thread would be simpler, but tracing
    /// caches across threads whether anybody listens, and tests that start and end meanwhile confuse that.
    static HEARD: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

struct ToThisThread;

impl Write for ToThisThread {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        HEARD.with_borrow_mut(|heard| {
            if let Some(heard) = heard {
                heard.extend_from_slice(bytes);
            }
        });
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Records everything that is logged on this thread from now on, at every level, as lines of JSON.
struct Listening;

impl Listening {
    fn begin() -> Self {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            let all = tracing_subscriber::fmt().json().with_max_level(tracing::Level::TRACE);
            all.with_writer(|| ToThisThread).init();
        });
        HEARD.set(Some(Vec::new()));
        Self
    }

    fn text(&self) -> String {
        HEARD.with_borrow(|heard| String::from_utf8(heard.clone().unwrap()).unwrap())
    }

    fn parsed(&self) -> Vec<Value> {
        self.text()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

#[tokio::test]
async fn each_request_is_one_line_with_method_path_status_time_and_id() {
    let world = World::new().await;
    let lines = Listening::begin();
    let reply = world.send(call(Method::GET, "/page?secret=in-the-query")).await;
    let answered: Vec<_> = lines
        .parsed()
        .into_iter()
        .filter(|line| line["fields"]["message"] == "answered")
        .collect();
    let [line] = answered.as_slice() else {
        panic!("{}", lines.text())
    };
    assert_eq!(line["fields"]["status"], 200);
    assert!(line["fields"]["took_ms"].as_f64().is_some());
    let span = &line["span"];
    assert_eq!((&span["method"], &span["path"]), (&json!("GET"), &json!("/page")));
    assert_eq!(span["request_id"].as_str(), reply.header("x-request-id"));
    assert!(!lines.text().contains("in-the-query"));
}

#[tokio::test]
async fn the_cause_of_a_503_is_in_the_log_under_the_id_of_the_reply() {
    let world = World::new().await;
    let tokens = world.login().await;
    world.blacklist.now(Fault::Fails);
    let lines = Listening::begin();
    let reply = world.me(&tokens.access).await;
    let line = lines
        .parsed()
        .into_iter()
        .find(|line| line.to_string().contains(INTERNAL))
        .unwrap();
    assert_eq!(line["level"], "ERROR");
    assert_eq!(line["span"]["request_id"].as_str(), reply.header("x-request-id"));
}

#[tokio::test]
async fn no_token_password_or_failed_login_name_is_logged() {
    let lines = Listening::begin();
    let world = World::new().await;
    let tokens = world.login().await;
    let renewed = world.refresh(&tokens.refresh).await.tokens();
    let browser = world.browser();
    browser.log_in("bob").await;
    let cookies = (browser.access(), browser.refresh());
    browser.visit("/page").await.is(200);
    world
        .try_login("my-password-by-mistake", "wrong-horse-battery")
        .await
        .is_problem(401, "invalid_credentials");
    let malformed = call(Method::POST, "/api/login")
        .insert_header((header::CONTENT_TYPE, "application/json"))
        .set_payload(r#"{"password": "wrong-horse-battery", "password": 1}"#);
    world.send(malformed).await.is(422);
    world.me(&format!("{}x", tokens.access)).await.is(401);
    world.sessions.now(Fault::Fails);
    world.refresh(&renewed.refresh).await.is(503);
    world.post_as("/api/logout", &renewed.access).await.is(503);

    let text = lines.text();
    assert!(
        text.contains("a login failed") && text.contains("logged in"),
        "it does listen"
    );
    let secrets = [
        &tokens.access,
        &tokens.refresh,
        &renewed.access,
        &renewed.refresh,
        &cookies.0,
        &cookies.1,
        PASSWORD,
        "wrong-horse-battery",
        "my-password-by-mistake",
    ];
    for secret in secrets {
        assert!(!text.contains(secret), "{secret}");
    }
    let signature = tokens.access.rsplit('.').next().unwrap();
    assert!(!text.contains(signature), "not even the end of a token");
}

#[tokio::test]
async fn a_token_in_a_path_or_a_method_is_masked() {
    let world = World::new().await;
    let tokens = world.login().await;
    let lines = Listening::begin();
    let escaped: String = tokens.access.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let half_escaped = tokens.access.replacen('e', "%65", 1);
    let twice = tokens.access.replacen('e', "%2565", 1);
    for path in [
        format!("/page/{}/x", tokens.refresh),
        format!("/x/Bearer%20{}", tokens.access),
        format!("/x{}", tokens.access),
        format!("/{escaped}"),
        format!("/{half_escaped}"),
        format!("/{twice}"),
    ] {
        world.send(call(Method::GET, &path)).await;
    }
    let as_session = call(Method::DELETE, &format!("/api/sessions/{}", tokens.refresh));
    let as_session = as_session.insert_header((header::AUTHORIZATION, format!("Bearer {}", tokens.access)));
    world.send(as_session).await.is_problem(404, "not_found");
    let method = Method::from_bytes(tokens.refresh.as_bytes()).unwrap();
    world.send(call(method, "/page")).await;
    let text = lines.text();
    assert!(
        text.contains("/x/[masked]") && text.contains("/page/[masked]/x"),
        "{text}"
    );
    let pieces = tokens.access.split('.').chain([tokens.refresh.as_str()]);
    for piece in pieces {
        let leak = text.lines().find(|line| line.contains(&piece[8..]));
        assert_eq!(leak, None, "{piece}");
        assert!(!text.contains(&escaped[12..]));
    }
}

#[tokio::test(start_paused = true)]
async fn the_duration_of_a_request_is_logged_in_milliseconds() {
    let world = World::new().await;
    let tokens = world.login().await;
    world.blacklist.now(Fault::Slow);
    let lines = Listening::begin();
    world.me(&tokens.access).await.is(200);
    let lines = lines.parsed();
    let answered = lines
        .iter()
        .find(|line| line["fields"]["message"] == "answered")
        .unwrap();
    let took = answered["fields"]["took_ms"].as_f64().unwrap();
    assert!((300.0..320.0).contains(&took), "{took}");
}

#[tokio::test]
async fn a_part_of_a_path_is_masked_if_it_is_long_or_looks_like_a_token() {
    let world = World::new().await;
    let lines = Listening::begin();
    let (kept, long) = ("k".repeat(64), "l".repeat(65));
    for part in [&kept, &long, "eyJ0", "rrt_0"] {
        world.send(call(Method::GET, &format!("/x/{part}/y"))).await;
    }
    let text = lines.text();
    assert!(text.contains(&format!("/x/{kept}/y")), "{text}");
    for masked in [&long, "eyJ0", "rrt_0"] {
        assert!(!text.contains(masked), "{masked}");
    }
    assert!(text.contains("/x/[masked]/y"));
}
