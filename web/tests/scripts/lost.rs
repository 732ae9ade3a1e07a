//! Lost replies and refusals.

use crate::{
    person::{LONG, Person, RENEWAL, SHORT, until},
    renewing::a_life_for_each_generation,
    wire::Fault,
};

const BUSY: Fault = Fault::Instead("503 Service Unavailable\r\nRetry-After: 1", "{}");
const REUSED: Fault = Fault::Instead(
    "401 Unauthorized\r\nContent-Type: application/problem+json",
    r#"{"code": "refresh_reused", "status": 401}"#,
);

/// The program renews and its answer is lost. A retry within the grace gets the same successor; a later one would look like
/// theft.
async fn a_lost_answer(fault: Fault) {
    let Some(person) = Person::arrive(SHORT).await else {
        return;
    };
    person.log_in_as("alice").await;
    asked_again_and_renewed_once(&person, fault).await;
    person.browser.reload().await;
    person.assert_on_account_of("alice").await;
    // Later renewals work.
    let now = person.renewals().await;
    person.until_generation(now.generation + 1).await;
}

/// One renewal fails like this, and is repeated. The page is notified only of the final tokens.
async fn asked_again_and_renewed_once(person: &Person, fault: Fault) {
    person.listen().await;
    let (begun, asked) = (person.renewals().await, person.wire.count(RENEWAL));
    person.wire.fail(RENEWAL, fault, 1);
    until("a fault", async || person.wire.faults_to_come() == 0).await;
    person.until_generation(begun.generation + 1).await;
    let now = person.renewals().await;
    let answered = now.answered - begun.answered;
    assert_eq!(
        now.generation - begun.generation,
        answered,
        "the repetition was no repetition"
    );
    a_life_for_each_generation(person, begun.generation).await;
    let asked = person.wire.count(RENEWAL) - asked;
    assert!(asked as u64 > answered, "nothing was lost");
    let heard = person.heard().await;
    assert!(heard.iter().all(|heard| heard["kind"] == "state"), "{heard:#?}");
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
async fn an_unavailable_server_is_asked_again_after_its_retry_after() {
    let Some(person) = Person::arrive(SHORT).await else {
        return;
    };
    person.log_in_as("alice").await;
    asked_again_and_renewed_once(&person, BUSY).await;
}

#[tokio::test]
async fn a_refusal_keeps_the_page_until_the_person_chooses_to_leave() {
    let Some(person) = Person::arrive(SHORT).await else {
        return;
    };
    person.log_in_as("alice").await;
    person.listen().await;
    person.wire.fail(RENEWAL, REUSED, 100);
    until("a refusal", async || person.wire.count(RENEWAL) > 0).await;
    person.browser.wait_for_text("This login has ended.").await;
    // The page stays, and so do the cookies: another tab may have got new ones.
    person.assert_on_account_of("alice").await;
    for name in ["rescind_access", "rescind_refresh"] {
        assert!(person.browser.cookie(name).await.is_some(), "{name} was thrown away");
    }
    // One request ahead of time, unless the machine was too slow, one at the end, and no more.
    person.let_the_access_token_run_out().await;
    let look = async || person.resolve("return await module.renewal.look();").await;
    until("the end", async || look().await["state"] == "stale").await;
    let asked = person.wire.count(RENEWAL);
    for _ in 0..5 {
        assert_eq!(look().await["state"], "stale");
    }
    assert!(asked <= 2, "it asked {asked} times");
    assert_eq!(person.wire.count(RENEWAL), asked, "it asks on and on");
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
    // The person returns to the tab.
    person
        .evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        .await;
    until("the login", async || person.browser.path().await.starts_with("/login")).await;
    assert_eq!(person.wire.count(RENEWAL), 0);
}
