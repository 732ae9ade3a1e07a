//! Each visitor has an alice of their own: on the account page, behind "log out everywhere", and when they leave.

use std::time::Duration;

use rescind_testkit::{Browser, ExposeSecret, JavaScript, RedisServer, Running, Tool, needs};
use thirtyfour::By;
use tokio::time::{Instant, sleep};

use crate::{
    screen::{Door, Screen},
    visitor::{DEMO_PASSWORD, Visitor, open, program},
};

/// Longer than a machine that compiles beside the test needs.
const PATIENCE: Duration = Duration::from_secs(120);

/// The stored names, as the command lists them beside the running node.
async fn stored(running: &Running) -> Vec<String> {
    let list = program().env("RESCIND_DATA_DIR", running.data_dir());
    let listed = list.arg("users").arg("list").run_to_exit().await.unwrap();
    let names = listed.stdout.lines().filter_map(|line| line.split_whitespace().last());
    names.map(str::to_owned).collect()
}

/// The stored names of alice's copies.
async fn copies(running: &Running) -> Vec<String> {
    let mut names = stored(running).await;
    names.retain(|name| name.starts_with("alice~"));
    names
}

async fn devices(visitor: &Visitor) -> usize {
    let (_, account) = visitor.page("/account").await;
    assert!(account.words("main").contains("alice"), "{account:?}");
    assert!(!account.words("body").contains('~'), "{account:?}");
    account.all_words(".devices > li").len()
}

#[tokio::test]
async fn two_visitors_see_and_end_only_their_own_sessions() {
    let running = open(program()).await;
    let (one, other) = (Visitor::be_robbed(&running).await, Visitor::be_robbed(&running).await);
    for visitor in [&one, &other] {
        assert_eq!(visitor.name().await.as_deref(), Some("alice"));
        assert_eq!(devices(visitor).await, 1);
        let screen = visitor.screen().await;
        screen.assert_accepted(Door::Blacklist);
        assert!(screen.words("body").contains("flower pot"), "{screen:?}");
        assert!(!screen.words("body").contains('~'), "{screen:?}");
    }
    assert_eq!(copies(&running).await.len(), 2);

    one.client.post("/logout-everywhere", &[]).await.expect_status(303);
    assert_eq!(one.name().await, None);
    assert_eq!(other.name().await.as_deref(), Some("alice"));
    other.press("/demo/thief/try").await.assert_accepted(Door::Blacklist);
}

#[tokio::test]
async fn the_login_page_leads_to_the_same_alice_and_the_api_to_everybodys() {
    let running = open(program()).await;
    let visitor = Visitor::arrive(&running).await;
    visitor.client.log_in("Alice", DEMO_PASSWORD).await.expect_status(303);
    assert_eq!(visitor.name().await.as_deref(), Some("alice"));
    visitor.press("/demo/rob").await;
    assert_eq!(copies(&running).await.len(), 1);

    // In the terminal it is plain alice, whose sessions are others.
    let terminal = visitor
        .api
        .log_in("alice", DEMO_PASSWORD)
        .await
        .expect_status(200)
        .tokens();
    assert_eq!(visitor.api.me(terminal.access()).await.body["username"], "alice");
    assert_eq!(devices(&visitor).await, 1);
    visitor
        .api
        .log_out_everywhere(terminal.access())
        .await
        .expect_status(204);
    assert_eq!(visitor.name().await.as_deref(), Some("alice"));

    // With another password than the public one it is a guess like any other.
    visitor
        .client
        .log_in("alice", "not her password")
        .await
        .expect_status(401);
}

