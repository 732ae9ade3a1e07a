//! A resource server that asks the issuer about each token (RFC 7662).

use std::{
    net::TcpListener,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    dev::Service,
    test::{self, TestRequest},
    web,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use rescind_api::{
    Authenticated, Introspection, IntrospectionSettings, Part, ResourceServer, ResourceServerError,
    ResourceServerSettings, RevocationCheck, Routes,
};

use tokio::time::Instant;

use crate::{
    oauth::{login_of, world},
    world::{ORIGIN, World},
};

/// What the test wants the issuer to say instead of its own answer.
type Said = Arc<Mutex<Option<(u16, String)>>>;

/// The issuer on a socket, and a resource server that introspects there.
struct Both {
    world: World,
    url: String,
    asked: Arc<AtomicUsize>,
    heard: Arc<Mutex<Vec<(String, String)>>>,
    says: Said,
    server: ResourceServer,
}

fn settings(url: &str) -> IntrospectionSettings {
    let mut settings = IntrospectionSettings::new(url, "app", "app-secret-of-16-bytes".to_owned().into());
    settings.timeout = Duration::from_secs(10);
    settings
}

impl Both {
    async fn start(change: impl FnOnce(&mut IntrospectionSettings)) -> Self {
        let world = world().await;
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (asked, says, heard) = (Arc::default(), Said::default(), Arc::<Mutex<Vec<_>>>::default());
        let (rescind, counts, told, hears) = (
            world.rescind.clone(),
            Arc::clone(&asked),
            Arc::clone(&says),
            Arc::clone(&heard),
        );
        let server = HttpServer::new(move || {
            let (counts, told, hears): (Arc<AtomicUsize>, _, _) =
                (Arc::clone(&counts), Arc::clone(&told), Arc::clone(&hears));
            App::new()
                .wrap_fn(move |request, app| {
                    let said = (request.path() == "/oauth/introspect").then(|| {
                        counts.fetch_add(1, Ordering::SeqCst);
                        let value = |name| request.headers().get(name).unwrap().to_str().unwrap().to_owned();
                        hears
                            .lock()
                            .unwrap()
                            .push((value("authorization"), value("content-type")));
                        told.lock().unwrap().clone()
                    });
                    let answered = said.flatten().map(|(status, body)| {
                        HttpResponse::build(status.try_into().unwrap())
                            .insert_header(("location", "/elsewhere"))
                            .body(body)
                    });
                    let request = match answered {
                        Some(reply) => Err(request.into_response(reply)),
                        None => Ok(app.call(request)),
                    };
                    async move {
                        match request {
                            Err(reply) => Ok(reply),
                            Ok(reply) => reply.await.map(actix_web::dev::ServiceResponse::map_into_boxed_body),
                        }
                    }
                })
                .configure(rescind.mount(Routes::default().with(Part::Jwks).with(Part::OAuth)))
        });
        let server = server.workers(1).disable_signals().listen(listener).unwrap().run();
        tokio::spawn(server);
        let mut introspecting = settings(&url);
        change(&mut introspecting);
        let reader = Arc::new(Introspection::new(introspecting).unwrap());
        let mut keys = ResourceServerSettings::new(ORIGIN, "rescind-api");
        keys.jwks_url = format!("{url}/.well-known/jwks.json");
        keys.clock = Arc::new(world.clock.clone());
        keys.timeout = Duration::from_secs(20);
        Self {
            server: ResourceServer::new(keys, RevocationCheck::By(reader)).unwrap(),
            world,
            url,
            asked,
            heard,
            says,
        }
    }

    async fn get(&self, token: &str) -> crate::world::Reply {
        let app = App::new().app_data(web::Data::new(self.server.clone())).route(
            "/mine",
            web::get().to(|caller: Authenticated, _: HttpRequest| async move { caller.session_id().to_string() }),
        );
        let app = test::init_service(app).await;
        let request = TestRequest::get()
            .uri("/mine")
            .insert_header(("authorization", format!("Bearer {token}")));
        let reply = app.call(request.to_request()).await.unwrap();
        let (status, headers) = (reply.status(), reply.headers().clone());
        let body = String::from_utf8(test::read_body(reply).await.to_vec()).unwrap();
        crate::world::Reply { status, headers, body }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn says(&self, status: u16, body: &str) {
        *self.says.lock().unwrap() = Some((status, body.to_owned()));
    }
}

#[tokio::test]
async fn without_a_cache_each_request_asks_and_a_logout_counts_at_once() {
    let both = Both::start(|_| ()).await;
    let (tokens, other) = (both.world.login().await, both.world.login().await);
    for n in 1..=3 {
        assert_eq!(both.get(&tokens.access).await.is(200).body, tokens.session.to_string());
        assert_eq!(both.asked(), n);
    }
    both.world.post_as("/api/logout", &tokens.access).await.is(204);
    both.get(&tokens.access).await.is_problem(401, "token_revoked");
    both.get(&other.access).await.is(200);
}

/// Only genuine tokens leave the machine.
#[tokio::test]
async fn a_token_that_is_refused_here_is_not_sent_to_the_issuer() {
    let both = Both::start(|settings| settings.cache = Duration::from_secs(1)).await;
    let token = both.world.login().await.access;
    both.get("no.jwt.token").await.is_problem(401, "token_invalid");
    both.get(&format!("{token}x")).await.is_problem(401, "token_invalid");
    assert_eq!(both.asked(), 0);
    both.get(&token).await.is(200);
    // Not past its expiry, although the answer is kept.
    both.world.let_access_tokens_expire();
    both.get(&token).await.is_problem(401, "token_expired");
    assert_eq!(both.asked(), 1);
}

#[tokio::test]
async fn a_kept_answer_is_used_for_a_second_at_most() {
    let both = Both::start(|settings| settings.cache = Duration::from_secs(1)).await;
    let tokens = both.world.login().await;
    for _ in 0..50 {
        both.get(&tokens.access).await.is(200);
    }
    assert!(both.asked() < 50, "{}", both.asked());
    both.world.post_as("/api/logout", &tokens.access).await.is(204);
    let logged_out = Instant::now();
    loop {
        let began = Instant::now();
        let reply = both.get(&tokens.access).await;
        if reply.status == 401 {
            reply.is_problem(401, "token_revoked");
            break;
        }
        reply.is(200);
        assert!(began - logged_out < Duration::from_secs(1), "accepted after the window");
    }
    // A refusal is not kept: each request asks again.
    let asked = both.asked();
    both.get(&tokens.access).await.is_problem(401, "token_revoked");
    assert_eq!(both.asked(), asked + 1);
}

#[tokio::test]
async fn the_cache_is_bounded() {
    let both = Both::start(|settings| {
        settings.cache = Duration::from_secs(1);
        settings.cache_entries = 1;
    })
    .await;
    let (one, other) = (both.world.login().await, both.world.login().await);
    for _ in 0..5 {
        both.get(&one.access).await.is(200);
        both.get(&other.access).await.is(200);
    }
    assert_eq!(both.asked(), 10);
    let none = Both::start(|settings| {
        settings.cache = Duration::from_secs(1);
        settings.cache_entries = 0;
    })
    .await;
    let token = none.world.login().await.access;
    for _ in 0..3 {
        none.get(&token).await.is(200);
    }
    assert_eq!(none.asked(), 3);
}

#[tokio::test]
async fn any_answer_that_is_none_is_503() {
    let both = Both::start(|_| ()).await;
    let token = both.world.login().await.access;
    both.get(&token).await.is(200);
    let long = format!(r#"{{"active":true,"x":"{}"}}"#, "x".repeat(70 * 1024));
    for (status, body) in [
        (500, r#"{"active":true}"#),
        (401, r#"{"error":"invalid_client"}"#),
        (503, ""),
        (302, r#"{"active":true}"#),
        (204, ""),
        (200, ""),
        (200, "<html>"),
        (200, "{}"),
        (200, r#"{"active":"true"}"#),
        (200, r#"{"active":1}"#),
        (200, r#"[true]"#),
        (200, long.as_str()),
    ] {
        both.says(status, body);
        both.get(&token).await.is_problem(503, "store_unavailable");
    }
    both.says(200, r#"{"active":true}"#);
    both.get(&token).await.is(200);
    both.says(200, r#"{"active":false}"#);
    both.get(&token).await.is_problem(401, "token_revoked");
}

#[tokio::test]
async fn an_issuer_that_cannot_answer_or_is_silent_or_gone_is_503() {
    let both = Both::start(|_| ()).await;
    let token = both.world.login().await.access;
    both.get(&token).await.is(200);
    both.world.blacklist.now(crate::faulty::Fault::Fails);
    both.get(&token).await.is_problem(503, "store_unavailable");
    both.world.blacklist.now(crate::faulty::Fault::None);
    both.get(&token).await.is(200);

    // One accepts connections and never answers, the other hangs up. An address of nobody would soon be another test's.
    let [silent, gone] = [0; 2].map(|port| TcpListener::bind(("127.0.0.1", port)).unwrap());
    let addresses = [&silent, &gone].map(|listener| listener.local_addr().unwrap());
    std::thread::spawn(move || gone.incoming().for_each(drop));
    for address in addresses {
        let mut settings = settings(&format!("http://{address}"));
        settings.timeout = Duration::from_millis(200);
        let reader = Arc::new(Introspection::new(settings).unwrap());
        let server = both.server.with_check(RevocationCheck::By(reader));
        let refused = tokio::time::timeout(Duration::from_secs(10), server.authenticate(&token))
            .await
            .unwrap();
        assert!(matches!(
            refused,
            Err(rescind_session::AuthenticateError::Unavailable(_))
        ));
    }
}

#[tokio::test]
async fn only_tokens_of_its_own_client_and_of_no_client_are_accepted() {
    let both = Both::start(|_| ()).await;
    let own = login_of(&both.world, "app:app-secret-of-16-bytes").await;
    let other = login_of(&both.world, "other:other-secret-of-16-bytes").await;
    both.get(&own.access).await.is(200);
    both.get(&other.access).await.is_problem(401, "token_revoked");
    let wrong = Introspection::new(IntrospectionSettings::new(&both.url, "app", "wrong".to_owned().into())).unwrap();
    let server = both.server.with_check(RevocationCheck::By(Arc::new(wrong)));
    assert!(
        server
            .authenticate(&own.access)
            .await
            .is_err_and(|error| { matches!(error, rescind_session::AuthenticateError::Unavailable(_)) })
    );
}

/// RFC 6749, section 2.3.1, and RFC 7662, section 2.1.
#[tokio::test]
async fn the_clients_credentials_are_form_urlencoded_and_printed_nowhere() {
    let both = Both::start(|settings| {
        settings.client_id = "my:app".to_owned();
        settings.client_secret = "a+b c%".to_owned().into();
    })
    .await;
    both.says(200, r#"{"active":true}"#);
    both.get(&both.world.login().await.access).await.is(200);
    let (authorization, kind) = both.heard.lock().unwrap().pop().unwrap();
    let sent = STANDARD.decode(authorization.strip_prefix("Basic ").unwrap()).unwrap();
    assert_eq!(String::from_utf8(sent).unwrap(), "my%3Aapp:a%2Bb+c%25");
    assert_eq!(kind, "application/x-www-form-urlencoded");
    assert!(!format!("{:?}", settings(&both.url).client_secret).contains("app-secret-of-16-bytes"));
}

#[tokio::test]
async fn an_introspection_needs_https_and_a_short_window() {
    let with = |url: &str, allow, cache| {
        let mut settings = IntrospectionSettings::new("https://auth.example/", "app", "x".to_owned().into());
        assert_eq!(settings.url, "https://auth.example/oauth/introspect");
        (settings.url, settings.allow_plain_http, settings.cache) = (url.to_owned(), allow, cache);
        Introspection::new(settings).map(drop)
    };
    let second = Duration::from_secs(1);
    for url in [
        "http://auth.example/x",
        "ftp://localhost/x",
        "x",
        "http://127.0.0.1.example/x",
    ] {
        assert!(
            matches!(with(url, false, second), Err(ResourceServerError::IntrospectionUrl)),
            "{url}"
        );
    }
    assert!(with("http://auth.example/x", true, second).is_ok());
    assert!(with("http://127.0.0.1:1/x", false, second).is_ok());
    let longer = second + Duration::from_nanos(1);
    assert!(matches!(
        with("http://127.0.0.1:1/x", false, longer),
        Err(ResourceServerError::IntrospectionCache)
    ));
}
