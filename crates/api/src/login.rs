//! Password login over HTTP, with rate limiting.

use actix_web::{HttpRequest, http::header};
use rescind_session::{
    Device, Grant, LoginError, Password, Presented, SessionService, Username,
    token::{ClientId, UserId},
};
use tokio::runtime::Handle;

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
) -> Result<Undelivered, Problem> {
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
            let login = Undelivered::new(rescind, grant);
            limiter.admit(address)?;
            let grant = login.grant();
            let (session, user): (_, UserId) = (grant.claims.session_id, grant.claims.subject);
            tracing::info!(%session, %user, "logged in");
            Ok(login)
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

/// A login whose tokens have not been handed over. Dropped before that, by an error or by a client that hangs up, it ends
/// its session: nobody has the tokens, so nobody could log it out.
pub(crate) struct Undelivered {
    service: SessionService,
    grant: Grant,
    delivered: bool,
}

impl Undelivered {
    pub(crate) fn new(rescind: &Rescind, grant: Grant) -> Self {
        Self {
            service: rescind.service().detached(),
            grant,
            delivered: false,
        }
    }

    pub(crate) fn grant(&self) -> &Grant {
        &self.grant
    }

    /// The tokens go into a reply now.
    pub(crate) fn deliver(mut self) -> Grant {
        self.delivered = true;
        self.grant.clone()
    }
}

impl Drop for Undelivered {
    fn drop(&mut self) {
        let (false, Ok(runtime)) = (self.delivered, Handle::try_current()) else {
            return;
        };
        let (service, token) = (self.service.clone(), self.grant.access_token.clone());
        let session = self.grant.claims.session_id;
        runtime.spawn(async move {
            let presented = Presented {
                access: Some(token.expose_secret()),
                refresh: None,
            };
            match service.log_out(presented).await {
                Ok(_) => tracing::info!(%session, "ended a session whose tokens were not handed over"),
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(%session, error, "a session whose tokens were not handed over was left open");
                }
            }
        });
    }
}
