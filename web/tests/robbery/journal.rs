//! The log: actor, request, outcome, deciding check, and cost.

use rescind_testkit::Provenance;

use crate::{
    screen::Screen,
    visitor::{Visitor, open, program},
};

/// The entries, newest first, in words.
fn entries(screen: &Screen) -> Vec<String> {
    screen.all_words("#log li")
}

/// The newest entry that contains all of these words.
#[track_caller]
fn entry(screen: &Screen, words: &[&str]) -> String {
    let entries = entries(screen);
    let found = entries
        .iter()
        .find(|entry| words.iter().all(|word| entry.contains(word)));
    found
        .cloned()
        .unwrap_or_else(|| panic!("no entry with {words:?} in {entries:#?}"))
}

#[tokio::test]
async fn each_request_is_logged_with_actor_outcome_and_deciding_check() {
    let running = open(program()).await;
    let visitor = Visitor::be_robbed(&running).await;
    visitor.press("/demo/log-out").await;
    let screen = visitor.press("/demo/thief/try").await;

    entry(&screen, &["You", "/demo/rob", "303", "password"]);
    let before = entry(&screen, &["Thief", "/api/me", "200", "blacklist"]);
    assert!(
        before.contains("blacklist 1 read") && !before.contains("write"),
        "{before}"
    );
    let refused = entry(&screen, &["Thief", "/api/me", "401", "token_revoked", "blacklist"]);
    assert!(
        refused.contains("blacklist 1 read") && !refused.contains("write"),
        "{refused}"
    );
    let inside = entry(&screen, &["Thief", "/demo/signature-only/me", "200"]);
    assert!(inside.contains("signature") || inside.contains("expiry"), "{inside}");
    let logout = entry(&screen, &["You", "/demo/log-out", "303"]);
    assert!(logout.contains("write"), "a logout writes: {logout}");
    for entry in entries(&screen) {
        assert!(entry.contains("ms"), "the time it took is missing: {entry}");
    }
}

/// The thief's requests begin after the button's, and end before it.
#[tokio::test]
async fn entries_are_ordered_by_their_beginning_newest_first() {
    let running = open(program()).await;
    let visitor = Visitor::be_robbed(&running).await;
    let screen = visitor.press("/demo/log-out").await;
    let entries = entries(&screen);
    let begin = entries
        .iter()
        .map(|entry| entry.split(' ').take(3).collect::<Vec<_>>().join(" "));
    assert_eq!(
        begin.collect::<Vec<_>>(),
        [
            "You POST /demo/log-out",
            "Thief GET /demo/signature-only/me",
            "Thief GET /api/me",
            "You POST /demo/rob",
            "You GET /",
        ]
    );
}

#[tokio::test]
async fn a_redirect_to_the_login_is_a_refusal_and_others_are_not() {
    let running = open(program().env("RESCIND_ACCESS_TTL", "2s")).await;
    let visitor = Visitor::arrive(&running).await;
    visitor.client.open("/account").await.expect_status(303);
    visitor.press("/demo/rob").await;
    visitor.api.until_expired(&visitor.access()).await;
    visitor.client.open("/account").await.expect_status(303);
    let screen = visitor.screen().await;
    for told in [
        "GET /account Accepted 303, sent to refresh",
        "POST /demo/rob Accepted 303, sent on",
        "GET /account Refused 303, sent to log in",
    ] {
        entry(&screen, &[told]);
    }
}

#[tokio::test]
async fn a_method_and_a_path_name_what_is_asked_for() {
    let running = open(program()).await;
    let visitor = Visitor::be_robbed(&running).await;
    for (method, path, asks) in [
        ("GET", "/api/me", "who am I? At the first door"),
        ("HEAD", "/api/me", "who am I? At the first door"),
        ("POST", "/api/me", "something else"),
        ("GET", "/refresh", "a refresh"),
        ("GET", "/demo/log-out", "something else"),
        ("DELETE", "/api/sessions/7", "an end to sessions"),
        ("GET", "/nowhere", "something else"),
        ("POST", "/demo/log-out", "a logout"),
    ] {
        visitor.client.send(visitor.client.request(method, path)).await;
        let newest = entries(&visitor.screen().await).swap_remove(0);
        assert!(newest.contains(&format!("{method} {path} ")), "{newest}");
        assert!(newest.contains(asks), "{newest}");
    }
}

#[tokio::test]
async fn a_refresh_is_the_browsers_own_unless_a_button_was_pressed() {
    let running = open(program()).await;
    let visitor = Visitor::be_robbed(&running).await;
    let client = visitor.client.with_provenance(Provenance::OldBrowser);
    for (method, path, mode, who) in [
        ("GET", "/refresh", None, "Browser, by itself"),
        ("POST", "/api/refresh", Some("cors"), "Browser, by itself"),
        ("POST", "/api/refresh", None, "You"),
        ("POST", "/demo/refresh", Some("navigate"), "You"),
        ("GET", "/account", None, "You"),
    ] {
        let mut request = client.request(method, path);
        if let Some(mode) = mode {
            request = request.header("Sec-Fetch-Mode", mode);
        }
        client.send(request).await;
        let newest = entries(&visitor.screen().await).swap_remove(0);
        assert!(newest.starts_with(&format!("{who} {method} {path} ")), "{newest}");
    }
}

