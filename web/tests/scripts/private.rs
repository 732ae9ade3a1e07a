//! No private page stays on the screen of a browser that was logged out.

use thirtyfour::By;

use crate::person::{LONG, Person, until};

async fn log_out(person: &Person) {
    let button = By::Css("header form[action='/logout'] button");
    person
        .browser
        .driver()
        .find(button)
        .await
        .unwrap()
        .click()
        .await
        .unwrap();
    person.browser.wait_for_text("You are logged out.").await;
}

#[tokio::test]
async fn a_logout_in_one_tab_empties_the_other() {
    let Some(person) = Person::arrive(LONG).await else {
        return;
    };
    person.log_in_as("alice").await;
    let first = person.browser.tab().await;
    person.open_account_in_another_window().await;
    log_out(&person).await;
    person.browser.switch_to(&first).await;
    until("the login", async || person.browser.path().await.starts_with("/login")).await;
    let text = person.browser.text().await;
    assert!(!text.contains("Your devices"), "{text}");
    person.assert_policy_kept().await;
}

#[tokio::test]
async fn a_login_as_another_user_in_one_tab_shows_in_the_other() {
    let Some(person) = Person::arrive(LONG).await else {
        return;
    };
    person.log_in_as("alice").await;
    let first = person.browser.tab().await;
    person.open_account_in_another_window().await;
    person.log_in_as("bob").await;
    person.browser.switch_to(&first).await;
    until("bob", async || person.browser.title().await.contains("bob")).await;
    person.assert_on_account_of("bob").await;
}

#[tokio::test]
async fn a_tab_that_is_opened_beside_leaves_the_others_alone() {
    let Some(person) = Person::arrive(LONG).await else {
        return;
    };
    person.log_in_as("alice").await;
    let first = person.browser.tab().await;
    person.evaluate("window.still = 'here'").await;
    person.open_account_in_another_window().await;
    // A page without a login: the other tabs check, and stay.
    let looked = person.wire.count("GET /session ");
    person.browser.open("/no-such-page").await;
    until("a look", async || person.wire.count("GET /session ") > looked).await;
    person.browser.switch_to(&first).await;
    assert_eq!(person.evaluate("return window.still").await, "here");
    person.assert_on_account_of("alice").await;
}

#[tokio::test]
async fn a_page_from_the_browsers_memory_is_not_shown_after_a_logout() {
    let Some(person) = Person::arrive(LONG).await else {
        return;
    };
    person.log_in_as("alice").await;
    let first = person.browser.tab().await;
    person.browser.open("/").await;
    let second = person.browser.driver().new_window().await.unwrap();
    person.browser.switch_to(&second).await;
    person.browser.open("/account").await;
    log_out(&person).await;
    person.browser.switch_to(&first).await;
    person.browser.back().await;
    until("the login", async || person.browser.path().await.starts_with("/login")).await;
    let text = person.browser.text().await;
    assert!(!text.contains("Your devices"), "{text}");
}
