//! An adopter's application with Rescind in it, on stores in memory and with a clock that stands still.

use std::{cell::RefCell, collections::BTreeMap, pin::Pin, sync::Arc, time::Duration};

use actix_web::{
    App, HttpRequest, HttpResponse,
    cookie::Cookie,
    dev::{Payload, Service},
    error::PayloadError,
    http::{
        Method, StatusCode,
        header::{self, HeaderMap},
    },
    test::{self, TestRequest},
    web::{self, Bytes},
};
use futures::Stream;
use jiff::Timestamp;
use rand::{SeedableRng, rngs::StdRng};
use rescind_api::{
    Authenticated, Form, MaybeAuthenticated, Part, Problem, RateLimit, RequireFresh, RequireLogin, RequireRole,
    RequireScope, Rescind, Routes, STRICT_CONTENT_SECURITY_POLICY, Settings, VerifiedOnly, Visitor, browser,
    extractor_problems,
};
use rescind_session::{
    Config, DemoAccounts, HashingSettings, Keys, ManualClock, Password, Policy, Ports, Session, SessionService,
    SessionState,
    memory::{MemoryBlacklist, MemorySessions, MemoryUsers},
    ports::{Blacklist, SessionStore, UserStore},
    token::{Algorithm, KeyRing, RefreshKey, RefreshKeys, SessionId, SigningKey},
};
use serde_json::{Value, json};

use crate::{
    faulty::{Fault, Faulty},
    openapi::Document,
};

pub(crate) const PASSWORD: &str = "correct horse battery staple";
pub(crate) const ORIGIN: &str = "https://rescind.example";

pub(crate) struct World {
    pub(crate) service: SessionService,
    pub(crate) rescind: Rescind,
    pub(crate) clock: ManualClock,
    /// That clock, as the service reads it.
    pub(crate) time: Arc<Faulty<ManualClock>>,
    pub(crate) users: Arc<Faulty<dyn UserStore>>,
    pub(crate) sessions: Arc<Faulty<dyn SessionStore>>,
    pub(crate) blacklist: Arc<Faulty<dyn Blacklist>>,
}

/// The parts of a world, for tests that need another one.
pub(crate) struct Make {
    pub(crate) policy: Policy,
    pub(crate) public_url: &'static str,
    pub(crate) login_limit: RateLimit,
    pub(crate) signup_limit: RateLimit,
    pub(crate) trusted_proxies: &'static [&'static str],
    pub(crate) hashing: HashingSettings,
    /// Changes the other settings.
    pub(crate) settings: fn(Settings) -> Settings,
    /// Changes the service's configuration.
    pub(crate) config: fn(Config) -> Config,
}

impl Default for Make {
    fn default() -> Self {
        Self {
            policy: Policy::blacklist(),
            public_url: ORIGIN,
            login_limit: RateLimit::Off,
            signup_limit: RateLimit::Off,
            trusted_proxies: &[],
            hashing: HashingSettings::default().memory_kib(64).iterations(1),
            settings: |settings| settings.content_security_policy(STRICT_CONTENT_SECURITY_POLICY),
            config: |config| config,
        }
    }
}

impl Make {
    pub(crate) async fn world(self) -> World {
        let world = self.cold();
        world.service.sync_blacklist(100).await.unwrap();
        for name in ["alice", "bob"] {
            world.service.sign_up(name, &Password::new(PASSWORD)).await.unwrap();
        }
        world
    }

