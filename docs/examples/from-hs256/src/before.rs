//! The service as it was: one secret, tokens for a week in a cookie, a logout that deletes the cookie.

use actix_web::{
    HttpResponse,
    cookie::{Cookie, time::Duration},
};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use rescind_api::session::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// The cookie of a login.
pub const COOKIE: &str = "token";
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The tokens of before. They are accepted until a date.
pub struct OldTokens {
    secret: Vec<u8>,
    until: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: String,
    exp: i64,
}

impl OldTokens {
    /// `until`: when the last old token expires, which is a week after the last one was issued. From then on none is
    /// accepted, and this file can go.
    pub fn new(secret: &[u8], until: Timestamp) -> Self {
        Self {
            secret: secret.to_vec(),
            until,
        }
    }

    /// The user of a genuine token that has not expired.
    pub fn user(&self, token: &str, now: Timestamp) -> Option<String> {
        let mut checks = Validation::new(Algorithm::HS256);
        // By the clock of the new tokens, and to the second.
        checks.validate_exp = false;
        let key = DecodingKey::from_secret(&self.secret);
        let claims = decode::<Claims>(token, &key, &checks).ok()?.claims;
        (now < self.until && now.as_second() < claims.exp).then_some(claims.sub)
    }

    /// The reply to a login, once the password was right. Gone with step 2.
    pub fn logged_in(&self, user: &str, now: Timestamp) -> HttpResponse {
        let claims = Claims {
            sub: user.to_owned(),
            exp: (now + WEEK).as_second(),
        };
        let key = EncodingKey::from_secret(&self.secret);
        match encode(&Header::default(), &claims, &key) {
            Ok(token) => HttpResponse::NoContent()
                .cookie(Cookie::build(COOKIE, token).http_only(true).path("/").finish())
                .finish(),
            Err(_) => HttpResponse::InternalServerError().finish(),
        }
    }
}

/// Deletes the cookie. A copy of the token works on.
pub async fn log_out() -> HttpResponse {
    let gone = Cookie::build(COOKIE, "").path("/").max_age(Duration::ZERO).finish();
    HttpResponse::NoContent().cookie(gone).finish()
}
