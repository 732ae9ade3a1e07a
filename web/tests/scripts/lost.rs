//! Answers that do not come, or are no.

use crate::{
    person::{LONG, Person, RENEWAL, SHORT, until},
    wire::Fault,
};

const BUSY: Fault = Fault::Instead("503 Service Unavailable\r\nRetry-After: 1", "{}");
const REUSED: Fault = Fault::Instead(
    "401 Unauthorized\r\nContent-Type: application/problem+json",
    r#"{"code": "refresh_reused", "status": 401}"#,
);

/// How often the browser's session has been renewed, as the server has it.
async fn generation_in_the_database(person: &Person) -> u64 {
    let token = person.browser.cookie("rescind_access").await.unwrap();
    let sessions = person.api.sessions(&token).await.expect_status(200);
    let sessions = sessions.body.as_array().unwrap();
    let own = sessions.iter().find(|session| session["current"] == true).unwrap();
    own["generation"].as_u64().unwrap()
}

/// The program renews and its answer is lost. Asked again within the grace it gives the same successor; later it would
/// have to take the browser for a thief.
async fn a_lost_answer(fault: Fault) {
    let Some(person) = Person::arrive(SHORT).await else {
        return;
    };
    person.log_in_as("alice").await;
    person.listen().await;
    person.wire.fail(RENEWAL, fault, 1);
    person.until_generation(1).await;
    assert!(person.wire.count(RENEWAL) >= 2, "nothing was lost");
    assert_eq!(generation_in_the_database(&person).await, 1, "it was renewed twice");
    let heard = person.heard().await;
    assert!(heard.iter().all(|heard| heard["kind"] == "state"), "{heard:#?}");
    person.browser.reload().await;
    person.assert_on_account_of("alice").await;
    // And on it goes.
    person.until_generation(2).await;
}

#[tokio::test]
async fn an_answer_that_never_comes_is_asked_for_again_within_the_grace() {
    a_lost_answer(Fault::Silence).await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_asked_for_again_within_the_grace() {
    a_lost_answer(Fault::Cut).await;
}

#[tokio::test]
async fn a_server_that_cannot_just_now_is_asked_again_when_it_says() {
    let Some(person) = Person::arrive(SHORT).await else {
        return;
    };
    person.log_in_as("alice").await;
    person.listen().await;
    person.wire.fail(RENEWAL, BUSY, 1);
    person.until_generation(1).await;
    assert_eq!(person.wire.count(RENEWAL), 2);
    assert!(
        person.heard().await.iter().all(|heard| heard["kind"] == "state"),
        "503 was taken for a no"
    );
}

#[tokio::test]
async fn a_refusal_takes_nothing_away_and_leads_nowhere_before_the_person_says_so() {
    let Some(person) = Person::arrive(SHORT).await else {
        return;
    };
    person.log_in_as("alice").await;
    person.listen().await;
    person.wire.fail(RENEWAL, REUSED, 100);
    person.browser.wait_for_text("This login has ended.").await;
    // The page stands, and so do the cookies: another tab may have got new ones.
    person.assert_on_account_of("alice").await;
    for name in ["rescind_access", "rescind_refresh"] {
        assert!(person.browser.cookie(name).await.is_some(), "{name} was thrown away");
    }
    // It is asked once ahead of time and once at the end, and then no more.
    person.let_the_access_token_run_out().await;
    until("the second question", async || person.wire.count(RENEWAL) == 2).await;
    for _ in 0..5 {
        let state = person.resolve("return await module.renewal.look();").await;
        assert_eq!(state["state"], "stale");
    }
    assert_eq!(person.wire.count(RENEWAL), 2, "it asks on and on");
    person.assert_on_account_of("alice").await;

    person.browser.follow("Go on from here").await;
    person.assert_on_account_of("alice").await;
}

#[tokio::test]
async fn a_session_that_was_ended_elsewhere_leaves_no_private_page() {
    let Some(person) = Person::arrive(LONG).await else {
        return;
    };
    person.log_in_as("alice").await;
    person.end_the_session_from_elsewhere().await;
    // Somebody comes back to the tab.
    person
        .evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        .await;
    until("the login", async || person.browser.path().await.starts_with("/login")).await;
    assert_eq!(person.wire.count(RENEWAL), 0);
}
