//! The parameters of a request to an OAuth endpoint.

use actix_web::{FromRequest, HttpRequest, web::Payload};

use super::error::OAuthError;
use crate::body;

/// The parameters: each at most once (RFC 6749, section 3.2).
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    pub(super) async fn read(request: &HttpRequest, body: Payload) -> Result<Self, OAuthError> {
        let body::Form(mut parameters) =
            body::Form::<Vec<(String, String)>>::from_request(request, &mut body.into_inner()).await?;
        parameters.sort_unstable();
        if parameters.windows(2).any(|two| two[0].0 == two[1].0) {
            return Err(OAuthError::invalid_request("A parameter occurs twice."));
        }
        Ok(Self(parameters))
    }

    /// The value. One without characters counts as left out (section 3.2).
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let mut values = self.0.iter().filter(|(key, value)| key == name && !value.is_empty());
        values.next().map(|(_, value)| value.as_str())
    }

    pub(super) fn required(&self, name: &'static str) -> Result<&str, OAuthError> {
        self.get(name).ok_or(match name {
            "grant_type" => OAuthError::invalid_request("grant_type is required."),
            "refresh_token" => OAuthError::invalid_request("refresh_token is required."),
            _ => OAuthError::invalid_request("token is required."),
        })
    }
}
