//! Logging in.

use rescind_testkit::JavaScript;

use crate::person::{DEMO_PASSWORD, LONG, Person};

#[tokio::test]
async fn a_new_person_signs_up_and_is_logged_in() {
    let Some(person) = Person::arrive(LONG, JavaScript::Off).await else {
        return;
    };
    let browser = &person.browser;
    browser.open("/signup").await;
    browser.fill("Username", "carol").await;
    browser.fill("Password", "2 short").await;
    browser.press("Sign up").await;
    browser.wait_for_text("Password must be").await;
    browser.fill("Password", "long enough for anybody").await;
    browser.press("Sign up").await;
    person.assert_on_account_of("carol").await;
    let me = person.api.me(&person.access_token().await).await.expect_status(200);
    assert_eq!(me.body["username"], "carol");

    // And a later login.
    person.log_out_of_account().await;
    person.log_in("carol", "long enough for anybody").await;
    person.assert_on_account_of("carol").await;
}

#[tokio::test]
async fn a_wrong_password_is_reported_beside_the_form_and_the_name_is_kept() {
    let Some(person) = Person::arrive(LONG, JavaScript::Off).await else {
        return;
    };
    let browser = &person.browser;
    person.log_in("alice", "not her password").await;
    browser.wait_for_text("The username or the password is wrong.").await;
    person.assert_holds_no_token().await;
    let source = browser.driver().source().await.unwrap();
    assert!(source.contains(r#"value="alice""#), "the name has to be typed again");
    assert!(!source.contains("not her password"), "a password came back in a page");
    browser.fill("Password", DEMO_PASSWORD).await;
    browser.press("Log in").await;
    person.assert_on_account_of("alice").await;
}

#[tokio::test]
async fn after_the_login_the_browser_returns_to_the_private_page_it_asked_for() {
    let Some(person) = Person::arrive(LONG, JavaScript::Off).await else {
        return;
    };
    person.browser.open("/account?from=a%20bookmark").await;
    assert!(
        person.browser.path().await.starts_with("/login?next="),
        "{}",
        person.browser.path().await
    );
    person.type_and_send("alice", DEMO_PASSWORD).await;
    person.browser.wait_for_text("Your devices").await;
    assert_eq!(person.browser.path().await, "/account?from=a%20bookmark");

    person.log_out_of_account().await;
    person.browser.open("/login?next=https://elsewhere.example/").await;
    person.type_and_send("alice", DEMO_PASSWORD).await;
    person.assert_on_account_of("alice").await;
}

#[tokio::test]
async fn one_click_logs_in_as_a_demo_account() {
    let Some(person) = Person::arrive(LONG, JavaScript::Off).await else {
        return;
    };
    person.browser.open("/login").await;
    person.browser.press("Log in as bob").await;
    person.assert_on_account_of("bob").await;
}

#[tokio::test]
async fn a_login_replaces_the_browsers_earlier_login() {
    let Some(person) = Person::arrive(LONG, JavaScript::Off).await else {
        return;
    };
    person.log_in_as_alice().await;
    let alices = person.access_token().await;
    person.browser.open("/login").await;
    person.browser.press("Log in as bob").await;
    person.assert_on_account_of("bob").await;
    person.api.me(&alices).await.expect_problem(401, "token_revoked");
}
