//! A login over HTTP: a password, and somebody who may be guessing it.

use actix_web::{HttpRequest, http::header};
use rescind_session::{
    Device, Grant, LoginError, Password, Presented, Username,
    token::{ClientId, UserId},
};

use crate::{client_address::client_address, problem::Problem, rescind::Rescind};

/// The device that a request comes from.
pub(crate) fn device(request: &HttpRequest, rescind: &Rescind) -> Device {
    let user_agent = request
        .headers()
        .get(header::USER_AGENT)
        .and_then(|value| value.to_str().ok());
    Device::new(user_agent, client_address(request, &rescind.settings().trusted_proxies))
}

/// Checks a password and opens a session, unless the address has failed too often.
///
/// The limit is asked twice. Before the password, because refusing is cheap and hashing is not. And after it: of a
/// hundred guesses sent at once the right one must not get through because it was begun before the others had failed.
pub(crate) async fn log_in(
    request: &HttpRequest,
    rescind: &Rescind,
    username: &str,
    password: &Password,
) -> Result<Grant, Problem> {
    let limiter = rescind.login_limiter();
    let device = device(request, rescind);
    let (address, account) = (device.address, Username::parse(username).ok());
    limiter.admit(address)?;
    if let Some(delay) = limiter.delay(account.as_ref()) {
        tokio::time::sleep(delay).await;
    }
    match rescind
        .service()
        .log_in(username, password, ClientId::first_party(), device)
        .await
    {
        Ok(grant) => {
            if let Err(problem) = limiter.admit(address) {
                forget(rescind, &grant).await;
                return Err(problem);
            }
            let (session, user): (_, UserId) = (grant.claims.session_id, grant.claims.subject);
            tracing::info!(%session, %user, "logged in");
            Ok(grant)
        }
        Err(LoginError::InvalidCredentials) => {
            // Not the name: people type their password there.
            tracing::info!(address = address.map(tracing::field::display), "a login failed");
            limiter.failed(address, account)?;
            Err(Problem::InvalidCredentials)
        }
        Err(error) => Err(error.into()),
    }
}

/// Ends a session whose tokens nobody gets to see.
pub(crate) async fn forget(rescind: &Rescind, grant: &Grant) {
    let presented = Presented {
        access: Some(grant.access_token.expose_secret()),
        refresh: None,
    };
    if let Err(error) = rescind.service().log_out(presented).await {
        let error: &dyn std::error::Error = &error;
        tracing::warn!(session = %grant.claims.session_id, error, "a session that nobody has tokens of was left open");
    }
}
