//! With JavaScript the pages behave the same, and do not violate their own content security policy.

use rescind_testkit::JavaScript;

use crate::person::{BRIEF, Person};

#[tokio::test]
async fn with_javascript_the_story_is_the_same_and_the_console_stays_empty() {
    let Some(person) = Person::arrive(BRIEF, JavaScript::On).await else {
        return;
    };
    let browser = &person.browser;
    for page in ["/", "/signup", "/login"] {
        browser.open(page).await;
    }
    person.log_in_as_alice().await;
    let session = person.shown_session().await;
    person.let_the_access_token_run_out().await;
    browser.reload().await;
    person.assert_on_account_of("alice").await;
    assert_eq!(person.shown_session().await, session);
    person.log_out_of_account().await;
    let said = browser.console().await;
    assert!(said.is_empty(), "{said:#?}");

    // The policy is in force, and the console would show a violation.
    let inline = "const s = document.createElement('script'); s.textContent = 'document.title = \"owned\"'; document.body.append(s);";
    browser.driver().execute(inline, Vec::new()).await.unwrap();
    assert_ne!(browser.title().await, "owned");
    let said = browser.console().await;
    assert!(
        said.iter()
            .any(|entry| entry.message.contains("Content Security Policy")),
        "{said:#?}"
    );
}
