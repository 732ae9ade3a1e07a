//! Which client sent a request (RFC 6749, section 2.3.1).

use actix_web::http::header::{self, HeaderMap};
use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::percent_decode;
use rescind_session::token::{ClientId, ClientSecret, RegisteredClient};

use super::{error::OAuthError, form::Form};
use crate::{problem::Problem, rescind::Rescind};

/// The client of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Client {
    /// None that has authenticated.
    Public,
    /// One that has.
    Authenticated(ClientId),
}

impl Client {
    /// The client of a request to an OAuth endpoint: by the header or by the form.
    pub(super) fn of(headers: &HeaderMap, rescind: &Rescind, form: &Form) -> Result<Self, OAuthError> {
        let (id, secret) = (form.get("client_id"), form.get("client_secret"));
        match (basic(headers), secret) {
            (Some(_), Some(_)) => Err(OAuthError::invalid_request("The client authenticates in two ways.")),
            (Some(credentials), None) => {
                let client = authenticate(rescind, credentials).ok_or_else(OAuthError::invalid_client)?;
                // Named a second time, for example by requests-oauthlib.
                if id.is_some_and(|id| id != client.as_str()) {
                    return Err(OAuthError::invalid_request(
                        "client_id is not the client that authenticates.",
                    ));
                }
                Ok(Self::Authenticated(client))
            }
            (None, Some(secret)) => {
                let credentials = id.map(|id| (id.to_owned(), secret.to_owned().into()));
                let client = authenticate(rescind, credentials).ok_or_else(OAuthError::invalid_client)?;
                Ok(Self::Authenticated(client))
            }
            // A public client names itself (section 3.2.1).
            (None, None) if id.is_none_or(|id| id == rescind.settings().client_id.as_str()) => Ok(Self::Public),
            (None, None) => Err(OAuthError::invalid_client()),
        }
    }

    /// Whether it may use the sessions of this client: its own, and those of no client.
    pub(crate) fn may_use(&self, rescind: &Rescind, owner: &ClientId) -> bool {
        *owner == rescind.settings().client_id || matches!(self, Self::Authenticated(id) if id == owner)
    }

    /// The same at our JSON calls. An application without our OAuth endpoints and without clients may have given sessions
    /// ids of its own. With the endpoints a client that was removed from the settings must not become public.
    pub(crate) fn may_refresh(&self, rescind: &Rescind, owner: &ClientId) -> bool {
        let has_clients = rescind.is_with_oauth() || !rescind.settings().oauth_clients.is_empty();
        !has_clients || self.may_use(rescind, owner)
    }
}

/// The client of a JSON call. Without clients in the settings a `Basic` header is not ours: it may be a proxy's.
pub(crate) fn of_header(headers: &HeaderMap, rescind: &Rescind) -> Result<Client, Problem> {
    match basic(headers).filter(|_| !rescind.settings().oauth_clients.is_empty()) {
        None => Ok(Client::Public),
        Some(credentials) => authenticate(rescind, credentials)
            .map(Client::Authenticated)
            .ok_or(Problem::InvalidClient),
    }
}

type Credentials = (String, ClientSecret);

fn authenticate(rescind: &Rescind, credentials: Option<Credentials>) -> Option<ClientId> {
    let (id, secret) = credentials?;
    let clients = &rescind.settings().oauth_clients;
    let found = RegisteredClient::find(clients, &id, secret.expose_secret()).map(|client| client.id().clone());
    if found.is_none() {
        tracing::info!("refused the credentials of a client");
    }
    found
}

/// The credentials in `Authorization: Basic`: the inner `None` if they cannot be read, or if there are several. Headers of
/// other schemes are skipped.
fn basic(headers: &HeaderMap) -> Option<Option<Credentials>> {
    const SCHEME: &[u8] = b"Basic";
    let mut found = headers.get_all(header::AUTHORIZATION).filter_map(|value| {
        let (scheme, rest) = value.as_bytes().trim_ascii_start().split_at_checked(SCHEME.len())?;
        let is_basic = scheme.eq_ignore_ascii_case(SCHEME) && rest.first().is_none_or(|byte| !byte.is_ascii_graphic());
        is_basic.then(|| credentials(rest.trim_ascii()))
    });
    let first = found.next()?;
    Some(first.filter(|_| found.next().is_none()))
}

/// The id and the secret, each form-urlencoded before they were joined. Clients that leave the encoding out are understood
/// all the same: our ids and secrets need none.
fn credentials(encoded: &[u8]) -> Option<Credentials> {
    let text = STANDARD.decode(encoded).ok()?;
    let colon = text.iter().position(|byte| *byte == b':')?;
    let decoded = |part: &[u8]| {
        let spaced: Vec<_> = part
            .iter()
            .map(|byte| if *byte == b'+' { b' ' } else { *byte })
            .collect();
        percent_decode(&spaced).decode_utf8().ok().map(String::from)
    };
    Some((decoded(&text[..colon])?, decoded(&text[colon + 1..])?.into()))
}
