//! The server of a sandbox: the application that an adopter would write, called in the process.
//!
//! It is actix-web with [`Rescind`] and without a listener: requests are values. So a page shows the same headers,
//! cookies and problem documents as on a real wire, and the thief cannot reach anyone over the network. Rejected:
//! requests over the loopback interface, whose port a visitor might be able to choose.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use actix_web::{
    App, HttpResponse,
    body::MessageBody,
    dev::{Service, ServiceResponse},
    http::header,
    test, web,
};
use anyhow::Context;
use rand::{SeedableRng, rngs::StdRng};
use rescind_api::{
    Form, Part, Problem, RateLimit, Rescind, Routes, STRICT_CONTENT_SECURITY_POLICY, Settings, browser,
    extractor_problems,
};
use rescind_session::{
    AnchoredClock, Config, HashingSettings, Keys, Password, Policy, Ports, SessionService,
    memory::{MemorySessions, MemoryUsers},
    ports::SessionStore,
    token::{Algorithm, KeyError, KeyRing, RefreshKey, RefreshKeys, SigningKey},
};
use secrecy::{ExposeSecret, SecretString};
use tracing::{instrument::WithSubscriber, subscriber::NoSubscriber};
use url::Url;

use crate::{
    clock::Machine,
    faults::FaultyBlacklist,
    meter::{Call, Meter, metered_service},
    plain::{self, PlainStore},
    raw::{NameAndPassword, ORIGIN, Reply, Request},
    trace::Recorder,
};

/// Whom the tokens are for.
pub(crate) const AUDIENCE: &str = "rescind-api";
/// How long a request in a sandbox waits for its stores.
const STORE_TIMEOUT: Duration = Duration::from_millis(60);
const BATCH: u32 = 100;

/// What survives a kill of the server: the machine, the database, the blacklist, and the key files.
pub(crate) struct Hardware {
    pub(crate) machine: Arc<Machine>,
    pub(crate) users: Arc<MemoryUsers>,
    pub(crate) sessions: Arc<MemorySessions>,
    pub(crate) plain: Arc<PlainStore>,
    pub(crate) blacklist: Arc<FaultyBlacklist>,
    signing_key: Option<SecretString>,
    refresh_keys: RefreshKeys,
    rng: Mutex<StdRng>,
}

impl Hardware {
    pub(crate) fn new(machine: Machine, mut rng: StdRng) -> anyhow::Result<Self> {
        let signing_key = SigningKey::generate(Algorithm::EdDsa)?.to_pkcs8_pem();
        Ok(Self {
            machine: Arc::new(machine),
            users: Arc::default(),
            sessions: Arc::default(),
            plain: Arc::new(PlainStore::new(rng.fork())),
            blacklist: Arc::default(),
            signing_key,
            refresh_keys: RefreshKeys::new(RefreshKey::generate(&mut rng), Vec::new())?,
            rng: Mutex::new(rng),
        })
    }

    fn keys(&self) -> Result<Keys, KeyError> {
        let active = match &self.signing_key {
            Some(pem) => SigningKey::from_pkcs8_pem(pem.expose_secret())?,
            None => SigningKey::generate(Algorithm::EdDsa)?,
        };
        Ok(Keys {
            ring: KeyRing::new(active),
            refresh: self.refresh_keys.clone(),
        })
    }

    fn fork_rng(&self) -> StdRng {
        self.rng.lock().unwrap_or_else(PoisonError::into_inner).fork()
    }
}

/// The settings of all simulations.
pub(crate) fn config(policy: Policy, store_timeout: Duration) -> Config {
    // The only password is public, so hashing may be cheap.
    let hashing = HashingSettings::default()
        .memory_kib(64)
        .iterations(1)
        .at_once(1)
        .waiting(8);
    Config::new(ORIGIN, AUDIENCE)
        .policy(policy)
        .store_timeout(store_timeout)
        .token_cache(0)
        .hashing(hashing)
}

/// What is served.
#[derive(Clone)]
pub(crate) enum Kind {
    /// Tokens under a policy, and whether they name a status list.
    Tokens(Policy, bool),
    /// Plain sessions with this lifetime.
    Sessions(Duration),
}

/// A running server.
pub(crate) struct Server {
    kind: Kind,
    rescind: Rescind,
    hardware: Arc<Hardware>,
}

impl Server {
    /// Starts on what survived. Like the program, it compares the clock with the database and syncs the revocation log
    /// before it answers the first request.
    pub(crate) async fn start(hardware: &Arc<Hardware>, kind: Kind) -> anyhow::Result<Self> {
        let clock = AnchoredClock::new(hardware.machine.clone());
        // Stores in memory have no clock of their own, so the two cannot differ.
        let _ = clock.anchor(hardware.sessions.store_clock().await?);
        let (policy, lists) = match &kind {
            Kind::Tokens(policy, lists) => (policy.clone(), *lists),
            Kind::Sessions(_) => (Policy::client_delete(), false),
        };
        let lists = lists.then(|| format!("{ORIGIN}/oauth/status"));
        let config = config(policy, STORE_TIMEOUT).status_list(lists);
        let ports = Ports {
            users: hardware.users.clone(),
            sessions: hardware.sessions.clone(),
            blacklist: hardware.blacklist.clone(),
            clock: Arc::new(clock),
        };
        let service = SessionService::new(config, hardware.keys()?, ports, hardware.fork_rng())?;
        let settings = Settings::new(Url::parse(ORIGIN)?)
            .login_limit(RateLimit::Off)
            .signup_limit(RateLimit::Off)
            .content_security_policy(STRICT_CONTENT_SECURITY_POLICY);
        let server = Self {
            kind,
            rescind: Rescind::new(service, settings)?,
            hardware: Arc::clone(hardware),
        };
        server.run_maintenance().await;
        Ok(server)
    }

