//! The thief is part of a public page, and sends requests: no client may steer them.
//!
//! Each test puts an attacker's value where a careless handler would read it, and then checks the thief's actual requests. A
//! trap, a listener of the test, shows whether any request went astray.

use std::time::Duration;

use rescind_testkit::{CookieClient, ExposeSecret, Provenance, Running, SecretString};
use tokio::{net::TcpListener, time::timeout};

use crate::{
    first_act::assert_no_robbery,
    screen::{Door, Screen},
    visitor::{DEMO_PASSWORD, Visitor, open, program},
};

/// All routes that change state.
pub(crate) const POSTS: [&str; 9] = [
    "/demo/rob",
    "/demo/rob/second",
    "/demo/thief/try",
    "/demo/log-out",
    "/demo/thief/steal-refresh",
    "/demo/thief/refresh",
    "/demo/refresh",
    "/demo/forget",
    "/theme",
];

/// A place where no request of the program may arrive.
struct Trap {
    listener: TcpListener,
    address: String,
}

impl Trap {
    async fn set() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        Self { listener, address }
    }

    /// No request arrived. All requests have been answered by now, so a connection would be waiting.
    async fn assert_untouched(&self) {
        let knock = timeout(Duration::from_millis(50), self.listener.accept()).await;
        assert!(knock.is_err(), "a request went to {}", self.address);
    }
}

/// Bob's live token: if the thief can be made to present it, the first door opens.
async fn bobs(running: &Running) -> (SecretString, SecretString) {
    let tokens = running.api_client().log_in("bob", DEMO_PASSWORD).await.tokens();
    (tokens.access().clone(), tokens.refresh().clone())
}

/// The thief presented alice's revoked token, and no other.
async fn assert_only_the_own_loot_was_tried(visitor: &Visitor) {
    let screen = visitor.screen().await;
    screen.assert_refused(Door::Blacklist, "token_revoked");
    screen.assert_accepted(Door::SignatureOnly);
    assert!(!screen.words("main").contains("bob"), "{screen:?}");
}

/// Sends the thief with the test's request.
async fn sent_out(
    visitor: &Visitor,
    path: &str,
    furnish: impl FnOnce(reqwest::RequestBuilder) -> reqwest::RequestBuilder,
) {
    let request = furnish(visitor.client.request("POST", path));
    let reply = visitor.client.send(request).await;
    assert!(reply.status < 500, "{reply:?}");
}

#[tokio::test]
async fn neither_address_nor_path_nor_token_is_taken_from_a_request() {
    let running = open(program()).await;
    let (trap, (access, refresh)) = (Trap::set().await, bobs(&running).await);
    let visitor = Visitor::be_robbed(&running).await;
    visitor.press("/demo/log-out").await;
    let (access, refresh) = (access.expose_secret(), refresh.expose_secret());
    let url = format!("http://{}/", trap.address);

    let fields = [
        ("url", url.as_str()),
        ("address", &trap.address),
        ("host", &trap.address),
        ("target", &url),
        ("path", "/account"),
        ("door", "/health/ready"),
        ("token", access),
        ("access_token", access),
        ("refresh_token", refresh),
        ("next", &url),
    ];
    let query = fields.map(|(name, value)| format!("{name}={value}")).join("&");
    sent_out(&visitor, "/demo/thief/try", |request| request.form(&fields)).await;
    assert_only_the_own_loot_was_tried(&visitor).await;
    sent_out(&visitor, &format!("/demo/thief/try?{query}"), |request| request).await;
    assert_only_the_own_loot_was_tried(&visitor).await;
    sent_out(&visitor, "/demo/thief/try", |request| {
        request.json(&serde_json::json!({"url": url, "token": access}))
    })
    .await;
    assert_only_the_own_loot_was_tried(&visitor).await;

    for (name, value) in [
        ("Authorization", format!("Bearer {access}")),
        ("X-Forwarded-Host", trap.address.clone()),
        ("X-Forwarded-For", "203.0.113.9".to_owned()),
        ("X-Original-URL", "/account".to_owned()),
        ("Forwarded", format!("host={}", trap.address)),
        ("Referer", url.clone()),
        ("Proxy", url.clone()),
    ] {
        sent_out(&visitor, "/demo/thief/try", |request| request.header(name, value)).await;
        assert_only_the_own_loot_was_tried(&visitor).await;
    }
    trap.assert_untouched().await;
}

#[tokio::test]
async fn a_foreign_host_header_sends_the_thief_nowhere_else() {
    let running = open(program()).await;
    let trap = Trap::set().await;
    let visitor = Visitor::be_robbed(&running).await;
    visitor.press("/demo/log-out").await;
    sent_out(&visitor, "/demo/thief/try", |request| {
        request.header("Host", &trap.address)
    })
    .await;
    trap.assert_untouched().await;
    assert_at_most_the_own_loot_was_tried(&visitor).await;
}

/// The same, if the request itself may have been refused.
async fn assert_at_most_the_own_loot_was_tried(visitor: &Visitor) {
    visitor.press("/demo/thief/try").await;
    assert_only_the_own_loot_was_tried(visitor).await;
}

#[tokio::test]
async fn the_programs_surroundings_do_not_route_the_thief_through_a_proxy() {
    let trap = Trap::set().await;
    let proxy = format!("http://{}", trap.address);
    let mut program = program();
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        program = program.env(name, &proxy);
    }
    let running = open(program).await;
    Visitor::be_robbed(&running)
        .await
        .screen()
        .await
        .assert_accepted(Door::Blacklist);
    trap.assert_untouched().await;
}

