//! Password login and sign-up over HTTP, with rate limiting.

use std::net::IpAddr;

use actix_web::{HttpRequest, http::header};
use rescind_session::{
    Device, IssuedTokens, LoginError, Password, ReauthenticateError, Unclaimed, User, Username,
    token::{AccessClaims, ClientId, RefreshToken},
};

use crate::{
    client_address::client_address,
    cookies::CookieTokens,
    guesses::{Key, Turn},
    problem::Problem,
    rescind::Rescind,
};

/// The device that a request comes from, for a session that the application opens itself.
#[must_use]
pub fn device(request: &HttpRequest, rescind: &Rescind) -> Device {
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
/// A refresh token of the account, in the cookies or in `refresh`, shows that the owner has used this device before:
/// then it does not wait behind guessing requests.
pub(crate) async fn log_in(
    request: &HttpRequest,
    rescind: &Rescind,
    username: &str,
    password: &Password,
    refresh: Option<&str>,
    client: ClientId,
) -> Result<Undelivered, Problem> {
    let key = async || match rescind.service().parse_username(username) {
        Ok(name) => key(request, rescind, name, refresh).await.map(Some),
        // No account can have this name, so there is nothing to guess.
        Err(_) => Ok(None),
    };
    let attempt = LimitedLogin::admit(request, rescind, key).await?;
    let device = device(request, rescind);
    let service = rescind.service().for_client(device.address);
    match service.log_in(username, password, client, device).await {
        Ok(issued) => {
            let login = Undelivered::new(rescind, issued);
            attempt.succeeded()?;
            let issued = login.issued();
            let (session, user) = (issued.claims.session_id, &issued.claims.subject);
            tracing::info!(%session, %user, "logged in");
            Ok(login)
        }
        Err(LoginError::InvalidCredentials) => Err(attempt.failed()),
        Err(error) => {
            attempt.undecided();
            Err(error.into())
        }
    }
}

/// Checks the password of the session's user again. A try is counted before the check, as for a password change: its
/// effect is recorded, and a guess too many could not be taken back.
pub(crate) async fn reauthenticate(
    request: &HttpRequest,
    rescind: &Rescind,
    claims: &AccessClaims,
    password: &Password,
) -> Result<IssuedTokens, Problem> {
    if !rescind.service().policy().keeps_sessions() {
        return Err(Problem::PolicyKeepsNoSession);
    }
    let address = device(request, rescind).address;
    let limiter = rescind.limiter();
    limiter.failed(address)?;
    let mut turn = limiter.turn(&Key::Device(claims.session_id), address).await?;
    let service = rescind.service().for_client(address);
    let renewed = service.reauthenticate(claims, password).await;
    if !matches!(renewed, Err(ReauthenticateError::InvalidCredentials)) {
        let _ = turn.as_mut().map(Turn::settle);
    }
    let issued = renewed?;
    tracing::info!(session = %claims.session_id, user = %claims.subject, "authenticated again");
    Ok(issued)
}

/// One try to log in, under the [login limit](crate::Settings::login_limit): for an application that checks passwords in
/// its own way. [`handlers::log_in`](crate::handlers::log_in) and [`browser::log_in`](crate::browser::log_in) have it
/// already.
///
/// Failures are counted by address. Guesses at one name are made one after the other, with pauses that grow. No account is
/// ever locked, but many addresses that guess at one name delay its owner: only our own logins know the owner's devices. If it is dropped without an outcome, because the client has hung up, it counts as a failure.
///
/// ```
/// # use actix_web::{HttpRequest, HttpResponse};
/// # use rescind_api::{LimitedLogin, Problem, Rescind, browser, handlers, session::token::UserId};
/// # async fn fits(_: &str, _: &str) -> Result<bool, Problem> { Ok(true) }
/// # fn id_of(_: &str) -> UserId { UserId::from(42) }
/// async fn log_in(request: HttpRequest, rescind: Rescind, name: &str, password: &str) -> Result<HttpResponse, Problem> {
///     let attempt = LimitedLogin::begin(&request, &rescind, name).await?;
///     let checked = async {
///         // Before anything is read that decides the login.
///         let login = rescind.service().begin_login(id_of(name)).await?;
///         Ok(fits(name, password).await?.then_some(login))
///     };
///     let login = match checked.await {
///         Ok(Some(login)) => login,
///         Ok(None) => return Err(attempt.failed()),
///         Err(error) => {
///             attempt.undecided();
///             return Err(error);
///         }
///     };
///     attempt.succeeded()?;
///     let client = rescind.settings().client_id.clone();
///     let issued = login.open_session(client, browser::device(&request, &rescind)).await?;
///     Ok(handlers::tokens(&issued))
/// }
/// ```
#[must_use]
pub struct LimitedLogin {
    rescind: Rescind,
    address: Option<IpAddr>,
    decided: bool,
    // Dropped after `drop` has counted the failure: the network's next request sees it.
    turn: Option<Turn>,
}

/// The longest name by which guesses are told apart, in characters.
const LONGEST_NAME: usize = 320;

impl LimitedLogin {
    /// Waits for its turn to try a password for this name, in the form in which the application looks it up.
    ///
    /// # Errors
    /// [`Problem::RateLimited`].
    pub async fn begin(request: &HttpRequest, rescind: &Rescind, name: &str) -> Result<Self, Problem> {
        let name: String = name.chars().take(LONGEST_NAME).collect();
        Self::admit(request, rescind, async || Ok(Some(Key::Name(name.into())))).await
    }

    /// The limit is checked three times. At first, because refusing is cheap. Before the password, because hashing is not:
    /// the request may have waited for its turn. And after it: of a hundred guesses sent at once at as many names, the
    /// right one must not get through because it began before the others had failed.
    async fn admit(
        request: &HttpRequest,
        rescind: &Rescind,
        key: impl AsyncFnOnce() -> Result<Option<Key>, Problem>,
    ) -> Result<Self, Problem> {
        let limiter = rescind.limiter();
        let address = device(request, rescind).address;
        limiter.admit(address)?;
        let mut turn = match key().await? {
            Some(key) => limiter.turn(&key, address).await?,
            None => None,
        };
        if let Some(turn) = &mut turn {
            limiter.admit(address).inspect_err(|_| turn.settle())?;
        }
        Ok(Self {
            rescind: rescind.clone(),
            address,
            decided: false,
            turn,
        })
    }

    /// The password was right.
    ///
    /// # Errors
    /// [`Problem::RateLimited`] if the address has used up its limit meanwhile: then the reply must not tell that the
    /// password was right.
    pub fn succeeded(mut self) -> Result<(), Problem> {
        self.settle();
        self.rescind.limiter().admit(self.address)
    }

    /// The password was wrong, or there is no such user. Returns what to answer: [`Problem::InvalidCredentials`], or
    /// [`Problem::RateLimited`].
    pub fn failed(mut self) -> Problem {
        // Not the name: people sometimes type their password there.
        tracing::info!(address = self.address.map(tracing::field::display), "a login failed");
        self.decided = true;
        let counted = self.rescind.limiter().failed(self.address);
        counted.err().unwrap_or(Problem::InvalidCredentials)
    }

    /// The password was not checked, because a store failed, for example. It counts neither way.
    pub fn undecided(mut self) {
        self.settle();
    }

    fn settle(&mut self) {
        self.decided = true;
        let _ = self.turn.as_mut().map(Turn::settle);
    }
}

impl Drop for LimitedLogin {
    fn drop(&mut self) {
        if !self.decided {
            let _ = self.rescind.limiter().failed(self.address);
        }
    }
}

/// The target of the login's guess: the name, or the account of a known device. The stores are read only if it makes a
/// difference.
async fn key(request: &HttpRequest, rescind: &Rescind, name: Username, refresh: Option<&str>) -> Result<Key, Problem> {
    let by_name = Key::Name(name.as_str().into());
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