    /// A world without users, whose blacklist is not complete yet.
    pub(crate) fn cold(self) -> World {
        let clock = ManualClock::at("2026-01-01T12:00:00Z".parse().unwrap());
        let time = Arc::new(Faulty::around(Arc::new(clock.clone())));
        let users = Arc::new(Faulty::<dyn UserStore>::around(Arc::new(MemoryUsers::new())));
        let sessions = Arc::new(Faulty::<dyn SessionStore>::around(Arc::new(MemorySessions::new())));
        let blacklist = Arc::new(Faulty::<dyn Blacklist>::around(Arc::new(MemoryBlacklist::new())));
        let mut rng = StdRng::seed_from_u64(7);
        let keys = Keys {
            ring: KeyRing::new(SigningKey::generate(Algorithm::EdDsa).unwrap()),
            refresh: RefreshKeys::new(RefreshKey::generate(&mut rng), Vec::new()).unwrap(),
        };
        let ports = Ports {
            users: users.clone(),
            sessions: sessions.clone(),
            blacklist: blacklist.clone(),
            clock: time.clone(),
        };
        let config = Config::new(self.public_url, "rescind-api")
            .policy(self.policy)
            .hashing(self.hashing)
            .demo_accounts(DemoAccounts::Refused);
        let service = SessionService::new((self.config)(config), keys, ports, rng).unwrap();
        let proxies = self.trusted_proxies.iter().map(|network| network.parse().unwrap());
        let settings = Settings::new(self.public_url.parse().unwrap())
            .trusted_proxies(proxies.collect::<Vec<_>>())
            .login_limit(self.login_limit)
            .signup_limit(self.signup_limit);
        let settings = (self.settings)(settings);
        World {
            rescind: Rescind::new(service.clone(), settings).unwrap(),
            service,
            clock,
            time,
            users,
            sessions,
            blacklist,
        }
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Make::default().world().await
    }

    pub(crate) async fn under(policy: Policy) -> Self {
        Make {
            policy,
            ..Make::default()
        }
        .world()
        .await
    }

    /// Sends one request to a fresh application: state that lasts is in [`Rescind`].
    pub(crate) async fn send(&self, request: TestRequest) -> Reply {
        self.send_with(request, None).await
    }

    /// Sends a request whose body arrives in parts.
    pub(crate) async fn stream(
        &self,
        request: TestRequest,
        parts: impl Stream<Item = Result<Bytes, PayloadError>> + 'static,
    ) -> Reply {
        let parts: Pin<Box<dyn Stream<Item = _>>> = Box::pin(parts);
        self.send_with(request, Some(Payload::from(parts))).await
    }

    async fn send_with(&self, request: TestRequest, body: Option<Payload>) -> Reply {
        let routes = Routes::default()
            .with(Part::SignUp)
            .with(Part::Health)
            .with(Part::Browser)
            .with(Part::Jwks)
            .with(Part::ForwardAuth)
            .with(Part::StatusList)
            .with(Part::OAuth)
            .whole_prefix();
        let app = App::new()
            .configure(extractor_problems)
            .configure(self.rescind.mount(routes))
            .configure(strangers_own)
            .wrap(self.rescind.guard());
        let app = test::init_service(app).await;
        let request = match body {
            Some(body) => request.to_request().replace_payload(body).0,
            None => request.to_request(),
        };
        let (method, path) = (request.method().clone(), request.path().to_owned());
        let (status, headers, body) = match app.call(request).await {
            Ok(reply) => {
                let (status, headers) = (reply.status(), reply.headers().clone());
                (status, headers, test::read_body(reply).await)
            }
            Err(error) => {
                let reply = error.error_response();
                let (status, headers) = (reply.status(), reply.headers().clone());
                (
                    status,
                    headers,
                    actix_web::body::to_bytes(reply.into_body()).await.unwrap_or_default(),
                )
            }
        };
        let reply = Reply {
            status,
            headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        };
        let settings = self.rescind.settings();
        let is_usual = (settings.refresh_path == "/refresh" && settings.logout_path == "/logout")
            && (settings.forward_auth_same_method || !path.starts_with("/auth/check/"));
        if is_usual {
            Document::get().await.check(&method, &path, &reply);
        }
        reply
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Reply {
        self.send(call(Method::GET, path).insert_header((header::AUTHORIZATION, format!("Bearer {token}"))))
            .await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(call(Method::POST, path).set_json(body)).await
    }

    pub(crate) async fn post_as(&self, path: &str, token: &str) -> Reply {
        self.send(call(Method::POST, path).insert_header((header::AUTHORIZATION, format!("Bearer {token}"))))
            .await
    }

    pub(crate) async fn try_login(&self, username: &str, password: &str) -> Reply {
        self.post("/api/login", json!({ "username": username, "password": password }))
            .await
    }

    pub(crate) async fn login(&self) -> Tokens {
        self.login_as("alice").await
    }

    pub(crate) async fn login_as(&self, username: &str) -> Tokens {
        self.try_login(username, PASSWORD).await.tokens()
    }

    pub(crate) async fn refresh(&self, token: &str) -> Reply {
        self.post("/api/refresh", json!({ "refresh_token": token })).await
    }

    pub(crate) async fn me(&self, token: &str) -> Reply {
        self.get("/api/me", token).await
    }

    pub(crate) async fn row(&self, id: SessionId) -> Session {
        self.sessions.find(id).await.unwrap().unwrap()
    }

    pub(crate) fn all_stores_now(&self, fault: Fault) {
        self.users.now(fault);
        self.sessions.now(fault);
        self.blacklist.now(fault);
    }

    pub(crate) fn browser(&self) -> Browser<'_> {
        Browser {
            world: self,
            jar: RefCell::default(),
        }
    }

