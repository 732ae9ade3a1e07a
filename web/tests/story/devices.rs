//! The names of devices, as the account page lists them.

use reqwest::Client;
use scraper::{Html, Selector};
use serde_json::json;

use crate::stage::Stage;

const CAROL: (&str, &str) = ("carol", "long enough for anybody");

/// The name of a device that logs in with this `User-Agent`.
async fn listed(stage: &Stage, user_agent: Option<&str>) -> String {
    let login = Client::new().post(format!("{}/api/login", stage.running.base_url()));
    let login = match user_agent {
        Some(user_agent) => login.header("User-Agent", user_agent),
        None => login,
    };
    let login = login.json(&json!({"username": CAROL.0, "password": CAROL.1}));
    assert_eq!(login.send().await.unwrap().status(), 200);
    let visitor = stage.running.cookie_client();
    visitor.log_in(CAROL.0, CAROL.1).await.expect_status(303);
    let page = visitor.open("/account").await.expect_status(200).text;
    visitor.log_out().await.expect_status(303);
    // First the browser itself, then the device that was seen last.
    let name = Selector::parse(".devices > li:not(.current) h3").unwrap();
    let names = Html::parse_document(&page);
    names.select(&name).next().unwrap().text().collect()
}

#[tokio::test]
async fn user_agents_become_words() {
    let stage = Stage::open().await;
    stage.api.sign_up(CAROL.0, CAROL.1).await.expect_status(201);
    let linux = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)";
    let mac = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)";
    let phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)";
    for (user_agent, words) in [
        (format!("{linux} Chrome/130.0.0.0 Safari/537.36"), "Chrome on Linux"),
        (
            format!("{linux} HeadlessChrome/130.0.0.0 Safari/537.36"),
            "Chrome on Linux",
        ),
        (format!("{mac} Version/17.5 Safari/605.1.15"), "Safari on macOS"),
        (
            format!("{phone} Version/17.5 Mobile/15E148 Safari/604.1"),
            "Safari on iPhone",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0".to_owned(),
            "Firefox on Windows",
        ),
        ("curl/8.5.0".to_owned(), "curl"),
        ("rescind-testkit (cookies)".to_owned(), "rescind-testkit"),
        (String::new(), "A program that gives no name"),
        // A made-up name is cut.
        ("x".repeat(256), "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
    ] {
        assert_eq!(listed(&stage, Some(&user_agent)).await, words, "{user_agent}");
    }
    assert_eq!(listed(&stage, None).await, "A program that gives no name");
}