#[tokio::test]
async fn no_typed_name_is_that_of_a_copy() {
    let running = open(program().env("RESCIND_LOGIN_LIMIT", "off")).await;
    let visitor = Visitor::be_robbed(&running).await;
    let copy = copies(&running).await.pop().unwrap();
    let (wide, capital) = (copy.replace('~', "\u{ff5e}"), copy.to_uppercase());
    for name in [copy.as_str(), &wide, &capital] {
        let refused = visitor.api.log_in(name, DEMO_PASSWORD).await;
        refused.expect_problem(401, "invalid_credentials");
        let stranger = running.cookie_client();
        stranger.log_in(name, DEMO_PASSWORD).await.expect_status(401);
        let refused = visitor.api.sign_up(name, "long enough for anybody").await;
        refused.expect_problem(422, "invalid_input");
    }
    // Other names may have the character.
    visitor
        .api
        .sign_up("alice~x", "long enough for anybody")
        .await
        .expect_status(201);
    visitor
        .api
        .log_in("alice~x", "long enough for anybody")
        .await
        .expect_status(200);
    assert_eq!(visitor.name().await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn the_button_says_before_the_click_whose_login_it_ends() {
    let running = open(program()).await;
    let visitor = Visitor::arrive(&running).await;
    assert!(!visitor.screen().await.has("#warning"));
    let password = "long enough for anybody";
    visitor.api.sign_up("carol", password).await.expect_status(201);
    visitor.client.log_in("carol", password).await.expect_status(303);
    for page in ["/demo", "/"] {
        let (_, page) = visitor.page(page).await;
        assert!(page.words("main").contains("ends carol’s login"), "{page:?}");
    }
    visitor.press("/demo/rob").await;
    visitor.press("/demo/log-out").await;
    let done = visitor.press("/demo/thief/try").await;
    assert!(!done.has("#warning"), "{done:?}");
}

/// After a robbery another login may follow. What the page says of you is then about that one.
#[tokio::test]
async fn the_page_says_of_another_login_what_is_true_of_it_and_has_its_logout() {
    let running = open(program()).await;
    let visitor = Visitor::be_robbed(&running).await;
    let logouts = |screen: &Screen| {
        let forms = screen.attributes("form", "action");
        let logouts = forms
            .into_iter()
            .filter(|to| to.ends_with("log-out") || to == "/logout");
        logouts.collect::<Vec<_>>()
    };
    assert_eq!(logouts(&visitor.screen().await), ["/demo/log-out"]);
    visitor.press("/demo/log-out").await;
    visitor.client.log_in("bob", DEMO_PASSWORD).await.expect_status(303);
    let screen = visitor.screen().await;
    assert!(!screen.words("#told").contains("You are logged out"), "{screen:?}");
    assert_eq!(screen.words("#you .state"), "Logged in as bob.");
    assert_eq!(screen.all_words("#you .chip").len(), 1, "only bob’s: {screen:?}");
    assert_eq!(logouts(&screen), ["/logout"]);

    let visitor = Visitor::be_robbed(&running).await;
    visitor.press("/demo/thief/steal-refresh").await;
    assert_eq!(logouts(&visitor.screen().await).len(), 1);
    let forgotten = visitor.press("/demo/forget").await;
    assert_eq!(forgotten.words("#you .state"), "Logged in as alice.");
    assert_eq!(logouts(&forgotten), ["/logout"]);
}

/// The copies of visitors who are forgotten are deleted: here because there are too many visitors.
#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_visitors_account_is_deleted_after_its_sessions_were_ended() {
    let running = open(program()).await;
    let gone = Visitor::be_robbed(&running).await;
    let tokens = gone.access();
    crate::bounds::crowd(&running, 1_200, true).await;
    let here = Visitor::be_robbed(&running).await;
    let began = Instant::now();
    while copies(&running).await.len() > 1 {
        assert!(began.elapsed() < PATIENCE, "{:?}", stored(&running).await);
        sleep(Duration::from_millis(200)).await;
    }
    gone.api.me(&tokens).await.expect_problem(401, "token_revoked");
    assert_eq!(gone.name().await, None);
    assert_eq!(here.name().await.as_deref(), Some("alice"));
    // Who comes back begins again.
    gone.press("/demo/rob").await.assert_accepted(Door::Blacklist);
    assert_eq!(copies(&running).await.len(), 2);
}

/// Each node knows only its own visitors, and sees the accounts of all of them in the database.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_deletes_accounts_keeps_those_of_another_nodes_visitors() {
    if needs(Tool::Redis).is_none() {
        return;
    }
    let redis = RedisServer::start().await;
    let first = open(program().env("REDIS_URL", redis.url())).await;
    let here = Visitor::be_robbed(&first).await;
    let second = open(first.second_node()).await;
    let gone = Visitor::be_robbed(&second).await;
    crate::bounds::crowd(&second, 1_200, true).await;
    let began = Instant::now();
    while gone.name().await.is_some() {
        assert!(began.elapsed() < PATIENCE, "{:?}", stored(&first).await);
        sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(here.name().await.as_deref(), Some("alice"));
    here.press("/demo/thief/try").await.assert_accepted(Door::Blacklist);
}

#[tokio::test]
async fn with_the_demo_off_no_copy_is_left() {
    let running = open(program()).await;
    let visitor = Visitor::be_robbed(&running).await;
    let tokens = visitor.access();
    assert_eq!(copies(&running).await.len(), 1);
    let stopped = running.kill_9().await;
    let off = open(stopped.env("RESCIND_DEMO", "off")).await;
    off.api_client().me(&tokens).await.expect_problem(401, "token_revoked");
    let list = program()
        .env("RESCIND_DATA_DIR", off.data_dir())
        .env("RESCIND_DEMO", "off");
    let listed = list.arg("users").arg("list").run_to_exit().await.unwrap();
    assert!(!listed.stdout.contains('~'), "{}", listed.stdout);
}

/// The account page of a person in a browser.
async fn account(browser: &Browser) -> Screen {
    browser.open("/account").await;
    Screen::of(&browser.driver().source().await.unwrap())
}

async fn two_people(javascript: JavaScript) {
    if needs(Tool::Chromium).is_none() {
        return;
    }
    let running = open(program()).await;
    let (one, other) = (running.browser(javascript).await, running.browser(javascript).await);
    for person in [&one, &other] {
        person.open("/").await;
        let rob = person.driver().find(By::Css("form[action='/demo/rob'] button")).await;
        rob.unwrap().click().await.unwrap();
        person.wait_for_text("Logged in as alice").await;
        let account = account(person).await;
        assert_eq!(account.all_words(".devices > li").len(), 1, "{account:?}");
    }
    one.press("Log out everywhere").await;
    assert!(one.cookie("rescind_access").await.is_none());
    assert!(account(&other).await.words("main").contains("alice"));
    let cookie = other.cookie("rescind_access").await.unwrap();
    assert!(!cookie.expose_secret().is_empty());
}

#[tokio::test]
async fn two_people_in_browsers_have_an_alice_each() {
    two_people(JavaScript::On).await;
}

#[tokio::test]
async fn two_people_without_scripts_have_an_alice_each() {
    two_people(JavaScript::Off).await;
}
