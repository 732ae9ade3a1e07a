//! Which check decided an exchange: from the request, the reply, and the store calls.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers included")]

use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use rescind_lab::{
    Asked, Decided, Exchange, Outcome, Refreshed, Who,
    meter::{Call, Operation, Store, StoreReply},
    raw::{Reply, Request},
};
use rescind_session::{Check, token::SessionId};

fn call(operation: Operation, answer: StoreReply) -> Call {
    Call {
        store: Store::Sessions,
        operation,
        answer,
        took: Duration::ZERO,
        session: None,
        generation: None,
    }
}

/// An exchange that ended with this status, and with a problem's code or a redirect.
fn seen(asked: Asked, status: u16, code: Option<&str>, to: Option<&str>, calls: &[Call], check: Check) -> Exchange {
    let reply = Reply::new(StatusCode::from_u16(status).unwrap(), code, to);
    let request = Request::new(Method::GET, "/", true);
    Exchange::seen(Who::You, asked, request, Some(reply), Some(check)).with_calls(calls.to_vec(), Some(check))
}

fn by_code(asked: Asked, status: u16, code: Option<&str>, check: Check) -> Decided {
    seen(asked, status, code, None, &[], check).decided
}

#[test]
fn a_revoked_token_is_refused_by_the_policys_check() {
    let decided = |check| by_code(Asked::AskingDoor, 401, Some("token_revoked"), check);
    assert_eq!(decided(Check::Blacklist), Decided::Blacklist);
    assert_eq!(decided(Check::Session), Decided::SessionRow);
}

#[test]
fn an_accepted_token_is_decided_by_the_policys_check() {
    let decided = |asked, check| by_code(asked, 200, None, check);
    assert_eq!(decided(Asked::AskingDoor, Check::Blacklist), Decided::Blacklist);
    assert_eq!(decided(Asked::AskingDoor, Check::Nothing), Decided::Expiry);
    assert_eq!(decided(Asked::SignatureDoor, Check::Blacklist), Decided::Expiry);
}

#[test]
fn a_store_that_does_not_answer_decides_nothing() {
    let decided = by_code(Asked::AskingDoor, 503, Some("store_unavailable"), Check::Blacklist);
    assert_eq!(decided, Decided::NoAnswer);
}

#[test]
fn store_calls_show_which_check_decided_a_browsers_refresh() {
    let found = |answer| call(Operation::FindSession, answer);
    let check = call(Operation::Check, StoreReply::NotOnTheList);
    for (calls, to, expected) in [
        (
            vec![found(StoreReply::Open), call(Operation::Rotate, StoreReply::Done)],
            "/refresh?renewed=1",
            Decided::Generation,
        ),
        (
            vec![
                found(StoreReply::Open),
                call(Operation::CloseForReuse, StoreReply::Done),
            ],
            "/login?next=/",
            Decided::Generation,
        ),
        (vec![found(StoreReply::Open)], "/demo", Decided::Generation),
        (vec![found(StoreReply::Open)], "/login?next=/", Decided::SessionAge),
        (vec![found(StoreReply::Closed)], "/login?next=/", Decided::SessionRow),
        (
            vec![found(StoreReply::NothingFound)],
            "/login?next=/",
            Decided::RefreshTag,
        ),
        (vec![], "/login?next=/", Decided::TokenThere),
        (vec![check], "/account", Decided::Blacklist),
    ] {
        let refresh = seen(Asked::Refresh, 303, None, Some(to), &calls, Check::Blacklist);
        assert_eq!(refresh.decided, expected, "{calls:?} -> {to}");
        assert_eq!(refresh.outcome == Outcome::Refused, to.starts_with("/login"), "{to}");
    }
}

#[test]
fn a_private_page_redirects_for_expiry_the_blacklist_or_no_token() {
    let to = |to, calls: &[Call]| seen(Asked::Private, 303, None, Some(to), calls, Check::Blacklist).decided;
    assert_eq!(to("/refresh?next=/account", &[]), Decided::Expiry);
    assert_eq!(to("/login?next=/account", &[]), Decided::TokenThere);
    let revoked = [call(Operation::Check, StoreReply::OnTheList)];
    assert_eq!(to("/login?next=/account", &revoked), Decided::Blacklist);
}

#[test]
fn store_calls_show_the_outcome_of_a_refresh() {
    let session = SessionId::from_uuid(Default::default());
    let call = |operation, answer, generation: u32| Call {
        session: Some(session),
        generation: Some(generation.into()),
        ..call(operation, answer)
    };
    let found = call(Operation::FindSession, StoreReply::Open, 1);
    let rotated = call(Operation::Rotate, StoreReply::Done, 2);
    let closed = call(Operation::CloseForReuse, StoreReply::Done, 0);
    for (calls, expected) in [
        (vec![found, rotated], Some(Refreshed::Next(2.into()))),
        (vec![found], Some(Refreshed::Forgiven(1.into()))),
        (vec![found, closed], Some(Refreshed::Reused)),
        (
            vec![call(Operation::FindSession, StoreReply::Closed, 1)],
            Some(Refreshed::Closed),
        ),
        (vec![], None),
    ] {
        let exchange = seen(Asked::Refresh, 303, None, None, &calls, Check::Blacklist);
        assert_eq!(exchange.refreshed(session), expected);
    }
}
