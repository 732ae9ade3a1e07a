//! Bodies of every length and speed, and the functions by which an application reads a request.

use std::{io, time::Duration};

use actix_web::{
    error::PayloadError,
    http::{Method, header},
    test::TestRequest,
    web::Bytes,
};
use futures::stream;
use rescind_api::{bearer_token, browser};
use rescind_session::{SessionState, StolenTokenDies};

use crate::world::{REFRESH, World, call, from_own_page};

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const KIB_16: usize = 16 * 1024;

fn of_kind(path: &str, kind: &'static str) -> TestRequest {
    call(Method::POST, path).insert_header((header::CONTENT_TYPE, kind))
}

#[tokio::test]
async fn a_form_of_16_kib_is_read_and_a_longer_one_is_not() {
    let world = World::new().await;
    let form = |length: usize| of_kind("/form", FORM).set_payload(format!("a={}", "b".repeat(length - 2)));
    world.send(form(KIB_16)).await.is(200);
    world.send(form(KIB_16 + 1)).await.is_problem(413, "payload_too_large");
}

#[tokio::test]
async fn a_logout_reports_a_body_above_16_kib_as_unreadable() {
    let world = World::new().await;
    for (length, status) in [(0, 204), (KIB_16, 204), (KIB_16 + 1, 400)] {
        let token = world.login().await.access;
        let logout = of_kind("/api/logout", "text/plain")
            .insert_header((header::AUTHORIZATION, format!("Bearer {token}")))
            .set_payload("x".repeat(length));
        world.send(logout).await.is(status);
        world.me(&token).await.is_problem(401, "token_revoked");
    }
    for (length, status) in [(0, 303), (KIB_16, 303), (KIB_16 + 1, 400)] {
        let browser = world.browser();
        let session = browser.log_in("alice").await;
        let logout = of_kind("/logout", "text/plain").set_payload("x".repeat(length));
        browser.send(from_own_page(logout)).await.is(status);
        assert_ne!(world.row(session).await.state, SessionState::Open);
    }
    let token = world.login().await.access;
    let empty = of_kind("/api/logout", JSON).insert_header((header::AUTHORIZATION, format!("Bearer {token}")));
    world.send(empty).await.is(204);
}

#[tokio::test]
async fn a_body_too_long_for_actix_extractors_is_a_problem_document() {
    let world = World::new().await;
    let json = of_kind("/json", JSON).set_payload("1".repeat(2 * 1024 * 1024 + 1));
    world.send(json).await.is_problem(413, "payload_too_large");
    let form = of_kind("/actix-form", FORM).set_payload(format!("a={}", "b".repeat(KIB_16)));
    world.send(form).await.is_problem(413, "payload_too_large");
    let text = of_kind("/actix-form", "text/plain").set_payload("a=b");
    world.send(text).await.is_problem(415, "unsupported_media_type");
    let nonsense = of_kind("/actix-form", FORM).set_payload("a=b");
    world.send(nonsense).await.is(200);
}

const READERS: [(&str, &str); 4] = [
    ("/api/login", JSON),
    ("/json", JSON),
    ("/form", FORM),
    ("/actix-form", FORM),
];

#[tokio::test]
async fn an_incomplete_body_is_a_bad_request_and_a_late_one_a_timeout() {
    let world = World::new().await;
    for (path, kind) in READERS {
        for (error, status, code) in [
            (io::ErrorKind::TimedOut, 408, "request_timeout"),
            (io::ErrorKind::ConnectionReset, 400, "bad_request"),
        ] {
            let parts = [Ok(Bytes::from_static(b"a")), Err(PayloadError::Io(error.into()))];
            let reply = world.stream(of_kind(path, kind), stream::iter(parts)).await;
            reply.is_problem(status, code);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_has_ten_seconds() {
    let world = World::new().await;
    for (path, kind) in READERS {
        let began = tokio::time::Instant::now();
        // A byte a second, for ever.
        let parts = stream::unfold((), async |()| {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Some((Ok(Bytes::from_static(b"1")), ()))
        });
        let reply = world.stream(of_kind(path, kind), parts).await;
        reply.is_problem(408, "request_timeout");
        assert_eq!(began.elapsed().as_secs(), 10, "{path}");
    }
}

#[tokio::test]
async fn an_application_can_read_the_tokens_of_a_request() {
    let world = World::new().await;
    let bearer = |value: &str| {
        let request = TestRequest::default().insert_header((header::AUTHORIZATION, value.to_owned()));
        bearer_token(&request.to_http_request())
    };
    assert_eq!(bearer("Bearer abc").unwrap().unwrap().expose_secret(), "abc");
    assert!(bearer("Basic abc").unwrap().is_none());
    assert_eq!(bearer("Bearer").unwrap_err().code(), "authorization_unreadable");

    let cookie = |value: String| {
        let request = TestRequest::default().insert_header((header::COOKIE, value));
        browser::refresh_token(&request.to_http_request(), &world.rescind)
    };
    let token = cookie(format!("a=b; {REFRESH}=abc")).unwrap().unwrap();
    assert_eq!(token.expose_secret(), "abc");
    assert!(cookie("a=b".to_owned()).unwrap().is_none());
    assert!(cookie(format!("{REFRESH}=a; {REFRESH}=b")).is_err());

    let login = browser::to_login(&TestRequest::with_uri("/page?a=1").to_http_request());
    assert_eq!(login.status().as_u16(), 303);
    assert_eq!(
        login.headers().get(header::LOCATION).unwrap(),
        "/login?next=%2Fpage%3Fa%3D1"
    );
}

#[tokio::test]
async fn every_notice_reads_back_unchanged() {
    let world = World::new().await;
    let session = world.login().await.session;
    let later = StolenTokenDies::At(crate::world::at("2026-01-01T12:00:00.007Z"));
    let notices = [
        browser::Notice::LoggedOut(StolenTokenDies::Now),
        browser::Notice::LoggedOut(later),
        browser::Notice::DeviceEnded(StolenTokenDies::Now),
        browser::Notice::DeviceEnded(later),
        browser::Notice::PasswordChanged,
        browser::Notice::CopyWasUsed(session),
    ];
    for notice in notices {
        let cookie = notice.cookie(&world.rescind, Some(session)).unwrap();
        let request = TestRequest::default().insert_header((header::COOKIE, cookie.stripped().to_string()));
        let request = request.to_http_request();
        let (read, dropped) = browser::Notice::take(&request, &world.rescind, Some(session)).unwrap();
        assert_eq!((read, dropped.value()), (notice, ""));
        assert!(browser::Notice::take(&request, &world.rescind, None).is_none());
    }
}
