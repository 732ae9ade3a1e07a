//! Headers are read as bytes: a foreign part hides none of our credentials, and an unreadable credential is an error.

use actix_web::{
    http::{
        Method,
        header::{self, HeaderValue},
    },
    test::TestRequest,
};
use rescind_session::SessionState;
use serde_json::json;

use crate::world::{ACCESS, Browser, PASSWORD, REFRESH, Reply, World, call, from_own_page, navigation};

fn cookies(request: TestRequest, cookies: impl AsRef<[u8]>) -> TestRequest {
    request.insert_header((header::COOKIE, HeaderValue::from_bytes(cookies.as_ref()).unwrap()))
}

fn post(path: &str) -> TestRequest {
    from_own_page(call(Method::POST, path))
}

fn bytes(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

async fn is_open(world: &World, session: rescind_session::token::SessionId) -> bool {
    world.row(session).await.state == SessionState::Open
}

/// The names of the cookies that a reply drops.
fn dropped(reply: &Reply) -> Vec<String> {
    let cookies = reply.set_cookies();
    let gone = cookies
        .iter()
        .filter(|cookie| cookie.max_age().is_some_and(|life| life.is_zero()));
    gone.map(|cookie| cookie.name().to_owned()).collect()
}

#[track_caller]
fn is_unreadable(reply: &Reply, ended: usize) {
    reply.is_problem(400, "credential_unreadable");
    assert_eq!(reply.json()["ended"], json!(ended), "{}", reply.body);
}

/// Foreign cookies as bytes: Latin-1, UTF-8, and others that are no pairs.
const FOREIGN: [&[u8]; 4] = [b"city=Z\xfcrich", "city=Zürich".as_bytes(), b"\xff\xfe", b"=\x80; x"];

async fn own_cookies(browser: &Browser<'_>) -> String {
    format!("{ACCESS}={}; {REFRESH}={}", browser.access(), browser.refresh())
}

#[tokio::test]
async fn an_unreadable_foreign_cookie_hides_none_of_ours() {
    let world = World::new().await;
    for foreign in FOREIGN {
        for first in [true, false] {
            for path in ["/logout", "/api/logout"] {
                let browser = world.browser();
                let session = browser.log_in("alice").await;
                let own = own_cookies(&browser).await;
                let sent = match first {
                    true => bytes(&[foreign, b"; ", own.as_bytes()]),
                    false => bytes(&[own.as_bytes(), b"; ", foreign]),
                };
                let page = world.send(cookies(navigation("/mine"), &sent)).await;
                assert_eq!(page.body, format!("{session} Cookie"), "{foreign:?}");
                let reply = world.send(cookies(post(path), &sent)).await;
                assert!(matches!(reply.status.as_u16(), 204 | 303), "{}", reply.body);
                assert_eq!(dropped(&reply), [ACCESS, REFRESH]);
                assert!(!is_open(&world, session).await, "{path} {foreign:?}");
                world.me(&browser.access()).await.is_problem(401, "token_revoked");
                world
                    .refresh(&browser.refresh())
                    .await
                    .is_problem(401, "session_closed");
            }
        }
    }
}

#[tokio::test]
async fn logging_in_again_beside_a_foreign_cookie_works() {
    let world = World::new().await;
    let browser = world.browser();
    let old = browser.log_in("alice").await;
    let sent = bytes(&[FOREIGN[0], b"; ", own_cookies(&browser).await.as_bytes()]);
    let form = [("username", "alice"), ("password", PASSWORD)];
    let reply = world.send(cookies(post("/login").set_form(form), sent)).await;
    reply.is(200);
    browser.keep(&reply);
    assert!(!is_open(&world, old).await, "the login replaces the old session");
    assert_eq!(browser.visit("/page").await.body, reply.body);
}

#[tokio::test]
async fn quoted_cookies_are_read() {
    let world = World::new().await;
    for path in ["/logout", "/api/logout"] {
        let browser = world.browser();
        let session = browser.log_in("alice").await;
        let quoted = format!(r#"{ACCESS}="{}"; {REFRESH}="{}""#, browser.access(), browser.refresh());
        world.send(cookies(navigation("/mine"), &quoted)).await.is(200);
        let reply = world.send(cookies(post(path), &quoted)).await;
        assert!(reply.status.is_success() || reply.status.is_redirection());
        assert_eq!(dropped(&reply), [ACCESS, REFRESH]);
        assert!(!is_open(&world, session).await);
    }
}

#[tokio::test]
async fn a_logout_ends_every_session_that_its_cookies_name() {
    let world = World::new().await;
    for path in ["/logout", "/api/logout"] {
        let (one, two, three) = (world.browser(), world.browser(), world.browser());
        let sessions = [
            one.log_in("alice").await,
            two.log_in("bob").await,
            three.log_in("bob").await,
        ];
        let sent = format!(
            "{ACCESS}={}; {ACCESS}={}; {REFRESH}={}; {REFRESH}={}",
            one.access(),
            two.access(),
            one.refresh(),
            three.refresh()
        );
        let reply = world.send(cookies(post(path), sent)).await;
        assert!(matches!(reply.status.as_u16(), 204 | 303), "{}", reply.body);
        assert_eq!(dropped(&reply), [ACCESS, REFRESH]);
        for session in sessions {
            assert!(!is_open(&world, session).await, "{path}");
        }
    }
}

#[tokio::test]
async fn cookies_planted_before_ours_do_not_displace_them() {
    let world = World::new().await;
    let browser = world.browser();
    let session = browser.log_in("alice").await;
    let planted = format!("{ACCESS}=planted; {REFRESH}=rrt_planted; ").repeat(100);
    let reply = world
        .send(cookies(
            post("/logout"),
            format!("{planted}{}", own_cookies(&browser).await),
        ))
        .await;
    is_unreadable(&reply, 1);
    assert!(!is_open(&world, session).await);
}

#[tokio::test]
async fn a_logout_with_an_unreadable_cookie_ends_the_rest_and_says_so() {
    let world = World::new().await;
    for garbage in [b"nonsense".as_slice(), b"\xff\xff", b"", b"\"", b"eyJ.eyJ.x"] {
        for path in ["/logout", "/api/logout"] {
            let browser = world.browser();
            let session = browser.log_in("alice").await;
            let sent = bytes(&[
                ACCESS.as_bytes(),
                b"=",
                garbage,
                format!("; {REFRESH}={}", browser.refresh()).as_bytes(),
            ]);
            let reply = world.send(cookies(post(path), sent)).await;
            is_unreadable(&reply, 1);
            assert_eq!(dropped(&reply), [REFRESH], "only the cookie whose session ended");
            assert!(!is_open(&world, session).await);
        }
    }
}

#[tokio::test]
async fn invalid_cookies_alone_are_kept_until_a_login_replaces_them() {
    let world = World::new().await;
    for path in ["/logout", "/api/logout"] {
        let browser = world.browser();
        browser.plant(ACCESS, "nonsense");
        browser.plant(REFRESH, "rrt_nonsense");
        let reply = browser.send(post(path)).await;
        is_unreadable(&reply, 0);
        assert!(reply.set_cookies().is_empty());
        browser.log_in("alice").await;
        browser.visit("/mine").await.is(200);
    }
}

#[tokio::test]
async fn a_bearer_token_with_any_separator_wins_over_cookies() {
    let world = World::new().await;
    let alice = world.login_as("alice").await;
    let browser = world.browser();
    let session = browser.log_in("bob").await;
    for start in [
        b"Bearer\t".as_slice(),
        b"Bearer:",
        b"bearer=",
        b"BEARER\xa0",
        b"Bearer",
        b"Bearer \xff ",
    ] {
        let written = bytes(&[start, alice.access.as_bytes()]);
        let authorized = |request: TestRequest| {
            request.insert_header((header::AUTHORIZATION, HeaderValue::from_bytes(&written).unwrap()))
        };
        for path in ["/mine", "/api/me"] {
            let reply = browser.send(authorized(navigation(path))).await;
            reply.is_problem(400, "authorization_unreadable");
        }
        for path in ["/logout", "/api/logout"] {
            let reply = browser.send(authorized(post(path))).await;
            is_unreadable(&reply, 0);
            assert!(reply.set_cookies().is_empty());
        }
        assert!(is_open(&world, session).await, "{start:?} ended the cookies' session");
    }
}

#[tokio::test]
async fn a_bearer_logout_ignores_the_cookies() {
    let world = World::new().await;
    for path in ["/logout", "/api/logout"] {
        let alice = world.login_as("alice").await;
        let browser = world.browser();
        let session = browser.log_in("bob").await;
        let bearer = post(path).insert_header((header::AUTHORIZATION, format!("Bearer {}", alice.access)));
        let reply = browser.send(bearer).await;
        assert!(matches!(reply.status.as_u16(), 204 | 303), "{}", reply.body);
        assert_eq!(dropped(&reply), Vec::<String>::new());
        assert!(!is_open(&world, alice.session).await && is_open(&world, session).await);
    }
}

#[tokio::test]
async fn a_header_of_another_scheme_hides_no_bearer_token_and_no_cookie() {
    let world = World::new().await;
    let alice = world.login_as("alice").await;
    let basic = |request: TestRequest| {
        request.append_header((header::AUTHORIZATION, HeaderValue::from_bytes(b"Basic \xfc").unwrap()))
    };
    let bearer = format!("Bearer {}", alice.access);
    let both = basic(call(Method::GET, "/api/me")).append_header((header::AUTHORIZATION, bearer.clone()));
    world.send(both).await.is(200);
    let both = basic(call(Method::POST, "/api/logout")).append_header((header::AUTHORIZATION, bearer));
    world.send(both).await.is(204);
    assert!(!is_open(&world, alice.session).await);

    let browser = world.browser();
    let session = browser.log_in("bob").await;
    browser.send(basic(post("/api/logout"))).await.is(204);
    assert!(!is_open(&world, session).await && browser.holds_no_token());
}

#[tokio::test]
async fn several_bearer_headers_all_end_and_are_an_error() {
    let world = World::new().await;
    let (one, two) = (world.login().await, world.login().await);
    let twice = [&one, &two]
        .iter()
        .fold(call(Method::POST, "/api/logout"), |request, tokens| {
            request.append_header((header::AUTHORIZATION, format!("Bearer {}", tokens.access)))
        });
    is_unreadable(&world.send(twice).await, 2);
    for tokens in [one, two] {
        assert!(!is_open(&world, tokens.session).await);
    }
}

/// A content type, a body, and how many credentials in it cannot be read.
const BODIES: [(&str, &str, usize); 9] = [
    ("application/json", r#"{"refresh_token":null}"#, 0),
    ("application/json", "{}", 0),
    ("application/x-www-form-urlencoded", "reason=leaving", 0),
    ("text/plain;charset=UTF-8", "bye", 0),
    ("multipart/form-data; boundary=x", "--x--", 0),
    ("application/json", r#"{"refresh_token":7}"#, 1),
    ("application/json", "{", 1),
    ("application/json", "[]", 1),
    ("text/plain", "token: rrt_AAAA", 1),
];

#[tokio::test]
async fn with_any_body_a_genuine_bearer_token_or_cookie_is_ended() {
    let world = World::new().await;
    let long = "x".repeat(20_000);
    let too_long = [("text/plain", long.as_str(), 1), ("application/json", long.as_str(), 1)];
    for (kind, body, unreadable) in BODIES.into_iter().chain(too_long) {
        let with_body = |request: TestRequest| {
            request
                .insert_header((header::CONTENT_TYPE, kind))
                .set_payload(body.to_owned())
        };
        let is_answered = |reply: &Reply, path: &str| match (unreadable, path) {
            (0, "/logout") => drop(reply.is(303)),
            (0, _) => drop(reply.is(204)),
            _ => is_unreadable(reply, 1),
        };
        for path in ["/logout", "/api/logout"] {
            let tokens = world.login().await;
            let bearer =
                call(Method::POST, path).insert_header((header::AUTHORIZATION, format!("Bearer {}", tokens.access)));
            is_answered(&world.send(with_body(bearer)).await, path);
            assert!(!is_open(&world, tokens.session).await, "{kind} {body:.30}");

            let browser = world.browser();
            let session = browser.log_in("bob").await;
            is_answered(&browser.send(with_body(post(path))).await, path);
            assert!(!is_open(&world, session).await, "{kind} {body:.30}");
            assert!(browser.holds_no_token(), "the cookies of an ended session are dropped");
        }
    }
}

#[tokio::test]
async fn a_refresh_token_is_found_in_every_kind_of_body() {
    let world = World::new().await;
    let (json, form) = (
        |token: &str| json!({ "refresh_token": token }).to_string(),
        "refresh_token=",
    );
    for kind in ["application/json", "text/plain", "application/x-www-form-urlencoded"] {
        let tokens = world.login().await;
        let request = call(Method::POST, "/api/logout")
            .insert_header((header::CONTENT_TYPE, kind))
            .set_payload(match kind {
                "application/x-www-form-urlencoded" => format!("{form}{}", tokens.refresh),
                _ => json(&tokens.refresh),
            });
        world.send(request).await.is(204);
        assert!(!is_open(&world, tokens.session).await, "{kind}");
    }
}

#[tokio::test]
async fn without_a_bearer_token_body_and_cookies_both_count() {
    let world = World::new().await;
    let browser = world.browser();
    let session = browser.log_in("alice").await;
    let other = world.login_as("bob").await;
    let body = json!({ "refresh_token": other.refresh });
    browser.send(post("/api/logout").set_json(body)).await.is(204);
    assert!(!is_open(&world, session).await && !is_open(&world, other.session).await);
    assert!(browser.holds_no_token());
}

#[tokio::test]
async fn a_bearer_token_beside_a_forged_refresh_token_ends_and_is_an_error() {
    let world = World::new().await;
    let tokens = world.login().await;
    let request = call(Method::POST, "/api/logout")
        .insert_header((header::AUTHORIZATION, format!("Bearer {}", tokens.access)))
        .set_json(json!({ "refresh_token": "rrt_forged" }));
    is_unreadable(&world.send(request).await, 1);
    assert!(!is_open(&world, tokens.session).await);
}

#[tokio::test]
async fn a_form_that_is_not_utf_8_is_refused() {
    let world = World::new().await;
    let (raw, escaped) = (
        bytes(&[b"username=alice&password=", &[0xff; 8]]),
        b"username=alice&password=%ff%ff%ff%ff%ff%ff%ff%ff".to_vec(),
    );
    let utf_8 = "application/x-www-form-urlencoded";
    let latin_1 = "application/x-www-form-urlencoded; charset=iso-8859-1";
    for (kind, body, status, code) in [
        (utf_8, raw.clone(), 400, "bad_request"),
        (utf_8, escaped.clone(), 400, "bad_request"),
        (latin_1, raw, 415, "unsupported_media_type"),
        (latin_1, escaped, 415, "unsupported_media_type"),
    ] {
        let request = post("/login")
            .insert_header((header::CONTENT_TYPE, kind))
            .set_payload(body);
        world.send(request).await.is_problem(status, code);
    }
}
