//! What the servers of the benchmark share: the reply, and access tokens to send.

use std::error::Error;

use actix_web::{Responder, web};
use rescind_session::{
    SessionService, SystemRandom,
    token::{AccessClaims, ClientId, ExtraClaims, SessionId, TokenId, UserId},
};
use serde::Serialize;

/// The `aud` of the tokens.
pub const AUDIENCE: &str = "rescind-api";

/// The reply of every server: who sent the request.
#[derive(Serialize)]
pub struct Me<'a> {
    /// The user.
    pub user_id: &'a str,
    /// The session.
    pub session_id: &'a str,
}

/// The reply of a handler that identifies nobody.
pub async fn hello() -> impl Responder {
    web::Json(Me {
        user_id: "user-00000",
        session_id: "01940000-0000-7000-8000-000000000000",
    })
}

/// Access tokens of as many users, as a login issues them. Without its row in the database: no check of an access token
/// reads that.
///
/// # Errors
/// The service's clock is not ready, or there is no randomness.
pub fn mint(service: &SessionService, count: usize) -> Result<Vec<String>, Box<dyn Error + Send + Sync>> {
    let (now, keys, mut rng) = (service.now()?, service.keys(), SystemRandom::new()?);
    let token = |number| {
        let claims = AccessClaims {
            issuer: service.issuer().to_owned(),
            audience: AUDIENCE.to_owned(),
            subject: UserId::new(format!("user-{number:05}"))?,
            client_id: ClientId::first_party(),
            issued_at: now,
            expires_at: now + service.policy().access_ttl,
            token_id: TokenId::random(&mut rng),
            session_id: SessionId::new(now, &mut rng),
            auth_time: Some(now),
            extra: ExtraClaims::new(),
        };
        Ok(keys.ring.sign(&claims)?.expose_secret().to_owned())
    };
    (0..count).map(token).collect()
}
