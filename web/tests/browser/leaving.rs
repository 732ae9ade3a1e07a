//! Logging out, on this device and on others.

use rescind_testkit::{ExposeSecret, JavaScript};

use crate::person::{DEMO_PASSWORD, LONG, Person};

/// Logs out on the open account page, goes back, and checks that its text is gone.
async fn log_out_and_go_back(person: &Person) {
    let browser = &person.browser;
    let token = person.access_token().await;
    let signature = token.expose_secret().rsplit('.').next().unwrap().to_owned();
    let session = person.shown_session().await;
    let source = browser.driver().source().await.unwrap();
    assert!(
        source.contains(&signature),
        "in the demo the page shows the token, or what follows proves nothing"
    );

    person.log_out_of_account().await;
    person.api.me(&token).await.expect_problem(401, "token_revoked");
    browser.back().await;
    let source = browser.driver().source().await.unwrap();
    let text = browser.text().await;
    assert!(
        !source.contains(&signature) && !source.contains(&session),
        "the private page came back:\n{text}"
    );
    assert!(!text.contains("Your devices") && !text.contains("Log out"), "{text}");
    assert!(browser.path().await.starts_with("/login"), "{}", browser.path().await);
}

#[tokio::test]
async fn after_a_logout_the_back_button_shows_no_private_page_and_the_token_is_refused() {
    let Some(person) = Person::arrive(LONG, JavaScript::Off).await else {
        return;
    };
    // Directly after the login: the browser's memory of that page is the hardest to reach. Then again, after an earlier
    // logout in this browser.
    for _ in 0..2 {
        person.log_in_as_alice().await;
        log_out_and_go_back(&person).await;
    }
    // And after visiting other pages.
    person.log_in_as_alice().await;
    person.browser.open("/").await;
    person.browser.follow("See your token").await;
    log_out_and_go_back(&person).await;
}

#[tokio::test]
async fn one_of_two_devices_is_logged_out_from_the_list() {
    let Some(person) = Person::arrive(LONG, JavaScript::Off).await else {
        return;
    };
    let browser = &person.browser;
    let elsewhere = person.carol_in_the_api().await;
    person.log_in_as_carol().await;
    let text = browser.text().await;
    assert!(text.contains("rescind-testkit") && text.contains("this one"), "{text}");

    browser.press_in_row("rescind-testkit", "Log out rescind-testkit").await;
    browser.wait_for_text("That device is logged out.").await;
    person
        .api
        .me(elsewhere.access())
        .await
        .expect_problem(401, "token_revoked");
    person
        .api
        .refresh(elsewhere.refresh())
        .await
        .expect_problem(401, "session_closed");
    let text = browser.text().await;
    assert!(!text.contains("rescind-testkit"), "{text}");
    browser.open("/account").await;
    person.assert_on_account_of("carol").await;
}

#[tokio::test]
async fn logging_out_everywhere_ends_this_device_and_every_other() {
    let Some(person) = Person::arrive(LONG, JavaScript::Off).await else {
        return;
    };
    let browser = &person.browser;
    let elsewhere = person.carol_in_the_api().await;
    let bob = person.api.log_in("bob", DEMO_PASSWORD).await.tokens();
    person.log_in_as_carol().await;
    let here = person.access_token().await;
    browser.press("Log out everywhere").await;
    browser.wait_for_text("You are logged out.").await;
    person.assert_holds_no_token().await;
    person.api.me(&here).await.expect_problem(401, "token_revoked");
    person
        .api
        .me(elsewhere.access())
        .await
        .expect_problem(401, "token_revoked");
    person.api.me(bob.access()).await.expect_status(200);
}

#[tokio::test]
async fn a_browser_whose_session_was_ended_elsewhere_is_asked_to_log_in() {
    let Some(person) = Person::arrive(LONG, JavaScript::Off).await else {
        return;
    };
    let elsewhere = person.carol_in_the_api().await;
    person.log_in_as_carol().await;
    person
        .api
        .log_out_everywhere(elsewhere.access())
        .await
        .expect_status(204);
    person.browser.reload().await;
    assert!(
        person.browser.path().await.starts_with("/login"),
        "{}",
        person.browser.path().await
    );
    person.type_and_send("alice", DEMO_PASSWORD).await;
    person.assert_on_account_of("alice").await;
}