#[tokio::test]
async fn the_public_url_may_point_elsewhere_and_the_thief_stays_with_the_own_listener() {
    let trap = Trap::set().await;
    let running = open(
        program()
            .env("RESCIND_PUBLIC_URL", format!("http://{}", trap.address))
            .env("RESCIND_DEMO", "on"),
    )
    .await;
    let visitor = Visitor::arrive_as(&running, Provenance::Silent).await;
    let request = visitor.client.request("POST", "/demo/rob");
    let request = request.header("Origin", format!("http://{}", trap.address));
    visitor.client.send(request).await.expect_status(303);
    visitor.screen().await.assert_accepted(Door::Blacklist);
    trap.assert_untouched().await;
}

#[tokio::test]
async fn visitors_cannot_see_each_others_loot_and_log() {
    let running = open(program()).await;
    let robbed = Visitor::be_robbed(&running).await;
    let session = robbed.api.me(&robbed.access()).await.body["session_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let mine = robbed.client.cookie("rescind_visitor").unwrap();
    let mine = mine.expose_secret();
    assert!(mine.len() >= 22, "128 bits are 22 letters at least");

    let stranger = Visitor::arrive(&running).await;
    assert_ne!(stranger.client.cookie("rescind_visitor").unwrap().expose_secret(), mine);
    assert_no_loot_of_another(&stranger.screen().await, &session);
    let screen = stranger.press("/demo/thief/try").await;
    assert_no_loot_of_another(&screen, &session);

    // Entries are chosen by id; another visitor's id has no effect.
    let own = robbed
        .page("/demo")
        .await
        .1
        .attributes("#log a[href*='/demo/log/']", "href");
    assert!(!own.is_empty(), "no entry can be chosen");
    for path in own {
        let peeked = stranger.client.open(&path).await;
        assert!(peeked.status == 404 || peeked.status == 200, "{peeked:?}");
        assert_no_loot_of_another(&Screen::of(&peeked.text), &session);
    }

    for guess in guesses(mine) {
        let burglar: CookieClient = running.cookie_client();
        burglar.plant_cookie(&format!("rescind_visitor={guess}; Path=/"));
        let reply = burglar.open("/demo").await;
        assert_no_loot_of_another(&Screen::of(&reply.text), &session);
        burglar.post("/demo/thief/try", &[]).await;
        assert_no_loot_of_another(&Screen::of(&burglar.open("/demo").await.text), &session);
    }
    // Nor a cookie of another name, or of none.
    let (named, value) = (
        rescind_testkit::cookie_name(running.base_url(), "rescind_visitor"),
        mine,
    );
    for cookie in [format!("__Host-{named}={value}"), format!("{named}="), named.clone()] {
        let request = robbed.api.request("GET", "/demo").header("cookie", cookie);
        assert_no_loot_of_another(&Screen::of(&robbed.api.send(request).await.text), &session);
    }
    let beside = format!("other=1; {named}={value}");
    let request = robbed.api.request("GET", "/demo").header("cookie", beside);
    Screen::of(&robbed.api.send(request).await.text).assert_accepted(Door::Blacklist);
    // The owner was not affected.
    robbed.screen().await.assert_accepted(Door::Blacklist);
}

#[tokio::test]
async fn over_https_the_visitors_cookie_is_this_hosts_alone() {
    let program = program().env("RESCIND_PUBLIC_URL", "https://rescind.example");
    let running = open(program.env("RESCIND_DEMO", "public")).await;
    let api = running.api_client();
    let page = api.send(api.request("GET", "/demo")).await.expect_status(200);
    let cookie = page.header("set-cookie");
    assert!(cookie.starts_with("__Host-rescind_visitor="), "{cookie}");
    for attribute in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.split("; ").any(|set| set == attribute), "{attribute}: {cookie}");
    }
}

/// The attempts of an attacker who has seen one cookie, or none.
fn guesses(mine: &str) -> Vec<String> {
    let (head, last) = mine.split_at(mine.len() - 1);
    let (first, tail) = mine.split_at(1);
    let swapped = |c: &str| if c == "A" { "B" } else { "A" };
    vec![
        format!("{head}{}", swapped(last)),
        format!("{}{tail}", swapped(first)),
        head.to_owned(),
        format!("{mine}A"),
        mine.to_lowercase(),
        mine.to_uppercase(),
        "0".to_owned(),
        "1".to_owned(),
        "*".to_owned(),
        "x".repeat(3_000),
    ]
    .into_iter()
    .filter(|guess| guess != mine)
    .collect()
}

#[track_caller]
fn assert_no_loot_of_another(screen: &Screen, session: &str) {
    if screen.has(Door::Blacklist.selector()) {
        assert_no_robbery(screen);
    }
    let words = screen.words("body");
    assert!(
        !words.contains(session) && !words.contains("eyJ") && !words.contains("/demo/rob 303"),
        "{screen:?}"
    );
}

#[tokio::test]
async fn what_changes_something_cannot_be_asked_for_by_a_link_or_from_another_site() {
    let running = open(program()).await;
    let visitor = Visitor::be_robbed(&running).await;
    let elsewhere = visitor
        .client
        .with_provenance(Provenance::OtherOrigin("http://elsewhere.example".to_owned()));
    for path in POSTS {
        let asked = visitor.client.open(path).await;
        assert_eq!(
            (asked.status, asked.header("allow").contains("POST")),
            (405, true),
            "GET {path}: {asked:?}"
        );
        let sent = elsewhere.post(path, &[]).await;
        assert_eq!(sent.status, 403, "POST {path} from elsewhere: {sent:?}");
    }
    // Neither robbed again, nor logged out, nor forgotten.
    assert_eq!(visitor.name().await.as_deref(), Some("alice"));
    visitor.screen().await.assert_accepted(Door::Blacklist);
}
