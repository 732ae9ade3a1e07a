//! A server that accepts an issuer's tokens by its public keys, without a database.

use std::{
    net::TcpListener,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use actix_web::{
    App, HttpResponse, HttpServer,
    dev::{ServerHandle, Service},
    test::{self, TestRequest},
    web,
};
use async_trait::async_trait;
use rescind_api::{
    Authenticated, RequireLogin, ResourceServer, ResourceServerError, ResourceServerSettings, RevocationCheck, Routes,
    Transport, VerifiedOnly,
};
use rescind_session::{
    Clock, ClockNotReady, Keys, LogId, ManualClock, RevocationReader, SignedDuration, Timestamp, VerifiedToken,
    ports::{Blacklist, RevocationStatus, SessionStore, StoreError},
    token::{Algorithm, KeyRing, SigningKey},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{ORIGIN, Reply, World};

/// The issuer, as its keys' readers see it. It answers what the test sets.
pub(crate) struct Issuer {
    pub(crate) url: String,
    reply: Arc<Mutex<(u16, &'static str, String)>>,
    fetches: Arc<AtomicUsize>,
    handle: ServerHandle,
}

impl Issuer {
    pub(crate) async fn start() -> Self {
        let reply = Arc::new(Mutex::new((200, "max-age=60", String::new())));
        let fetches = Arc::new(AtomicUsize::new(0));
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let (answers, counts) = (Arc::clone(&reply), Arc::clone(&fetches));
        let server = HttpServer::new(move || {
            let (answers, counts) = (Arc::clone(&answers), Arc::clone(&counts));
            let keys = move || {
                counts.fetch_add(1, Ordering::SeqCst);
                let (status, caching, body) = answers.lock().unwrap().clone();
                let mut reply = HttpResponse::build(status.try_into().unwrap());
                reply.insert_header(("cache-control", caching));
                async move { reply.body(body) }
            };
            App::new().route("/keys", web::get().to(keys))
        });
        let server = server.workers(1).disable_signals().listen(listener).unwrap().run();
        let handle = server.handle();
        tokio::spawn(server);
        Self {
            url,
            reply,
            fetches,
            handle,
        }
    }

    pub(crate) fn publishes(&self, document: &Value) {
        *self.reply.lock().unwrap() = (200, "max-age=60", document.to_string());
    }

    fn answers(&self, status: u16, caching: &'static str, body: &str) {
        *self.reply.lock().unwrap() = (status, caching, body.to_owned());
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }
}

/// A reader of the issuer's own blacklist, which vouches for one log.
struct Reader {
    blacklist: Arc<dyn Blacklist>,
    log: Mutex<LogId>,
}

#[async_trait]
impl RevocationReader for Reader {
    async fn status(&self, token: &VerifiedToken<'_>) -> Result<RevocationStatus, StoreError> {
        if token.log != Some(*self.log.lock().unwrap()) {
            return Ok(RevocationStatus::Incomplete);
        }
        self.blacklist
            .check(token.claims.token_id, token.claims.session_id)
            .await
    }
}

struct Both {
    world: World,
    issuer: Issuer,
    reader: Arc<Reader>,
    server: ResourceServer,
}

impl Both {
    async fn start() -> Self {
        let world = World::new().await;
        let issuer = Issuer::start().await;
        let reader = Arc::new(Reader {
            blacklist: world.blacklist.clone(),
            log: Mutex::new(world.sessions.log().await.unwrap()),
        });
        let server = ResourceServer::new(settings(&world, &issuer.url), RevocationCheck::By(reader.clone())).unwrap();
        let both = Self {
            world,
            issuer,
            reader,
            server,
        };
        both.issuer.publishes(&both.document());
        both
    }

    /// What the issuer publishes now.
    fn document(&self) -> Value {
        let mut document = self.world.service.keys().ring.to_jwks();
        document["rescind_log"] = json!(self.world.service.revocation_log().unwrap().as_uuid());
        document
    }

    fn replace_keys(&self) {
        let refresh = self.world.service.keys().refresh.clone();
        let ring = KeyRing::new(SigningKey::generate(Algorithm::Es256).unwrap());
        self.world.service.replace_keys(Keys { ring, refresh });
    }

    async fn get(&self, path: &str, token: &str) -> Reply {
        ask(&self.server, path, Some(token)).await
    }

    fn later(&self, seconds: u64) {
        self.world.clock.advance(Duration::from_secs(seconds));
    }
}

pub(crate) fn settings(world: &World, url: &str) -> ResourceServerSettings {
    let mut settings = ResourceServerSettings::new(ORIGIN, "rescind-api");
    settings.jwks_url = url.to_owned();
    settings.clock = Arc::new(world.clock.clone());
    settings
}

pub(crate) async fn mine(caller: Authenticated) -> String {
    assert_eq!(caller.transport(), Transport::Bearer);
    caller.session_id().to_string()
}

/// An application without a service: two routes, one of which does not check revocations.
async fn ask(server: &ResourceServer, path: &str, token: Option<&str>) -> Reply {
    let unchecked = server.with_check(RevocationCheck::NotChecked);
    let app = App::new()
        .app_data(web::Data::new(server.clone()))
        .route("/checked", web::get().to(mine))
        .service(
            web::resource("/unchecked")
                .app_data(web::Data::new(unchecked))
                .route(web::get().to(mine)),
        );
    let strict = web::resource("/checked").app_data(web::Data::new(server.clone()));
    let app = app
        .route(
            "/verified-only",
            web::get().to(|caller: VerifiedOnly| async move { caller.session_id().to_string() }),
        )
        .service(
            web::scope("/lax")
                .app_data(web::Data::new(server.with_check(RevocationCheck::NotChecked)))
                .wrap(RequireLogin)
                .service(strict.route(web::get().to(mine))),
        );
    let app = test::init_service(app).await;
    let mut request = TestRequest::get().uri(path);
    if let Some(token) = token {
        request = request.insert_header(("authorization", format!("Bearer {token}")));
    }
    let reply = app.call(request.to_request()).await.unwrap();
    let (status, headers) = (reply.status(), reply.headers().clone());
    Reply {
        status,
        headers,
        body: String::from_utf8(test::read_body(reply).await.to_vec()).unwrap(),
    }
}

#[tokio::test]
async fn a_token_is_accepted_by_the_issuers_public_keys_alone() {
    let both = Both::start().await;
    let tokens = both.world.login().await;
    let reply = both.get("/checked", &tokens.access).await;
    assert_eq!(reply.is(200).body, tokens.session.to_string());

    ask(&both.server, "/checked", None)
        .await
        .is_problem(401, "token_missing");
    both.get("/checked", "no.jwt.token")
        .await
        .is_problem(401, "token_invalid");
    both.world.let_access_tokens_expire();
    both.get("/checked", &tokens.access)
        .await
        .is_problem(401, "token_expired");
}

#[tokio::test]
async fn keys_are_fetched_by_the_machines_clock_unless_another_is_given() {
    let issuer = Issuer::start().await;
    issuer.answers(200, "max-age=60", r#"{"keys":[]}"#);
    let mut settings = ResourceServerSettings::new(ORIGIN, "rescind-api");
    settings.jwks_url.clone_from(&issuer.url);
    let server = ResourceServer::new(settings, RevocationCheck::NotChecked).unwrap();
    for _ in 0..5 {
        server.fetch_keys().await.unwrap();
    }
    assert_eq!(issuer.fetches(), 1);
}

/// A clock that was right or wrong when it was read.
struct Drifting(ManualClock, Mutex<SignedDuration>);

impl Clock for Drifting {
    fn now(&self) -> Result<Timestamp, ClockNotReady> {
        self.0.now()
    }

    fn drift(&self) -> SignedDuration {
        *self.1.lock().unwrap()
    }
}

#[tokio::test]
async fn a_machine_clock_that_is_set_by_30_s_ends_all_acceptance() {
    let both = Both::start().await;
    let tokens = both.world.login().await;
    let clock = Arc::new(Drifting(both.world.clock.clone(), Mutex::default()));
    let mut settings = settings(&both.world, &both.issuer.url);
    settings.clock = clock.clone();
    let server = ResourceServer::new(settings, RevocationCheck::NotChecked).unwrap();
    for (drift, accepted) in [(0, true), (29, true), (30, false), (-30, false), (-29, true)] {
        *clock.1.lock().unwrap() = SignedDuration::from_secs(drift);
        let reply = ask(&server, "/checked", Some(&tokens.access)).await;
        match accepted {
            true => {
                reply.is(200);
            }
            false => {
                reply.is_problem(503, "store_unavailable");
                assert_eq!(reply.json()["reason"], "clock");
            }
        }
    }
}

#[tokio::test]
async fn a_logout_counts_at_once_except_where_it_is_not_checked() {
    let both = Both::start().await;
    let tokens = both.world.login().await;
    both.get("/checked", &tokens.access).await.is(200);
    both.world.post_as("/api/logout", &tokens.access).await.is(204);
    both.get("/checked", &tokens.access)
        .await
        .is_problem(401, "token_revoked");
    both.get("/unchecked", &tokens.access).await.is(200);
    assert!(both.server.verify_signature_only(&tokens.access).await.is_ok());
}

#[tokio::test]
async fn verified_only_checks_no_revocation_and_a_route_is_no_laxer_than_it_says() {
    let both = Both::start().await;
    let token = both.world.login().await.access;
    for path in ["/verified-only", "/lax/checked"] {
        both.get(path, &token).await.is(200);
    }
    both.world.post_as("/api/logout", &token).await.is(204);
    both.get("/verified-only", &token).await.is(200);
    both.get("/lax/checked", &token).await.is_problem(401, "token_revoked");
}

#[tokio::test]
async fn a_new_key_is_fetched_when_a_token_names_it() {
    let both = Both::start().await;
    let before = both.world.login().await;
    both.get("/checked", &before.access).await.is(200);
    both.replace_keys();
    both.issuer.publishes(&both.document());
    both.later(11);
    let after = both.world.login().await;
    both.get("/checked", &after.access).await.is(200);
    // Replaced while running: the old key is gone.
    both.get("/checked", &before.access)
        .await
        .is_problem(401, "token_invalid");
    assert_eq!(both.issuer.fetches(), 2);
}

#[tokio::test]
async fn unknown_keys_cause_one_fetch_in_an_interval() {
    let both = Both::start().await;
    let tokens = both.world.login().await;
    both.get("/checked", &tokens.access).await.is(200);
    both.later(11);
    both.replace_keys();
    for _ in 0..20 {
        let foreign = both.world.login().await;
        both.get("/checked", &foreign.access)
            .await
            .is_problem(401, "token_invalid");
    }
    assert_eq!(both.issuer.fetches(), 2);
    both.get("/checked", &tokens.access).await.is(200);
}

#[tokio::test]
async fn keys_are_read_again_when_their_cache_control_says_so() {
    let both = Both::start().await;
    let tokens = both.world.login().await;
    for (wait, fetches) in [(0, 1), (59, 1), (1, 2), (59, 2)] {
        both.later(wait);
        both.get("/checked", &tokens.access).await.is(200);
        assert_eq!(both.issuer.fetches(), fetches);
    }
    both.issuer
        .answers(200, "public, no-cache", &both.document().to_string());
    both.later(1);
    for (wait, fetches) in [(0, 3), (9, 3), (1, 4)] {
        both.later(wait);
        both.get("/checked", &tokens.access).await.is(200);
        assert_eq!(both.issuer.fetches(), fetches, "no more often than the interval");
    }
}

#[tokio::test]
async fn the_same_keys_read_again_leave_verified_tokens_verified_and_others_do_not() {
    let both = Both::start().await;
    let tokens = both.world.login().await;
    for (fetches, hits) in [(1, 0), (2, 1)] {
        both.get("/checked", &tokens.access).await.is(200);
        let cache = both.server.token_cache();
        assert_eq!((both.issuer.fetches(), cache.hits, cache.misses), (fetches, hits, 1));
        both.later(60);
    }
    both.replace_keys();
    both.issuer.publishes(&both.document());
    both.get("/checked", &tokens.access)
        .await
        .is_problem(401, "token_invalid");
    assert_eq!(both.server.token_cache().hits, 1);
}

#[tokio::test]
async fn old_keys_are_used_for_a_while_if_the_issuer_fails_and_then_503() {
    let both = Both::start().await;
    both.get("/checked", &both.world.login().await.access).await.is(200);
    for (status, body) in [(500, ""), (302, ""), (200, "<html>"), (200, "{}")] {
        both.issuer.answers(status, "max-age=60", body);
        both.later(90);
        both.get("/checked", &both.world.login().await.access).await.is(200);
    }
    both.later(60 * 60);
    let tokens = both.world.login().await;
    both.get("/checked", &tokens.access)
        .await
        .is_problem(503, "store_unavailable");
    both.issuer.publishes(&both.document());
    both.later(11);
    both.get("/checked", &tokens.access).await.is(200);
    // An issuer that has withdrawn all its keys is believed.
    both.issuer.publishes(&json!({ "keys": [] }));
    both.later(61);
    both.get("/checked", &tokens.access)
        .await
        .is_problem(401, "token_invalid");
}

#[tokio::test]
async fn an_issuer_that_is_away_or_silent_is_503_in_time() {
    let both = Both::start().await;
    let tokens = both.world.login().await;
    both.issuer.handle.stop(false).await;
    both.get("/checked", &tokens.access)
        .await
        .is_problem(503, "store_unavailable");

    // It accepts connections and never answers.
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let mut settings = settings(&both.world, &format!("http://{}/keys", silent.local_addr().unwrap()));
    settings.timeout = Duration::from_millis(200);
    let server = ResourceServer::new(settings, RevocationCheck::NotChecked).unwrap();
    let reply = tokio::time::timeout(Duration::from_secs(10), ask(&server, "/checked", Some(&tokens.access)));
    reply.await.unwrap().is_problem(503, "store_unavailable");
    assert!(server.fetch_keys().await.is_err());
}

#[tokio::test]
async fn a_copy_of_another_log_is_not_trusted_until_the_issuer_names_it() {
    let both = Both::start().await;
    let tokens = both.world.login().await;
    both.get("/checked", &tokens.access).await.is(200);
    let other = LogId::from_uuid(Uuid::from_u128(7));
    *both.reader.log.lock().unwrap() = other;
    both.later(11);
    both.get("/checked", &tokens.access)
        .await
        .is_problem(503, "store_unavailable");
    assert_eq!(both.issuer.fetches(), 2, "read again on a mismatch");
    let mut document = both.document();
    document["rescind_log"] = json!(other.as_uuid());
    both.issuer.publishes(&document);
    both.get("/checked", &tokens.access)
        .await
        .is_problem(503, "store_unavailable");
    both.later(11);
    both.get("/checked", &tokens.access).await.is(200);
    // Without a name no copy is trusted.
    document.as_object_mut().unwrap().remove("rescind_log");
    both.issuer.publishes(&document);
    both.later(61);
    both.get("/checked", &tokens.access)
        .await
        .is_problem(503, "store_unavailable");
    both.get("/unchecked", &tokens.access).await.is(200);
}

#[tokio::test]
async fn a_token_from_before_the_issue_floor_is_refused() {
    let both = Both::start().await;
    let tokens = both.world.login().await;
    both.get("/checked", &tokens.access).await.is(200);
    let mut document = both.document();
    document["rescind_issued_from"] = json!(both.world.service.now().unwrap().as_second() + 1);
    both.issuer.publishes(&document);
    both.later(61);
    both.get("/checked", &tokens.access)
        .await
        .is_problem(401, "token_revoked");
    let fresh = both.world.login().await;
    both.get("/checked", &fresh.access).await.is(200);
}

#[tokio::test]
async fn keys_from_another_machine_need_https() {
    let with = |url: &str, allow| {
        let mut settings = ResourceServerSettings::new("https://auth.example", "api");
        settings.jwks_url = url.to_owned();
        settings.allow_plain_http = allow;
        ResourceServer::new(settings, RevocationCheck::NotChecked)
    };
    for url in [
        "http://auth.example/keys",
        "ftp://localhost/keys",
        "keys",
        "http://127.0.0.1.example/keys",
    ] {
        assert!(matches!(with(url, false), Err(ResourceServerError::JwksUrl)), "{url}");
    }
    for url in [
        "http://localhost/keys",
        "http://[::1]/keys",
        "http://127.0.0.1:8080/keys",
    ] {
        assert!(with(url, false).is_ok(), "{url}");
    }
    assert!(with("http://auth.example/keys", true).is_ok());
    let usual = ResourceServerSettings::new("https://auth.example/", "api");
    assert_eq!(usual.jwks_url, "https://auth.example/.well-known/jwks.json");
}

/// The ids of another issuer's users may be those of ours.
#[tokio::test]
async fn our_own_calls_take_no_user_of_another_issuer() {
    let both = Both::start().await;
    let foreign = both.world.login().await.access;
    let own = World::new().await;
    let token = own.login().await.access;
    let app = App::new()
        .app_data(web::Data::new(both.server.clone()))
        .configure(own.rescind.mount(Routes::default()))
        .route("/checked", web::get().to(mine));
    let app = test::init_service(app).await;
    let get = async |path: &str, token: &str| {
        let request = TestRequest::get().uri(path);
        let request = request.insert_header(("authorization", format!("Bearer {token}")));
        test::call_service(&app, request.to_request()).await.status().as_u16()
    };
    for path in ["/api/me", "/api/sessions"] {
        assert_eq!(
            (get(path, &foreign).await, get(path, &token).await),
            (401, 200),
            "{path}"
        );
    }
    assert_eq!(
        (get("/checked", &foreign).await, get("/checked", &token).await),
        (200, 401)
    );
}

/// It would be passed over, perhaps for a laxer one.
#[tokio::test]
async fn a_resource_server_outside_of_web_data_is_an_error() {
    let both = Both::start().await;
    let token = both.world.login().await.access;
    let strict = web::resource("/strict").app_data(both.server.clone());
    let app = App::new()
        .app_data(web::Data::new(both.server.with_check(RevocationCheck::NotChecked)))
        .service(strict.route(web::get().to(mine)));
    let app = test::init_service(app).await;
    let request = TestRequest::get().uri("/strict");
    let request = request.insert_header(("authorization", format!("Bearer {token}")));
    let reply = test::call_service(&app, request.to_request()).await;
    assert_eq!(reply.status().as_u16(), 500);
}
