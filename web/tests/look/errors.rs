//! Errors are pages too: in the same design, with a remedy, and without internal details.

use std::fs::File;

use rescind_testkit::{CookieClient, ExposeSecret, Provenance, Reply, Running};
use rustix::fs::{FlockOperation, fcntl_lock};

use crate::person::{DEMO_PASSWORD, program, start};

/// Requests a page as a browser does.
async fn ask(visitor: &CookieClient, method: &str, path: &str, fields: &[(&str, &str)]) -> Reply {
    let request = visitor.request(method, path).header("Accept", "text/html,*/*;q=0.8");
    visitor
        .send(if fields.is_empty() {
            request
        } else {
            request.form(fields)
        })
        .await
}

/// It is one of our pages, contains `told`, and has the chosen theme.
#[track_caller]
fn is_a_page(reply: &Reply, status: u16, told: &str) {
    assert_eq!(reply.status, status, "{reply:?}");
    assert_eq!(reply.header("content-type"), "text/html; charset=utf-8");
    for part in [told, "<h1>", r#"data-theme="dark""#, "Policy in force", "<main"] {
        assert!(reply.text.contains(part), "{status} lacks {part:?}: {}", reply.text);
    }
    // The foot of every demo page names the stores; an error's details must not be shown.
    let (page, _) = reply.text.split_once("<footer").unwrap();
    for inside in ["sqlx", "SQL", "rs:", "panicked", "{\""] {
        assert!(!page.contains(inside), "{status} tells {inside:?}: {}", reply.text);
    }
}

async fn visitor_of(running: &Running) -> CookieClient {
    let visitor = running.cookie_client();
    visitor.plant_cookie("rescind_theme=dark; Path=/");
    visitor
}

#[tokio::test]
async fn every_error_is_a_page_that_helps() {
    let running = start(program().env("RESCIND_LOGIN_LIMIT", "1/hour")).await;
    let visitor = visitor_of(&running).await;
    is_a_page(
        &ask(&visitor, "GET", "/nothing", &[]).await,
        404,
        "There is nothing here",
    );
    is_a_page(&ask(&visitor, "GET", "/logout", &[]).await, 405, "Not this way");
    is_a_page(
        &ask(&visitor, "POST", "/theme", &[("theme", "pink")]).await,
        400,
        "That cannot be read",
    );
    let long = "x".repeat(100_000);
    is_a_page(
        &ask(&visitor, "POST", "/login", &[("username", &long)]).await,
        413,
        "That is too much",
    );
    let elsewhere = visitor.with_provenance(Provenance::OtherOrigin("https://elsewhere.example".to_owned()));
    is_a_page(
        &ask(&elsewhere, "POST", "/login", &[("username", "alice")]).await,
        403,
        "That came from elsewhere",
    );
    let wrong = [("username", "alice"), ("password", "a guess")];
    ask(&visitor, "POST", "/login", &wrong).await.expect_status(401);
    let limited = ask(&visitor, "POST", "/login", &wrong).await;
    is_a_page(&limited, 429, "Try again in");
    assert!(!limited.header("retry-after").is_empty());
}

#[tokio::test]
async fn contradicting_cookies_get_another_page_than_being_logged_out() {
    let running = start(program()).await;
    let (one, two) = (visitor_of(&running).await, running.cookie_client());
    for visitor in [&one, &two] {
        visitor.log_in("alice", DEMO_PASSWORD).await.expect_status(303);
    }
    let others = two.cookie("rescind_refresh").unwrap();
    one.plant_cookie(&format!("rescind_refresh={}; Path=/", others.expose_secret()));
    let reply = ask(&one, "GET", "/account", &[]).await;
    is_a_page(&reply, 400, "These cookies contradict each other");
}

/// Keeps writers out of the database until it is dropped, as an open write transaction of another process does: a lock on
/// the WAL index (sqlite.org/walformat.html, section 2.3.1).
fn hold_the_database(running: &Running) -> File {
    let index = File::open(running.data_dir().join("rescind.db-shm")).unwrap();
    fcntl_lock(&index, FlockOperation::LockShared).unwrap();
    index
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_store_down_a_page_is_refused_and_offers_to_try_again() {
    let brief = program().env("RESCIND_ACCESS_TTL", "5s");
    let running = start(brief.env("RESCIND_STORE_TIMEOUT", "3s")).await;
    let visitor = visitor_of(&running).await;
    visitor.log_in("alice", DEMO_PASSWORD).await.expect_status(303);
    let token = visitor.cookie("rescind_access").unwrap();
    running.api_client().until_expired(&token).await;

    let held = hold_the_database(&running);
    let to_refresh = ask(&visitor, "GET", "/account", &[]).await.expect_status(303);
    let page = ask(&visitor, "GET", to_refresh.header("location"), &[]).await;
    is_a_page(&page, 503, "Not just now");
    assert!(page.text.contains(r#"href="/account">Try again</a>"#), "{}", page.text);
    assert!(!page.header("retry-after").is_empty());
    let form = [("username", "alice"), ("password", DEMO_PASSWORD)];
    let page = ask(&visitor, "POST", "/login", &form).await;
    is_a_page(&page, 503, "Not just now");
    assert!(
        !page.text.contains("Try again</a>"),
        "a link does not send a form: {}",
        page.text
    );

    drop(held);
    ask(&visitor, "GET", to_refresh.header("location"), &[])
        .await
        .expect_status(303);
}