    pub(crate) async fn sign_up(&self, username: &str, password: &str) -> anyhow::Result<()> {
        let signed_up = self.service().sign_up(username, &Password::new(password)).await;
        signed_up.map(drop).context("the sandbox's account could not be made")
    }

    pub(crate) fn service(&self) -> &SessionService {
        self.rescind.service()
    }

    /// One round of the program's maintenance: syncs revocations and prunes.
    pub(crate) async fn run_maintenance(&self) -> Vec<Call> {
        let meter = Meter::default();
        let service = metered_service(self.service(), &meter);
        let once = async {
            // A store that does not answer is tried again the next time.
            let _ = service.sync_blacklist(BATCH).await;
            let _ = service.prune(BATCH).await;
        };
        let _ = tokio::time::timeout(STORE_TIMEOUT, once.with_subscriber(NoSubscriber::default())).await;
        meter.calls()
    }

    /// Answers a request. It logs nothing: simulated robberies do not belong in the program's log.
    pub(crate) async fn answer(&self, recorder: &Recorder) -> Reply {
        let request = &recorder.request;
        let rescind = match request.path.starts_with("/oauth/status") {
            // Its lists are kept for a second, and that clock is not the sandbox's.
            true => Rescind::new(self.service().clone(), self.rescind.settings().clone()).ok(),
            false => None,
        };
        let rescind = rescind.as_ref().unwrap_or(&self.rescind);
        let rescind = rescind.with_service(recorder.around(self.service()));
        match &self.kind {
            Kind::Tokens(..) => {
                let app = App::new()
                    .configure(extractor_problems)
                    .configure(rescind.mount(routes()))
                    .service(web::resource("/login").route(web::post().to(log_in)))
                    .wrap(rescind.guard());
                let app = test::init_service(app).await;
                carry(&app, on_its_way(request).to_request())
                    .with_subscriber(NoSubscriber::default())
                    .await
            }
            Kind::Sessions(life) => {
                let app = App::new()
                    .app_data(web::Data::new(rescind))
                    .configure(plain::configure)
                    .wrap(plain::middleware(
                        &self.hardware.plain,
                        &recorder.meter,
                        self.service(),
                        *life,
                    ));
                let app = test::init_service(app).await;
                carry(&app, on_its_way(request).to_request())
                    .with_subscriber(NoSubscriber::default())
                    .await
            }
        }
    }
}

/// The calls of the demo, so that they answer alike.
fn routes() -> Routes {
    Routes::default()
        .with(Part::SignUp)
        .with(Part::Health)
        .with(Part::Browser)
        .with(Part::Jwks)
        .with(Part::StatusList)
        .whole_prefix()
}

/// The only handler that an application with forms must write itself.
async fn log_in(
    request: actix_web::HttpRequest,
    rescind: Rescind,
    Form(form): Form<NameAndPassword>,
) -> Result<HttpResponse, Problem> {
    let password = Password::new(form.password.as_str());
    browser::log_in(&request, &rescind, &form.username, &password).await?;
    Ok(HttpResponse::SeeOther().insert_header((header::LOCATION, "/")).finish())
}

/// Passes a request to an application.
pub(crate) async fn carry<S, R, B>(app: &S, request: R) -> Reply
where
    S: Service<R, Response = ServiceResponse<B>, Error = actix_web::Error>,
    B: MessageBody + 'static,
{
    match app.call(request).await {
        Ok(reply) => from_response(reply.map_into_boxed_body().into_parts().1).await,
        Err(error) => from_response(error.error_response()).await,
    }
}

/// The request for actix.
pub(crate) fn on_its_way(request: &Request) -> test::TestRequest {
    let mut on_its_way = test::TestRequest::default()
        .method(request.method.clone())
        .uri(&request.path);
    for (name, value) in &request.headers {
        on_its_way = on_its_way.append_header((*name, value.as_str()));
    }
    match &request.body {
        Some(body) => on_its_way.set_payload(body.clone()),
        None => on_its_way,
    }
}

async fn from_response(response: HttpResponse) -> Reply {
    let status = response.status();
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| {
            (
                usual(name.as_str()),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect();
    let body = actix_web::body::to_bytes(response.into_body())
        .await
        .unwrap_or_default();
    let mut reply = Reply {
        status,
        code: None,
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    reply.code = reply.json_member("code");
    reply
}

/// `set-cookie` in its usual case: `Set-Cookie`. On the wire case does not matter (RFC 9110, section 5.1).
fn usual(name: &str) -> String {
    match name {
        "www-authenticate" => return "WWW-Authenticate".to_owned(),
        "x-request-id" => return "X-Request-ID".to_owned(),
        _ => {}
    }
    let mut at_start = true;
    name.chars()
        .map(|letter| {
            let written = if at_start { letter.to_ascii_uppercase() } else { letter };
            at_start = letter == '-';
            written
        })
        .collect()
}
