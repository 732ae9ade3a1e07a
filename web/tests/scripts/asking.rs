//! `fetchRenewing`: one renewal, one repetition, no more.

use crate::{
    person::{Person, RENEWAL},
    wire::Fault,
};

const ME: &str = "GET /api/me ";
const EXPIRED: Fault = Fault::Instead(
    "401 Unauthorized\r\nContent-Type: application/problem+json",
    r#"{"code": "token_expired", "status": 401}"#,
);
const REVOKED: Fault = Fault::Instead(
    "401 Unauthorized\r\nContent-Type: application/problem+json",
    r#"{"code": "token_revoked", "status": 401}"#,
);

/// A person whose access token has expired.
async fn a_person_with_an_expired_token() -> Option<Person> {
    let (person, late) = Person::arrive_late().await?;
    person.open_page_without_login().await;
    person.come_back_with(&late).await;
    assert_eq!(person.wire.count(RENEWAL), 0);
    Some(person)
}

#[tokio::test]
async fn a_call_with_an_expired_token_renews_it_and_is_repeated() {
    let Some(person) = a_person_with_an_expired_token().await else {
        return;
    };
    let name = person
        .resolve("return (await (await module.fetchRenewing('/api/me')).json()).username;")
        .await;
    assert_eq!(name, "alice");
    assert_eq!((person.wire.count(ME), person.wire.count(RENEWAL)), (2, 1));
}

#[tokio::test]
async fn calls_at_once_share_one_renewal() {
    let Some(person) = a_person_with_an_expired_token().await else {
        return;
    };
    let statuses = person
        .resolve(
            "const replies = await Promise.all(Array.from({ length: 4 }, () => module.fetchRenewing('/api/me')));
             return replies.map((reply) => reply.status).join();",
        )
        .await;
    assert_eq!(statuses, "200,200,200,200");
    assert_eq!(person.wire.count(RENEWAL), 1);
}

#[tokio::test]
async fn a_body_is_sent_again_whole() {
    let Some(person) = a_person_with_an_expired_token().await else {
        return;
    };
    person.wire.fail("POST /api/users ", EXPIRED, 1);
    let made = person
        .resolve(
            "const body = JSON.stringify({ username: 'carol', password: 'long enough for anybody' });
             const headers = { 'Content-Type': 'application/json' };
             const reply = await module.fetchRenewing('/api/users', { method: 'POST', headers, body });
             return [reply.status, (await reply.json()).username].join();",
        )
        .await;
    assert_eq!(made, "201,carol");
}

#[tokio::test]
async fn a_call_that_is_refused_again_is_not_made_a_third_time() {
    let Some(person) = a_person_with_an_expired_token().await else {
        return;
    };
    person.wire.fail(ME, EXPIRED, 100);
    let status = person
        .resolve("return (await module.fetchRenewing('/api/me')).status;")
        .await;
    assert_eq!(status, 401);
    assert_eq!((person.wire.count(ME), person.wire.count(RENEWAL)), (2, 1));
}

#[tokio::test]
async fn a_refusal_for_another_reason_is_not_answered_with_a_renewal() {
    let Some(person) = a_person_with_an_expired_token().await else {
        return;
    };
    person.wire.fail(ME, REVOKED, 1);
    let code = person
        .resolve("return (await (await module.fetchRenewing('/api/me')).json()).code;")
        .await;
    assert_eq!(code, "token_revoked");
    assert_eq!((person.wire.count(ME), person.wire.count(RENEWAL)), (1, 0));
}

#[tokio::test]
async fn after_the_session_has_ended_the_refusal_is_handed_on() {
    let Some(person) = a_person_with_an_expired_token().await else {
        return;
    };
    person.end_the_session_from_elsewhere().await;
    let status = person
        .resolve("return (await module.fetchRenewing('/api/me')).status;")
        .await;
    assert_eq!(status, 401);
    assert_eq!(person.wire.count(ME), 1, "there was nothing to repeat it with");
}
