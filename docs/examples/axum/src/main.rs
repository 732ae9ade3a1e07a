//! The session crate behind axum: sign-up, login, a guarded route, refresh and logout, for programs that send
//! `Authorization: Bearer`.
//!
//! There is no crate of ours for axum yet. This is what a service has to write itself, and not all of it: there is no limit on
//! guessed passwords and on sign-ups here, and cookies would need an origin check and the rules in the source of `rescind-api`.

use std::{env, error::Error, fs, io::Write, os::unix::fs::OpenOptionsExt, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{FromRequestParts, State},
    http::{StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use rescind_session::{
    AuthenticateError, Config, Device, ErrorChain, IssuedTokens, Keys, LogoutCredential, Password, SessionService,
    SystemRandom,
    token::{AccessClaims, Algorithm, ClientId, ExposeSecret, KeyRing, RefreshKey, RefreshKeys, SigningKey},
};
use rescind_store::{SqlSettings, Stores};
use serde::Deserialize;
use serde_json::json;

type Service = Arc<SessionService>;

/// A refusal: what cannot be decided is 503, never a 200.
struct Refusal(StatusCode, &'static str);

impl Refusal {
    const UNAVAILABLE: Self = Self(StatusCode::SERVICE_UNAVAILABLE, "unavailable");
    const UNAUTHORIZED: Self = Self(StatusCode::UNAUTHORIZED, "unauthorized");

    /// The cause is for the log.
    fn unavailable(error: &dyn Error) -> Self {
        eprintln!("{}", ErrorChain(error));
        Self::UNAVAILABLE
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let headers = [(header::WWW_AUTHENTICATE, "Bearer"), (header::RETRY_AFTER, "1")];
        (self.0, headers, Json(json!({"code": self.1}))).into_response()
    }
}

/// The guard: a parameter of each handler that needs a user.
struct LoggedIn(Arc<AccessClaims>);

impl FromRequestParts<Service> for LoggedIn {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Refusal> {
        match service.authenticate(bearer(parts).ok_or(Refusal::UNAUTHORIZED)?).await {
            Ok(claims) => Ok(Self(claims)),
            Err(AuthenticateError::Unavailable(error)) => Err(Refusal::unavailable(&error)),
            Err(_) => Err(Refusal::UNAUTHORIZED),
        }
    }
}

fn bearer(parts: &Parts) -> Option<&str> {
    let header = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    header.strip_prefix("Bearer ")
}

/// For logout: a genuine token is enough, also an expired one.
struct Bearer(String);

impl FromRequestParts<Service> for Bearer {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &Service) -> Result<Self, Refusal> {
        bearer(parts)
            .map(|token| Self(token.to_owned()))
            .ok_or(Refusal::UNAUTHORIZED)
    }
}

#[derive(Deserialize)]
struct NameAndPassword {
    username: String,
    password: String,
}

#[derive(Deserialize)]
struct Renewal {
    refresh_token: String,
}

fn tokens(issued: &IssuedTokens) -> Response {
    let body = json!({
        "access_token": issued.access_token.expose_secret(),
        "token_type": "Bearer",
        "expires_in": issued.claims.expires_at.duration_since(issued.at).as_secs(),
        "refresh_token": issued.refresh.as_ref().map(|refresh| refresh.token.expose_secret()),
        "session_id": issued.claims.session_id,
    });
    ([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

async fn sign_up(State(service): State<Service>, Json(body): Json<NameAndPassword>) -> Result<StatusCode, Refusal> {
    use rescind_session::SignUpError;
    match service.sign_up(&body.username, &Password::new(body.password)).await {
        Ok(_) => Ok(StatusCode::CREATED),
        Err(SignUpError::Invalid { .. }) => Err(Refusal(StatusCode::UNPROCESSABLE_ENTITY, "invalid_input")),
        Err(SignUpError::NameTaken) => Err(Refusal(StatusCode::CONFLICT, "username_taken")),
        Err(error) => Err(Refusal::unavailable(&error)),
    }
}

async fn log_in(State(service): State<Service>, Json(body): Json<NameAndPassword>) -> Result<Response, Refusal> {
    use rescind_session::LoginError;
    let password = Password::new(body.password);
    let login = service.log_in(&body.username, &password, ClientId::first_party(), Device::default());
    match login.await {
        Ok(issued) => Ok(tokens(&issued)),
        Err(LoginError::InvalidCredentials) => Err(Refusal::UNAUTHORIZED),
        Err(error) => Err(Refusal::unavailable(&error)),
    }
}

async fn refresh(State(service): State<Service>, Json(body): Json<Renewal>) -> Result<Response, Refusal> {
    use rescind_session::RefreshError;
    match service.refresh(&body.refresh_token, Device::default()).await {
        Ok(issued) => Ok(tokens(&issued)),
        Err(error @ (RefreshError::Unavailable(_) | RefreshError::RevocationPending(_))) => {
            Err(Refusal::unavailable(&error))
        }
        Err(_) => Err(Refusal::UNAUTHORIZED),
    }
}

/// 204 only when the logout is known on every node. After a 503 the client repeats it.
async fn log_out(State(service): State<Service>, Bearer(token): Bearer) -> Result<StatusCode, Refusal> {
    use rescind_session::LogoutError;
    let credential = LogoutCredential {
        access: Some(&token),
        refresh: None,
    };
    match service.log_out(credential).await {
        Ok(_) => Ok(StatusCode::NO_CONTENT),
        Err(error @ (LogoutError::Unavailable(_) | LogoutError::RevocationPending(_))) => {
            Err(Refusal::unavailable(&error))
        }
        Err(_) => Err(Refusal::UNAUTHORIZED),
    }
}

async fn greeting(LoggedIn(claims): LoggedIn) -> String {
    format!("You are {}.", claims.subject)
}

async fn ready(State(service): State<Service>) -> Result<(), Refusal> {
    service.ready().await.map_err(|error| Refusal::unavailable(&error))
}

/// Made at the first start, for this user only. All nodes of a database need the same keys.
fn keys(directory: &str, random: &mut SystemRandom) -> Result<Keys, Box<dyn Error>> {
    let (signing, refresh) = (format!("{directory}/signing.pem"), format!("{directory}/refresh.key"));
    if !fs::exists(&refresh)? {
        write_private(&refresh, RefreshKey::generate(random).to_base64url().expose_secret())?;
    }
    if !fs::exists(&signing)? {
        let new = SigningKey::generate(Algorithm::EdDsa)?;
        let pem = new.to_pkcs8_pem().ok_or("an EdDSA key has a PEM form")?;
        write_private(&signing, pem.expose_secret())?;
    }
    let signing = SigningKey::from_pkcs8_pem(&fs::read_to_string(signing)?)?;
    let refresh = RefreshKey::from_base64url(&fs::read_to_string(refresh)?)?;
    Ok(Keys {
        ring: KeyRing::new(signing),
        refresh: RefreshKeys::new(refresh, Vec::new())?,
    })
}

/// Never over an existing file.
fn write_private(path: &str, secret: &str) -> std::io::Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(secret.as_bytes())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let directory = env::var("RESCIND_DATA_DIR").unwrap_or_else(|_| ".".to_owned());
    let stores = Stores::alone(&format!("sqlite:{directory}/rescind.db"), &SqlSettings::default()).await?;
    stores.database().migrate_up().await?;
    let mut random = SystemRandom::new()?;
    let keys = keys(&directory, &mut random)?;
    // The default is half a second; a machine that runs tests may be busy for longer.
    let config = Config::new("http://axum.example", "axum-service").store_timeout(Duration::from_secs(5));
    let service = Arc::new(SessionService::new(config, keys, stores.ports(), random)?);
    stores.start(&service).await?;

    let app = Router::new()
        .route("/api/users", post(sign_up))
        .route("/api/login", post(log_in))
        .route("/api/refresh", post(refresh))
        .route("/api/logout", post(log_out))
        .route("/api/me", get(greeting))
        .route("/health/ready", get(ready))
        .with_state(service);
    let bind = env::var("RESCIND_BIND").unwrap_or_else(|_| "127.0.0.1:8080".to_owned());
    let listener = tokio::net::TcpListener::bind(bind).await?;
    // Its tests wait for this line.
    println!("Rescind listens on http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}
