//! The access token expires, and the person need not notice.

use rescind_testkit::{Browser, JavaScript};
use serde_json::json;
use thirtyfour::WindowHandle;

use crate::person::{BRIEF, Person};

#[tokio::test]
async fn a_page_with_an_expired_access_token_renews_it_and_then_logs_out() {
    let Some(person) = Person::arrive(BRIEF, JavaScript::Off).await else {
        return;
    };
    let browser = &person.browser;
    browser.open("/signup").await;
    browser.fill("Username", "carol").await;
    browser.fill("Password", "long enough for anybody").await;
    browser.press("Sign up").await;
    person.assert_on_account_of("carol").await;
    let (mut generation, session) = (person.shown_generation().await, person.shown_session().await);

    for _ in 0..2 {
        let expired = person.access_token().await;
        person.let_the_access_token_run_out().await;
        browser.reload().await;
        person.assert_on_account_of("carol").await;
        let grown = person.shown_generation().await;
        assert!(
            grown > generation,
            "the page shows generation {grown} after {generation}"
        );
        generation = grown;
        assert_eq!(
            person.shown_session().await,
            session,
            "that was a new login, not a renewal"
        );
        person.api.me(&expired).await.expect_problem(401, "token_expired");
    }

    person.let_the_access_token_run_out().await;
    browser.open("/").await;
    browser.wait_for_text("You are logged in as carol").await;
    // A logout with an expired token works.
    browser.open("/account").await;
    person.let_the_access_token_run_out().await;
    person.log_out_of_account().await;
}

/// A link on another site, such as a mail's, when the access token has expired: the request has the cookies (`SameSite=Lax`),
/// and must not rotate before it is repeated here.
#[tokio::test]
async fn a_link_from_another_site_renews_an_expired_access_token() {
    let Some(person) = Person::arrive(BRIEF, JavaScript::Off).await else {
        return;
    };
    let browser = &person.browser;
    person.log_in_as_alice().await;
    let before = person.shown_generation().await;
    person.let_the_access_token_run_out().await;
    let account = person.running.url("/account");
    let elsewhere = account.replace("127.0.0.1", "localhost").replace("/account", "/login");
    browser.driver().goto(&elsewhere).await.unwrap();
    let follow = format!("location.assign('{account}')");
    browser.driver().execute(follow, Vec::new()).await.unwrap();
    person.assert_on_account_of("alice").await;
    assert!(person.shown_generation().await > before);
}

/// Opens a page in two tabs, neither of which waits for the other.
async fn open_in_two_tabs(browser: &Browser, url: &str) -> Vec<WindowHandle> {
    let driver = browser.driver();
    let before = driver.windows().await.unwrap();
    let open = || async {
        driver
            .cdp()
            .send_raw("Target.createTarget", json!({"url": url}))
            .await
            .unwrap()
    };
    tokio::join!(open(), open());
    let mut tabs = driver.windows().await.unwrap();
    tabs.retain(|tab| !before.contains(tab));
    assert_eq!(tabs.len(), 2);
    tabs
}

#[tokio::test]
async fn two_tabs_opened_at_once_after_expiry_are_both_logged_in() {
    let Some(person) = Person::arrive(BRIEF, JavaScript::Off).await else {
        return;
    };
    let browser = &person.browser;
    person.log_in_as_alice().await;
    let (generation, session) = (person.shown_generation().await, person.shown_session().await);
    person.let_the_access_token_run_out().await;

    let tabs = open_in_two_tabs(browser, &person.running.url("/account")).await;
    for tab in &tabs {
        browser.switch_to(tab).await;
        person.assert_on_account_of("alice").await;
        assert_eq!(
            person.shown_session().await,
            session,
            "that was a new login, not a renewal"
        );
        assert!(person.shown_generation().await > generation);
    }
    // Neither tab logged the other out: both go on, now and after the next renewal.
    person.let_the_access_token_run_out().await;
    for tab in &tabs {
        browser.switch_to(tab).await;
        browser.reload().await;
        person.assert_on_account_of("alice").await;
    }
}

#[tokio::test]
async fn a_button_pressed_after_expiry_explains_itself_and_works_the_second_time() {
    let Some(person) = Person::arrive(BRIEF, JavaScript::Off).await else {
        return;
    };
    let browser = &person.browser;
    // Of alice each browser has its own.
    let _ = person.carol_in_the_api().await;
    person.log_in_as_carol().await;
    let session = person.shown_session().await;
    person.let_the_access_token_run_out().await;
    browser.press("Log out everywhere").await;
    browser.wait_for_text("Renewed: press again").await;
    let elsewhere = person.carol_in_the_api().await;
    let open = person.api.sessions(elsewhere.access()).await.expect_status(200);
    assert!(open.text.contains(&session), "it was done, against what the page says");

    let token = person.access_token().await;
    for _ in 0..5 {
        browser.press("Log out everywhere").await;
        // On a busy machine that may be too late again, and the page shows it again.
        if !browser.text().await.contains("Renewed: press again") {
            break;
        }
    }
    browser.wait_for_text("You are logged out.").await;
    person.assert_holds_no_token().await;
    let refused = person.api.me(&token).await;
    assert!(
        matches!(refused.code(), "token_revoked" | "token_expired"),
        "{refused:?}"
    );
}
