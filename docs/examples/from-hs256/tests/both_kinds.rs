//! Both kinds of token are accepted for a while; only the new one can be taken back.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use actix_web::{App, http::StatusCode, test, test::TestRequest, web};
use from_hs256::{
    Member,
    before::{OldTokens, log_out},
};
use jsonwebtoken::{EncodingKey, Header, encode};
use rescind_api::{Part, Routes, session::Timestamp, testing::Testing};

const SECRET: &[u8] = b"the secret of the old service, at least 32 bytes";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(serde::Serialize)]
struct Claims {
    sub: &'static str,
    exp: i64,
}

fn old_token(secret: &[u8], expires: Timestamp) -> String {
    let claims = Claims {
        sub: "42",
        exp: expires.as_second(),
    };
    encode(&Header::default(), &claims, &EncodingKey::from_secret(secret)).unwrap()
}

async fn orders(member: Member) -> String {
    format!("The orders of {}.", member.id())
}

#[actix_web::test]
async fn old_tokens_are_accepted_until_the_date_and_new_ones_until_the_logout() {
    let testing = Testing::new().await;
    let now = testing.rescind().service().now().unwrap();
    let until = now + 3 * DAY;
    let old = web::Data::new(OldTokens::new(SECRET, until));
    let app = App::new()
        .app_data(old)
        .configure(testing.rescind().mount(Routes::at("/auth").without(Part::Sessions)))
        .route("/orders", web::get().to(orders));
    let app = test::init_service(app).await;
    let get = async |token: &str| {
        let request = TestRequest::get().uri("/orders");
        let request = request.insert_header(("Authorization", format!("Bearer {token}")));
        test::call_service(&app, request.to_request()).await.status()
    };

    let (week, day) = (old_token(SECRET, now + 7 * DAY), old_token(SECRET, now + DAY));
    let forged = old_token(b"some other secret of at least 32 bytes!", now + DAY);
    assert_eq!(get(&week).await, StatusCode::OK);
    assert_eq!(get(&day).await, StatusCode::OK);
    assert_eq!(get(&forged).await, StatusCode::UNAUTHORIZED);

    // As browsers have them: in the cookie of the old login.
    let tokens = OldTokens::new(SECRET, until);
    let in_cookie = async |request: TestRequest| {
        let login = tokens.logged_in("42", now);
        let cookie = login.cookies().next().unwrap().into_owned();
        test::call_service(&app, request.cookie(cookie).to_request())
            .await
            .status()
    };
    assert_eq!(in_cookie(TestRequest::get().uri("/orders")).await, StatusCode::OK);
    let missing = TestRequest::get().uri("/orders").to_request();
    assert_eq!(
        test::call_service(&app, missing).await.status(),
        StatusCode::UNAUTHORIZED
    );
    // The old logout deletes the cookie. The copy works on: this is what the change is for.
    let out = log_out().await;
    assert!(out.cookies().next().unwrap().value().is_empty());
    assert_eq!(in_cookie(TestRequest::get().uri("/orders")).await, StatusCode::OK);

    let new = testing.log_in("alice").await;
    let token = new.access_token.expose_secret();
    assert_eq!(get(token).await, StatusCode::OK);
    let logout = TestRequest::post().uri("/auth/logout");
    let logout = logout.insert_header(("Authorization", format!("Bearer {token}")));
    assert_eq!(test::call_service(&app, logout.to_request()).await.status(), 204);
    assert_eq!(get(token).await, StatusCode::UNAUTHORIZED);

    testing.clock().advance(DAY);
    assert_eq!(get(&day).await, StatusCode::UNAUTHORIZED, "expired");
    assert_eq!(get(&week).await, StatusCode::OK);
    testing.clock().advance(2 * DAY);
    assert_eq!(get(&week).await, StatusCode::UNAUTHORIZED, "the date has passed");
}
