//! Sign-up, and the current user.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web::Payload};
use jiff::Timestamp;
use rescind_session::{
    Password,
    token::{AccessClaims, SessionId, TokenId, UserId},
};
use serde::{Deserialize, Serialize};

use super::reply;
use crate::{
    authenticated::OwnUser,
    body::{self, Field},
    login,
    problem::Problem,
    rescind::Rescind,
};

/// A name and a password, as the client sent them.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct NameAndPassword {
    username: Field,
    password: Field,
    /// A refresh token of the account, by which a login shows that the device is known.
    pub(super) refresh_token: Field,
}

impl NameAndPassword {
    pub(super) fn required(self) -> Result<(String, Password), Problem> {
        let mut errors = Vec::new();
        let username = self.username.required("username", &mut errors);
        let password = Password::new(self.password.required("password", &mut errors));
        if errors.is_empty() {
            Ok((username, password))
        } else {
            Err(Problem::InvalidInput(errors))
        }
    }
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Account))]
pub(crate) struct SignedUp {
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    user_id: UserId,
    username: String,
}

/// Creates an account.
///
/// # Errors
/// [`Problem`]: 409 `username_taken`, 422 `invalid_input`, 429 `rate_limited`.
pub async fn sign_up(request: HttpRequest, rescind: Rescind, body: Payload) -> Result<HttpResponse, Problem> {
    let body: NameAndPassword = body::json(&request, body).await?;
    let (username, password) = body.required()?;
    let user = login::sign_up(&request, &rescind, &username, &password).await?;
    Ok(reply(StatusCode::CREATED).json(SignedUp {
        user_id: user.id,
        username: user.username.to_string(),
    }))
}

/// The reply of [`me`].
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Me {
    /// The `sub` of the token.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub user_id: UserId,
    /// The login name.
    pub username: String,
    /// The session that the token belongs to.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub session_id: SessionId,
    /// The token's own id.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub token_id: TokenId,
    /// When it was signed.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub issued_at: Timestamp,
    /// The first instant at which it is expired.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub expires_at: Timestamp,
}

impl Me {
    /// The reply for a token with these claims: for an application whose own reply has more.
    ///
    /// # Errors
    /// [`Problem::TokenInvalid`] if the user no longer exists; 503 if the store does not answer.
    pub async fn of(rescind: &Rescind, claims: &AccessClaims) -> Result<Self, Problem> {
        let user = rescind.service().user(&claims.subject).await?;
        let user = user.ok_or(Problem::TokenInvalid)?;
        Ok(Self {
            user_id: user.id,
            username: user.username.to_string(),
            session_id: claims.session_id,
            token_id: claims.token_id,
            issued_at: claims.issued_at,
            expires_at: claims.expires_at,
        })
    }
}

/// The current user.
///
/// # Errors
/// [`Problem`]: 401 without a valid token.
pub async fn me(rescind: Rescind, OwnUser(caller): OwnUser) -> Result<HttpResponse, Problem> {
    Ok(reply(StatusCode::OK).json(Me::of(&rescind, caller.claims()).await?))
}
