//! Buttons that copy: there with scripts only, and what they did is said.

use rescind_testkit::JavaScript;
use thirtyfour::By;

use crate::person::arrive;

const UNFOLD: &str = "document.querySelectorAll('details').forEach((part) => { part.open = true; })";

#[tokio::test]
async fn a_command_is_copied_by_a_button_that_says_so() {
    let Some((_running, browser)) = arrive(JavaScript::On).await else {
        return;
    };
    browser.open("/learn/blacklist").await;
    browser.driver().execute(UNFOLD, Vec::new()).await.unwrap();
    browser.press_in_place("Copy").await;
    browser.wait_for_text("Copied").await;
    let told = browser.driver().find(By::Css("footer [role=status]")).await.unwrap();
    assert_eq!(told.prop("textContent").await.unwrap().unwrap(), "Copied");
    let button = browser.driver().find(By::Css("[data-copy]")).await.unwrap();
    // It can be pressed again.
    browser.wait_for_text("Copy").await;
    assert!(button.is_displayed().await.unwrap());
    let said = browser.console().await;
    assert!(said.is_empty(), "{said:?}");
}

#[tokio::test]
async fn without_scripts_no_button_promises_to_copy() {
    let Some((_running, browser)) = arrive(JavaScript::Off).await else {
        return;
    };
    browser.open("/learn/blacklist").await;
    browser.driver().execute(UNFOLD, Vec::new()).await.unwrap();
    let button = browser.driver().find(By::Css("[data-copy]")).await.unwrap();
    assert!(!button.is_displayed().await.unwrap());
}