    /// Moves the time past the expiry of an access token.
    pub(crate) fn let_access_tokens_expire(&self) {
        self.clock.advance(Duration::from_secs(301));
    }
}

/// A request of a program that is not a browser.
pub(crate) fn call(method: Method, path: &str) -> TestRequest {
    TestRequest::with_uri(path)
        .method(method)
        .peer_addr("192.0.2.1:40000".parse().unwrap())
}

pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{} is no JSON: {:?}", self.status, self.body))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap().to_owned()
    }

    /// Asserts that it is that problem, in a complete document.
    #[track_caller]
    pub(crate) fn is_problem(&self, status: u16, code: &str) {
        assert_eq!(
            (self.status.as_u16(), self.code().as_str()),
            (status, code),
            "{}",
            self.body
        );
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        assert_eq!(self.header("cache-control"), Some("no-store"));
        assert_eq!(
            self.header("retry-after").is_some(),
            matches!(status, 429 | 503),
            "Retry-After"
        );
        assert_eq!(self.header("allow").is_some(), status == 405, "Allow");
        assert_eq!(
            self.header("www-authenticate").is_some(),
            status == 401 || ["authorization_unreadable", "insufficient_scope"].contains(&code),
            "WWW-Authenticate"
        );
    }

    #[track_caller]
    pub(crate) fn is(&self, status: u16) -> &Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self
    }

    #[track_caller]
    pub(crate) fn leads_to(&self, location: &str) {
        assert_eq!(
            (self.status.as_u16(), self.header("location")),
            (303, Some(location)),
            "{}",
            self.body
        );
        assert_eq!(self.header("cache-control"), Some("no-store"));
    }

    pub(crate) fn set_cookies(&self) -> Vec<Cookie<'static>> {
        let parse =
            |value: &actix_web::http::header::HeaderValue| Cookie::parse(value.to_str().unwrap().to_owned()).unwrap();
        self.headers.get_all(header::SET_COOKIE).map(parse).collect()
    }

    #[track_caller]
    pub(crate) fn tokens(&self) -> Tokens {
        self.is(200);
        let body = self.json();
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        Tokens {
            access: text("access_token"),
            refresh: text("refresh_token"),
            session: text("session_id").parse().unwrap(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
    pub(crate) session: SessionId,
}

/// A person with a browser: it keeps cookies, sends origin headers, and does not follow redirects by itself.
pub(crate) struct Browser<'w> {
    pub(crate) world: &'w World,
    pub(crate) jar: RefCell<BTreeMap<String, String>>,
}

impl Browser<'_> {
    /// Goes to a page.
    pub(crate) async fn visit(&self, path: &str) -> Reply {
        self.send(navigation(path)).await
    }

    /// Sends a form.
    pub(crate) async fn submit(&self, path: &str, form: &[(&str, &str)]) -> Reply {
        self.send(from_own_page(call(Method::POST, path)).set_form(form)).await
    }

    /// Sends a request with the cookies, and keeps those of the reply.
    pub(crate) async fn send(&self, request: TestRequest) -> Reply {
        let reply = self.send_but_forget(request).await;
        self.keep(&reply);
        reply
    }

    /// Sends a request with the cookies; those of the reply are lost, or late.
    pub(crate) async fn send_but_forget(&self, request: TestRequest) -> Reply {
        let jar = self.jar.borrow().clone();
        let cookies: Vec<_> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = if cookies.is_empty() {
            request
        } else {
            request.insert_header((header::COOKIE, cookies.join("; ")))
        };
        self.world.send(request).await
    }

    pub(crate) fn keep(&self, reply: &Reply) {
        for cookie in reply.set_cookies() {
            if cookie.max_age().is_some_and(|life| life.is_zero()) {
                self.jar.borrow_mut().remove(cookie.name());
            } else {
                self.jar
                    .borrow_mut()
                    .insert(cookie.name().to_owned(), cookie.value().to_owned());
            }
        }
    }

    pub(crate) async fn log_in(&self, username: &str) -> SessionId {
        let reply = self
            .submit("/login", &[("username", username), ("password", PASSWORD)])
            .await;
        reply.is(200);
        reply.body.parse().unwrap()
    }

    pub(crate) fn cookie(&self, name: &str) -> String {
        self.jar.borrow().get(name).cloned().unwrap_or_default()
    }

    pub(crate) fn holds_no_token(&self) -> bool {
        self.access().is_empty() && self.refresh().is_empty()
    }

    pub(crate) fn plant(&self, name: &str, value: &str) {
        self.jar.borrow_mut().insert(name.to_owned(), value.to_owned());
    }

    pub(crate) fn access(&self) -> String {
        self.cookie(ACCESS)
    }

    pub(crate) fn refresh(&self) -> String {
        self.cookie(REFRESH)
    }
}