/// What reads the log, or is no part of the story, does not write into it.
#[tokio::test]
async fn reading_the_log_writes_no_entry() {
    let running = open(program()).await;
    let visitor = Visitor::be_robbed(&running).await;
    let before = entries(&visitor.screen().await);
    for path in [
        "/demo",
        "/demo/log/3",
        "/lab",
        "/lab/blacklist",
        "/health/live",
        "/session",
    ] {
        visitor.client.open(path).await;
    }
    let pressed = visitor.client.post("/lab/blacklist/do", &[("action", "log-in")]).await;
    pressed.expect_status(303);
    assert_eq!(entries(&visitor.screen().await), before);
    for path in ["/", "/account", "/api/me", "/refresh", "/demo/signature-only/me"] {
        visitor.client.open(path).await;
        let newest = entries(&visitor.screen().await).swap_remove(0);
        assert!(newest.contains(&format!("GET {path} ")), "{newest}");
    }
}

#[tokio::test]
async fn a_visitors_path_is_escaped() {
    let running = open(program()).await;
    let visitor = Visitor::arrive(&running).await;
    let path = "/&lt;script&gt;alert(1)&lt;/script&gt;";
    visitor.client.open(path).await.expect_status(404);
    entry(&visitor.screen().await, &[path]);
}

#[tokio::test]
async fn a_chosen_entry_is_drawn_with_its_path_and_described_in_words() {
    let running = open(program()).await;
    let visitor = Visitor::be_robbed(&running).await;
    let (_, screen) = visitor.page("/demo").await;
    let paths = screen.attributes("#log a[href*='/demo/log/']", "href");
    assert!(!paths.is_empty(), "{screen:?}");
    for path in paths {
        let path = path.split('#').next().unwrap();
        let (_, chosen) = visitor.page(path).await;
        assert!(
            chosen.has("svg title") && chosen.has("svg desc"),
            "{path} draws nothing"
        );
        assert!(chosen.all_words("svg text").len() > 3, "{path}: an empty drawing");
        assert!(
            chosen.attributes("svg, svg *", "style").is_empty(),
            "the content security policy forbids inline styles"
        );
    }
}

#[tokio::test]
async fn a_drawing_of_a_request_says_in_a_list_what_it_shows() {
    let running = open(program()).await;
    let visitor = Visitor::be_robbed(&running).await;
    let screen = visitor.screen().await;
    let thiefs = chosen(&screen, &["Thief", "/api/me"]);
    let (_, chosen) = visitor.page(&thiefs).await;
    let steps = chosen.all_words(".diagram ol li, #diagram ol li, figure ol li");
    let [asks, thinks, question, account, reply] = steps.as_slice() else {
        panic!("{steps:#?}");
    };
    assert_eq!(asks, "The thief to the server: GET /api/me");
    assert_eq!(thinks, "The server: signature good, not expired");
    let says = |sentence: &str, words: &[&str]| words.iter().all(|word| sentence.contains(word));
    assert!(
        says(
            question,
            &[
                "The server to the blacklist",
                "token or session on it? → not on it",
                "ms"
            ]
        ),
        "{question}"
    );
    assert!(
        says(account, &["The server to the database", "which account? → found"]),
        "{account}"
    );
    assert_eq!(reply, "The server to the thief: ! in: 200");
}

#[tokio::test]
async fn a_long_path_is_shortened_in_the_drawing_and_whole_in_the_list() {
    let running = open(program()).await;
    let visitor = Visitor::be_robbed(&running).await;
    let long = format!("/account/{}", "x".repeat(100));
    visitor.client.open(&long).await;
    let screen = visitor.screen().await;
    let (_, chosen) = visitor.page(&chosen(&screen, &[&long])).await;
    assert!(chosen.words("#diagram figure ol").contains(&long));
    let labels = chosen.all_words("#diagram svg g text");
    assert!(
        !labels.is_empty() && labels.iter().all(|label| label.chars().count() <= 64),
        "{labels:#?}"
    );
}

/// The address of the entry with these words.
#[track_caller]
fn chosen(screen: &Screen, words: &[&str]) -> String {
    let entries = entries(screen);
    let at = entries
        .iter()
        .position(|entry| words.iter().all(|word| entry.contains(word)));
    let at = at.unwrap_or_else(|| panic!("no entry with {words:?} in {entries:#?}"));
    let paths = screen.attributes("#log li a[href*='/demo/log/']", "href");
    paths[at].split('#').next().unwrap().to_owned()
}

#[tokio::test]
async fn an_entry_that_does_not_exist_is_chosen_without_harm() {
    let running = open(program()).await;
    let visitor = Visitor::be_robbed(&running).await;
    for id in [
        "0",
        "999999999",
        "18446744073709551616",
        "-1",
        "x",
        "%00",
        "..%2f..%2fetc",
    ] {
        let reply = visitor.client.open(&format!("/demo/log/{id}")).await;
        assert!(matches!(reply.status, 200 | 303 | 400 | 404), "{id}: {reply:?}");
        let reply = visitor.client.open(&format!("/demo?entry={id}")).await;
        assert!(matches!(reply.status, 200 | 303 | 400 | 404), "{id}: {reply:?}");
    }
}
