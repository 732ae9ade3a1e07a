//! A Redis that does not answer: the page reports it, no token is accepted, and it goes on when Redis is back.

use rescind_testkit::{JavaScript, RedisServer, Tool, needs};

use crate::{
    screen::{Door, Screen},
    visitor::{Visitor, open, program},
};

/// So short that the 503 comes soon; not so short that a busy machine causes one.
const STORE_TIMEOUT: &str = "2s";

#[tokio::test(flavor = "multi_thread")]
async fn with_the_blacklist_down_the_asking_door_stays_shut_and_the_screen_says_why() {
    let Some(_) = needs(Tool::Redis) else { return };
    let redis = RedisServer::start().await;
    let asks_redis = program().env("REDIS_URL", redis.url());
    let running = open(asks_redis.env("RESCIND_STORE_TIMEOUT", STORE_TIMEOUT)).await;
    let visitor = Visitor::be_robbed(&running).await;
    let screen = visitor.screen().await;
    assert!(!screen.has("#store-down"), "{screen:?}");
    let stores = "Sessions: SQLite; blacklist: Redis, shared by every node";
    assert!(screen.words("footer").contains(stores), "{screen:?}");
    assert!(screen.words("#log").contains("blacklist 1 read in Redis"), "{screen:?}");

    redis.pause();
    let screen = visitor.press("/demo/thief/try").await;
    let shut = screen.verdict(Door::Blacklist);
    assert!(shut.contains("503") && !shut.contains("200"), "{shut}");
    assert!(screen.door(Door::Blacklist).contains("not let in"), "{screen:?}");
    screen.assert_accepted(Door::SignatureOnly);
    let said = screen.words("#store-down");
    assert!(said.contains("A store does not answer"), "{screen:?}");

    redis.resume();
    running.ready().await.unwrap();
    let screen = visitor.press("/demo/thief/try").await;
    screen.assert_accepted(Door::Blacklist);
    assert!(!screen.has("#store-down"), "{screen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_page_shows_when_to_go_on_and_does_not_move_by_itself() {
    let (Some(_), Some(_)) = (needs(Tool::Redis), needs(Tool::Chromium)) else {
        return;
    };
    let redis = RedisServer::start().await;
    let asks_redis = program().env("REDIS_URL", redis.url());
    let running = open(asks_redis.env("RESCIND_STORE_TIMEOUT", STORE_TIMEOUT)).await;
    let browser = running.browser(JavaScript::On).await;
    browser.open("/").await;
    browser.press("Log in as alice, and be robbed").await;

    redis.pause();
    browser.open("/account").await;
    let page = browser.text().await;
    assert!(
        page.contains("Not just now") && !page.contains("It answers again"),
        "{page}"
    );
    for inside in ["panicked", "src/", "redis://", "Connection refused"] {
        assert!(!page.contains(inside), "{page}");
    }

    redis.resume();
    browser.wait_for_text("It answers again").await;
    assert_eq!(browser.path().await, "/account", "nobody asked it to go anywhere");
    assert!(browser.text().await.contains("Not just now"), "it went by itself");
    browser.follow("Go on").await;
    browser.wait_for_text("Your devices").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_button_of_the_demo_that_fails_leads_back_to_the_demo() {
    let Some(_) = needs(Tool::Redis) else { return };
    let redis = RedisServer::start().await;
    let asks_redis = program().env("REDIS_URL", redis.url());
    let running = open(asks_redis.env("RESCIND_STORE_TIMEOUT", STORE_TIMEOUT)).await;
    let visitor = Visitor::be_robbed(&running).await;
    redis.pause();
    let request = visitor.client.request("POST", "/demo/log-out");
    let reply = visitor.client.send(request.header("Accept", "text/html")).await;
    let page = Screen::of(&reply.expect_status(503).text);
    assert!(page.ways_out().contains(&"/demo".to_owned()), "{page:?}");

    // The row is closed, but the blacklist did not take the session, and the cookies stay.
    let stage = visitor.screen().await;
    assert!(stage.words("h1").contains("Your logout is not confirmed"), "{stage:?}");
    assert_eq!(stage.attributes("form.next", "action"), ["/demo/log-out"]);
    let changed = stage.all_words(".kept .changed");
    assert!(
        changed.len() == 1 && changed[0].contains("session closed"),
        "{changed:?}"
    );

    redis.resume();
    running.ready().await.unwrap();
    let out = visitor.press("/demo/log-out").await;
    assert!(out.words("h1").contains("You logged out"), "{out:?}");
    visitor
        .press("/demo/thief/try")
        .await
        .assert_refused(Door::Blacklist, "token_revoked");
}