pub(crate) const ACCESS: &str = "__Host-rescind_access";
pub(crate) const REFRESH: &str = "__Host-rescind_refresh";

pub(crate) fn navigation(path: &str) -> TestRequest {
    call(Method::GET, path)
        .insert_header(("sec-fetch-dest", "document"))
        .insert_header(("sec-fetch-site", "none"))
}

pub(crate) fn from_own_page(request: TestRequest) -> TestRequest {
    request
        .insert_header(("sec-fetch-site", "same-origin"))
        .insert_header((header::ORIGIN, ORIGIN))
}

/// An adopter's own pages and calls.
fn strangers_own(cfg: &mut web::ServiceConfig) {
    cfg.route("/login", web::post().to(login_form))
        .route("/mine", web::get().to(mine))
        .route("/mine", web::post().to(mine))
        .route("/page", web::get().to(page))
        .route("/verified-only", web::get().to(verified_only))
        .route("/maybe", web::get().to(maybe))
        .route("/option", web::get().to(option))
        .service(
            web::resource("/admin")
                .wrap(RequireRole::new("admin"))
                .route(web::get().to(mine)),
        )
        .service(
            web::resource("/write")
                .wrap(RequireScope::new("orders:write"))
                .route(web::get().to(mine)),
        )
        .service(
            web::resource("/payout")
                .wrap(RequireFresh::within(Duration::from_secs(60)))
                .route(web::get().to(mine)),
        )
        .route("/needs", web::get().to(needs))
        .service(
            web::scope("/private")
                .wrap(RequireLogin)
                .route("/mine", web::get().to(mine))
                .route("/plain", web::get().to(|| async { "plain" })),
        )
        .route("/renew", web::post().to(renew))
        .route("/passkey-again", web::post().to(passkey_again))
        .route("/password", web::post().to(password_form))
        .route("/why", web::get().to(why))
        .route("/notice", web::get().to(notice))
        .route("/json", web::post().to(|_: web::Json<u32>| async { "read" }))
        .route(
            "/form",
            web::post().to(|_: Form<Vec<(String, String)>>| async { "read" }),
        )
        .route(
            "/actix-form",
            web::post().to(|_: web::Form<Vec<(String, String)>>| async { "read" }),
        )
        .route("/seen", web::get().to(seen))
        .route(
            "/own-404",
            web::get().to(|| async { HttpResponse::NotFound().content_type("text/html").body("<p>Sold out.") }),
        )
        .route("/numbers/{n}", web::get().to(|_: web::Path<u32>| async { "read" }))
        .route("/own-headers", web::get().to(own_headers))
        .service(
            web::resource("/gives-up")
                .wrap(actix_web::middleware::from_fn(gives_up))
                .route(web::get().to(HttpResponse::Ok)),
        );
}

#[derive(serde::Deserialize)]
struct LoginForm {
    username: String,
    password: String,
}

#[derive(serde::Deserialize)]
struct PasswordForm {
    old: String,
    new: String,
}

