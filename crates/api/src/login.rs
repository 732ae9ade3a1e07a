//! Password login and sign-up over HTTP, with rate limiting.

use actix_web::{HttpRequest, http::header};
use rescind_session::{
    Device, IssuedTokens, LoginError, Password, Unclaimed, User, Username,
    token::{ClientId, RefreshToken},
};

use crate::{client_address::client_address, cookies::CookieTokens, guesses::Key, problem::Problem, rescind::Rescind};

/// The device that a request comes from.
pub(crate) fn device(request: &HttpRequest, rescind: &Rescind) -> Device {
    // It is only displayed: a byte that is not text must not hide the rest.
    let user_agent = request.headers().get(header::USER_AGENT);
    let user_agent = user_agent.map(|value| String::from_utf8_lossy(value.as_bytes()));
    Device::new(
        user_agent.as_deref(),
        client_address(request, &rescind.settings().trusted_proxies),
    )
}

/// Creates an account, unless the address has signed up too often.
///
/// # Errors
/// [`Problem`]: the form explains [`InvalidInput`](Problem::InvalidInput), [`UsernameTaken`](Problem::UsernameTaken),
/// [`RateLimited`](Problem::RateLimited) and [`Overloaded`](Problem::Overloaded).
pub async fn sign_up(
    request: &HttpRequest,
    rescind: &Rescind,
    username: &str,
    password: &Password,
) -> Result<User, Problem> {
    let address = device(request, rescind).address;
    rescind.limiter().sign_up(address, username, password)?;
    Ok(rescind
        .service()
        .for_client(address)
        .sign_up(username, password)
        .await?)
}

/// Checks a password and opens a session, unless the address has failed too often.
///
/// The limit is checked three times. At first, because refusing is cheap. Before the password, because hashing is not:
/// the request may have waited for its turn. And after it: of a hundred guesses sent at once at as many names, the
/// right one must not get through because it began before the others had failed.
///
/// A refresh token of the account, in the cookies or in `refresh`, shows that the owner has used this device before:
/// then it does not wait behind guessing requests.
pub(crate) async fn log_in(
    request: &HttpRequest,
    rescind: &Rescind,
    username: &str,
    password: &Password,
    refresh: Option<&str>,
) -> Result<Undelivered, Problem> {
    let limiter = rescind.limiter();
    let device = device(request, rescind);
    let address = device.address;
    limiter.admit(address)?;
    let mut turn = match Username::parse(username) {
        Ok(name) => {
            limiter
                .turn(&key(request, rescind, name, refresh).await?, address)
                .await?
        }
        // No account can have this name, so there is nothing to guess.
        Err(_) => None,
    };
    if let Some(turn) = &mut turn {
        limiter.admit(address).inspect_err(|_| turn.settle())?;
    }
    let service = rescind.service().for_client(address);
    let unanswered = limiter.unanswered(address);
    let outcome = service
        .log_in(username, password, ClientId::first_party(), device)
        .await;
    std::mem::forget(unanswered);
    if let (Some(turn), Ok(_) | Err(LoginError::Hashing(_) | LoginError::Unavailable(_))) = (&mut turn, &outcome) {
        turn.settle();
    }
    match outcome {
        Ok(issued) => {
            let login = Undelivered::new(rescind, issued);
            limiter.admit(address)?;
            let issued = login.issued();
            let (session, user) = (issued.claims.session_id, &issued.claims.subject);
            tracing::info!(%session, %user, "logged in");
            Ok(login)
        }
        Err(LoginError::InvalidCredentials) => {
            // Not the name: people sometimes type their password there.
            tracing::info!(address = address.map(tracing::field::display), "a login failed");
            limiter.failed(address)?;
            Err(Problem::InvalidCredentials)
        }
        Err(error) => Err(error.into()),
    }
}

/// The target of the login's guess: the name, or the account of a known device. The stores are read only if it makes a
/// difference.
async fn key(request: &HttpRequest, rescind: &Rescind, name: Username, refresh: Option<&str>) -> Result<Key, Problem> {
    let by_name = Key::Name(name.clone());
    if !rescind.limiter().is_contended(&by_name) {
        return Ok(by_name);
    }
    let cookies = CookieTokens::each(request, rescind.cookie_names());
    // More than an honest client sends would only cost reads.
    let cookies = cookies.iter().filter_map(|tokens| tokens.refresh.as_ref()).take(4);
    for token in refresh.into_iter().chain(cookies.map(RefreshToken::expose_secret)) {
        if let Some(session) = rescind.service().known_device(&name, token).await? {
            return Ok(Key::Device(session));
        }
    }
    Ok(by_name)
}

/// A login whose tokens are not in a reply yet. If it is dropped before that, its session is ended ([`Unclaimed`]).
pub(crate) struct Undelivered {
    issued: IssuedTokens,
    session: Unclaimed,
}

impl Undelivered {
    pub(crate) fn new(rescind: &Rescind, issued: IssuedTokens) -> Self {
        Self {
            session: rescind.service().unclaimed(issued.claims.session_id),
            issued,
        }
    }

    pub(crate) fn issued(&self) -> &IssuedTokens {
        &self.issued
    }

    /// Call this when the tokens go into a reply.
    pub(crate) fn deliver(self) -> IssuedTokens {
        self.session.claim();
        self.issued
    }
}