async fn password_form(
    request: HttpRequest,
    asks: Authenticated,
    rescind: Rescind,
    Form(form): Form<PasswordForm>,
) -> Result<HttpResponse, Problem> {
    let user = rescind.service().user(asks.user_id()).await?.unwrap();
    let PasswordForm { old, new } = form;
    let (old, new) = (Password::new(old), Password::new(new));
    browser::change_password(&request, &rescind, (&asks, &user), &old, &new).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Why the person has to log in again.
async fn why(request: HttpRequest, rescind: Rescind) -> Result<String, Problem> {
    let ended = browser::ended_session(&request, &rescind).await?;
    Ok(ended.map_or_else(
        || "nothing".to_owned(),
        |session| match (session.state, session.device.address) {
            (SessionState::Closed { cause, .. }, None) => cause.name().to_owned(),
            (SessionState::Closed { cause, .. }, Some(address)) => format!("{} at {address}", cause.name()),
            (SessionState::Open, _) => "open".to_owned(),
        },
    ))
}

#[derive(serde::Deserialize)]
struct Reader {
    of: Option<SessionId>,
}

/// The notice, shown once.
async fn notice(request: HttpRequest, rescind: Rescind, reader: web::Query<Reader>) -> HttpResponse {
    match browser::Notice::take(&request, &rescind, reader.of) {
        Some((notice, read)) => HttpResponse::Ok().cookie(read).body(format!("{notice:?}")),
        None => HttpResponse::Ok().body("nothing"),
    }
}

async fn login_form(
    request: HttpRequest,
    rescind: Rescind,
    Form(form): Form<LoginForm>,
) -> Result<HttpResponse, Problem> {
    let password = Password::new(form.password.clone());
    let login = browser::log_in(&request, &rescind, &form.username, &password).await?;
    if request.query_string() == "fails" {
        return Err(Problem::NotFound);
    }
    if request.query_string() == "hangs" {
        std::future::pending::<()>().await;
    }
    Ok(HttpResponse::Ok().body(login.claims().session_id.to_string()))
}

/// An application that asked for a passkey again, not for a password.
async fn passkey_again(request: HttpRequest, rescind: Rescind, caller: Authenticated) -> Result<HttpResponse, Problem> {
    let attempt = rescind.service().begin_login(caller.user_id().clone()).await?;
    let issued = attempt.renew_session(caller.session_id()).await?;
    let renewed = browser::reauthenticated(&request, &rescind, issued)?;
    Ok(HttpResponse::Ok().body(renewed.claims().session_id.to_string()))
}

async fn mine(caller: Authenticated) -> String {
    format!("{} {:?}", caller.session_id(), caller.transport())
}

async fn verified_only(caller: VerifiedOnly) -> String {
    format!("{} {:?}", caller.session_id(), caller.transport())
}

/// The same as methods.
async fn needs(request: HttpRequest, caller: Authenticated) -> Result<&'static str, Problem> {
    match request.query_string() {
        "role" => caller.require_role("admin")?,
        "scope" => caller.require_scope("orders:write")?,
        _ => caller.require_fresh(Duration::from_secs(60))?,
    }
    Ok("has it")
}

async fn maybe(MaybeAuthenticated(caller): MaybeAuthenticated) -> &'static str {
    caller.map_or("nobody", |_| "somebody")
}

async fn option(caller: Option<Authenticated>) -> &'static str {
    caller.map_or("nobody", |_| "somebody")
}

async fn page(request: HttpRequest, visitor: Visitor) -> HttpResponse {
    match visitor {
        Visitor::Anonymous => HttpResponse::Ok().body("anonymous"),
        Visitor::LoggedIn(who) => HttpResponse::Ok().body(who.session_id().to_string()),
        Visitor::Stale => browser::to_refresh(&request),
    }
}

async fn seen(request: HttpRequest, _: Visitor) -> String {
    Visitor::seen(&request).map_or("nobody".to_owned(), |who| who.session_id().to_string())
}

async fn renew(request: HttpRequest, rescind: Rescind) -> Result<HttpResponse, Problem> {
    browser::renew(&request, &rescind).await?;
    if request.query_string() == "fails" {
        return Err(Problem::NotFound);
    }
    Ok(HttpResponse::Ok().body("renewed, press again"))
}

async fn own_headers(_: Authenticated) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(("content-security-policy", "default-src 'self'"))
        .insert_header(("cache-control", "private, max-age=5"))
        .finish()
}

async fn gives_up(
    _: actix_web::dev::ServiceRequest,
    _: actix_web::middleware::Next<impl actix_web::body::MessageBody>,
) -> Result<actix_web::dev::ServiceResponse, actix_web::Error> {
    Err(Problem::NotFound.into())
}

pub(crate) fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}
