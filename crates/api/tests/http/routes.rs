//! Which calls an application has, and what it keeps for itself.

use actix_web::{
    App, HttpResponse,
    http::{Method, StatusCode, header},
    test::{self, TestRequest},
    web,
};
use rescind_api::{Authenticated, LimitedLogin, Part, Problem, Rescind, Routes, Settings, browser, handlers};
use serde_json::{Value, json};

use crate::world::{Make, PASSWORD, World, call};

/// Sends one request to an application.
macro_rules! send {
    ($app:expr, $request:expr) => {{
        let app = test::init_service($app).await;
        let reply = test::call_service(&app, $request.to_request()).await;
        let (status, headers) = (reply.status().as_u16(), reply.headers().clone());
        let body = String::from_utf8(test::read_body(reply).await.to_vec()).unwrap();
        (status, headers, body)
    }};
}

fn login(path: &str) -> TestRequest {
    call(Method::POST, path).set_json(json!({ "username": "alice", "password": PASSWORD }))
}

fn code(body: &str) -> String {
    let body: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("no JSON: {body:?}"));
    body["code"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn the_calls_are_under_the_prefix_of_choice() {
    let world = World::new().await;
    let tokens = world.login().await;
    let app = || App::new().configure(world.rescind.mount(Routes::at("/auth")));
    let (status, headers, body) = send!(app(), login("/auth/login"));
    assert_eq!(status, 200, "{body}");
    assert_eq!(headers.get(header::CACHE_CONTROL).unwrap(), "no-store");
    for (method, path) in [
        (Method::GET, "/auth/me"),
        (Method::HEAD, "/auth/me"),
        (Method::GET, "/auth/sessions"),
        (Method::POST, "/auth/logout"),
    ] {
        let request = call(method, path).insert_header((header::AUTHORIZATION, format!("Bearer {}", tokens.access)));
        let (status, headers, body) = send!(app(), request);
        assert!([200, 204].contains(&status), "{path}: {status} {body}");
        assert_eq!(headers.get(header::CACHE_CONTROL).unwrap(), "no-store", "{path}");
    }
    assert_eq!(send!(app(), login("/api/login")).0, 404);
    for prefix in ["auth", "/auth/", "auth/"] {
        let app = App::new().configure(world.rescind.mount(Routes::at(prefix)));
        assert_eq!(send!(app, login("/auth/login")).0, 200, "{prefix}");
    }
    let at_the_root = App::new().configure(world.rescind.mount(Routes::at("/")));
    assert_eq!(send!(at_the_root, login("/login")).0, 200);
}

/// The calls of each part, under the prefix `/a`.
pub(crate) const PARTS: [(Part, &str, &str); 22] = [
    (Part::LogIn, "POST", "/a/login"),
    (Part::Refresh, "POST", "/a/refresh"),
    (Part::LogOut, "POST", "/a/logout"),
    (Part::LogOutEverywhere, "POST", "/a/logout-everywhere"),
    (Part::Reauthenticate, "POST", "/a/reauthenticate"),
    (Part::Me, "GET", "/a/me"),
    (Part::Sessions, "GET", "/a/sessions"),
    (Part::Sessions, "DELETE", "/a/sessions/1"),
    (Part::SignUp, "POST", "/a/users"),
    (Part::Health, "GET", "/health/live"),
    (Part::Health, "GET", "/health/ready"),
    (Part::Jwks, "GET", "/.well-known/jwks.json"),
    (Part::ForwardAuth, "GET", "/auth/check"),
    (Part::StatusList, "GET", "/oauth/status/7"),
    (Part::OAuth, "GET", "/.well-known/oauth-authorization-server"),
    (Part::OAuth, "POST", "/oauth/token"),
    (Part::OAuth, "POST", "/oauth/revoke"),
    (Part::OAuth, "POST", "/oauth/introspect"),
    (Part::OpenApi, "GET", "/a/openapi.json"),
    (Part::Browser, "GET", "/refresh"),
    (Part::Browser, "POST", "/refresh"),
    (Part::Browser, "POST", "/logout"),
];

#[tokio::test]
async fn each_part_can_be_left_out_and_sign_up_has_to_be_added() {
    let world = World::new().await;
    let everything = || {
        Routes::at("/a")
            .with(Part::SignUp)
            .with(Part::Health)
            .with(Part::Browser)
            .with(Part::ForwardAuth)
            .with(Part::StatusList)
            .with(Part::Jwks)
            .with(Part::OAuth)
            .with(Part::OpenApi)
    };
    for (part, method, path) in PARTS {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let without = App::new().configure(world.rescind.mount(everything().without(part)));
        let (status, _, body) = send!(without, call(method.clone(), path));
        assert_eq!((status, body.as_str()), (404, ""), "{path}");
        let with = App::new().configure(world.rescind.mount(everything()));
        let (status, _, body) = send!(with, call(method.clone(), path));
        assert!(status != 404 || !body.is_empty(), "{path}");
        let usual = App::new().configure(world.rescind.mount(Routes::at("/a")));
        let (status, _, body) = send!(usual, call(method, path));
        let is_extra = [
            Part::SignUp,
            Part::Health,
            Part::Browser,
            Part::Jwks,
            Part::ForwardAuth,
            Part::StatusList,
            Part::OAuth,
            Part::OpenApi,
        ]
        .contains(&part);
        assert_eq!(status == 404 && body.is_empty(), is_extra, "{path}");
    }
}

/// Whether the application's routes are registered before or after ours.
#[tokio::test]
async fn other_paths_and_methods_under_the_prefix_are_the_applications() {
    let world = World::new().await;
    let own = |cfg: &mut web::ServiceConfig| {
        cfg.route("/api/login", web::get().to(|| async { "form" }))
            .service(web::scope("/api/shop").route("/cart", web::get().to(|| async { "cart" })))
            .default_service(web::to(|| async { HttpResponse::NotFound().body("theirs") }));
    };
    for first in [true, false] {
        let app = || {
            let mount = world.rescind.mount(Routes::default());
            if first {
                App::new().configure(own).configure(mount)
            } else {
                App::new().configure(mount).configure(own)
            }
        };
        let get = |path| call(Method::GET, path);
        assert_eq!(send!(app(), get("/api/login")).2, "form");
        assert_eq!(send!(app(), get("/api/shop/cart")).2, "cart");
        assert_eq!(send!(app(), get("/api/nothing")).2, "theirs");
        assert_eq!(send!(app(), login("/api/login")).0, 200);
    }
}

#[tokio::test]
async fn the_whole_prefix_is_claimed_only_on_demand() {
    let world = World::new().await;
    let app = || App::new().configure(world.rescind.mount(Routes::at("/auth").whole_prefix()));
    let (status, _, body) = send!(app(), call(Method::GET, "/auth/nothing"));
    assert_eq!((status, code(&body).as_str()), (404, "not_found"));
    let (status, headers, _) = send!(app(), call(Method::GET, "/auth/login"));
    assert_eq!(
        (status, headers.get(header::ALLOW).unwrap().to_str().unwrap()),
        (405, "POST")
    );
    assert_eq!(send!(app(), call(Method::GET, "/authors")).2, "");
}

#[tokio::test]
async fn handlers_can_be_mounted_one_by_one() {
    let world = World::new().await;
    let app = || {
        App::new()
            .app_data(world.rescind.clone())
            .route("/signin", web::post().to(handlers::log_in))
            .route("/whoami", web::get().to(handlers::me))
            .route("/devices/{id}", web::delete().to(handlers::end_session))
    };
    let (status, _, body) = send!(app(), login("/signin"));
    assert_eq!(status, 200);
    let tokens: Value = serde_json::from_str(&body).unwrap();
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let me = call(Method::GET, "/whoami").insert_header((header::AUTHORIZATION, bearer.clone()));
    assert_eq!(send!(app(), me).0, 200);
    let path = format!("/devices/{}", tokens["session_id"].as_str().unwrap());
    let end = call(Method::DELETE, &path).insert_header((header::AUTHORIZATION, bearer.clone()));
    assert_eq!(send!(app(), end).0, 204);
    let me = call(Method::GET, "/whoami").insert_header((header::AUTHORIZATION, bearer));
    assert_eq!(code(&send!(app(), me).2), "token_revoked");
}

#[tokio::test]
async fn extractors_need_only_the_app_data() {
    let world = World::new().await;
    let token = world.login().await.access;
    let greet = |caller: Authenticated| async move { caller.session_id().to_string() };
    for shared in [true, false] {
        let app = App::new().route("/", web::get().to(greet));
        let app = if shared {
            app.app_data(web::Data::new(world.rescind.clone()))
        } else {
            app.app_data(world.rescind.clone())
        };
        let request = call(Method::GET, "/").insert_header((header::AUTHORIZATION, format!("Bearer {token}")));
        assert_eq!(send!(app, request).0, 200);
    }
}

/// The application's limits and error handlers are its own, and do not reach our calls.
#[tokio::test]
async fn the_applications_extractor_settings_stay_its_own() {
    let world = World::new().await;
    let teapot = || actix_web::error::InternalError::new("theirs", StatusCode::IM_A_TEAPOT);
    let app = || {
        App::new()
            .app_data(
                web::JsonConfig::default()
                    .limit(1)
                    .error_handler(move |_, _| teapot().into()),
            )
            .app_data(web::QueryConfig::default().error_handler(move |_, _| teapot().into()))
            .app_data(web::PayloadConfig::new(1))
            .configure(world.rescind.mount(Routes::at("/auth").with(Part::Browser)))
            .route("/own", web::post().to(|_: web::Json<u32>| async { "read" }))
    };
    let own = call(Method::POST, "/own").set_json(12);
    let (status, _, body) = send!(app(), own);
    assert_eq!((status, body.as_str()), (418, "theirs"));
    assert_eq!(
        send!(app(), login("/auth/login")).0,
        200,
        "our body is longer than theirs may be"
    );
    let syntax = call(Method::POST, "/auth/login")
        .insert_header(header::ContentType::json())
        .set_payload("{");
    assert_eq!(code(&send!(app(), syntax).2), "bad_request");
    let token = world.login().await.access;
    let page =
        call(Method::GET, "/auth/sessions?limit=x").insert_header((header::AUTHORIZATION, format!("Bearer {token}")));
    assert_eq!(code(&send!(app(), page).2), "bad_request");
    let (status, _, _) = send!(app(), call(Method::GET, "/refresh?next=%2F&next=%2F"));
    assert_eq!(status, 400, "a query that cannot be read");
    let large = App::new()
        .app_data(web::PayloadConfig::new(1 << 20))
        .configure(world.rescind.mount(Routes::at("/auth")));
    let body = json!({ "username": "alice", "password": "x".repeat(17 * 1024) });
    assert_eq!(
        code(&send!(large, call(Method::POST, "/auth/login").set_json(body)).2),
        "payload_too_large"
    );
    let zipped = login("/auth/login").insert_header((header::CONTENT_ENCODING, "gzip"));
    assert_eq!(code(&send!(app(), zipped).2), "unsupported_media_type");
}

#[tokio::test]
async fn realm_client_and_cookie_names_are_settings() {
    let world = Make {
        settings: |settings| {
            settings
                .realm("shop")
                .client_id(rescind_session::token::ClientId::new("shop-app"))
                .access_cookie("sid")
                .refresh_cookie("renew")
        },
        ..Make::default()
    }
    .world()
    .await;
    let refused = world.get("/mine", "wrong").await;
    let challenge = refused.header("www-authenticate").unwrap();
    assert!(
        challenge.starts_with(r#"Bearer realm="shop", error="invalid_token""#),
        "{challenge}"
    );
    assert_eq!(
        world.row(world.login().await.session).await.client_id.as_str(),
        "shop-app"
    );
    let browser = world.browser();
    let session = browser.log_in("alice").await;
    assert_eq!(world.row(session).await.client_id.as_str(), "shop-app");
    assert!(!browser.cookie("__Host-sid").is_empty() && !browser.cookie("__Host-renew").is_empty());
    browser.visit("/mine").await.is(200);
    browser.submit("/logout", &[]).await.leads_to("/");
    assert!(browser.cookie("__Host-sid").is_empty() && browser.cookie("__Host-renew").is_empty());
}

#[tokio::test]
async fn the_browsers_paths_are_settings() {
    let world = Make {
        settings: |settings| {
            settings
                .login_path("/in")
                .refresh_path("/auth/again")
                .logout_path("/auth/out")
        },
        ..Make::default()
    }
    .world()
    .await;
    let browser = world.browser();
    browser.log_in("alice").await;
    world.let_access_tokens_expire();
    browser.visit("/page").await.leads_to("/auth/again?next=%2Fpage");
    browser
        .visit("/auth/again?next=%2Fpage")
        .await
        .leads_to("/auth/again?next=%2Fpage&renewed=1");
    browser
        .visit("/auth/again?next=%2Fpage&renewed=1")
        .await
        .leads_to("/page");
    browser.submit("/auth/out", &[]).await.leads_to("/");
    browser
        .visit("/auth/again?next=%2Fpage")
        .await
        .leads_to("/in?next=%2Fpage");
    assert_eq!(browser.visit("/refresh").await.status, 404);
}

#[tokio::test]
async fn a_setting_that_cannot_be_used_is_refused_by_name() {
    let world = World::new().await;
    let usual = || Settings::new("https://shop.example".parse().unwrap());
    let wrong = [
        (usual().cookie_prefix("a b"), "cookie_prefix"),
        (usual().access_cookie("a;b"), "access_cookie"),
        (usual().access_cookie("a").refresh_cookie("a"), "refresh_cookie"),
        (usual().access_cookie("rescind_left"), "access_cookie"),
        (usual().access_cookie("__Host-a"), "access_cookie"),
        (Settings::new("localhost:8080".parse().unwrap()), "public_url"),
        (
            usual().allowed_origins(["ftp://spa.example".parse().unwrap()]),
            "allowed_origins",
        ),
        (usual().realm("a\"b"), "realm"),
        (usual().content_security_policy("a\nb"), "content_security_policy"),
        (usual().allowed_origins(["data:,x".parse().unwrap()]), "allowed_origins"),
        (usual().login_path("login"), "login_path"),
        (usual().refresh_path("/a?b"), "refresh_path"),
        (usual().logout_path("//evil.example"), "logout_path"),
    ];
    for (settings, name) in wrong {
        let error = Rescind::new(world.service.clone(), settings).err().unwrap();
        assert!(
            error.to_string().contains(&format!("`{name}")) || error.to_string().contains(name),
            "{error}"
        );
    }
    assert!(Rescind::new(world.service.clone(), usual()).is_ok());
}

async fn own_login(request: actix_web::HttpRequest, rescind: Rescind, body: String) -> Result<HttpResponse, Problem> {
    let attempt = LimitedLogin::begin(&request, &rescind, "Their Name").await?;
    match body.as_str() {
        "right" => attempt.succeeded()?,
        "wrong" => return Err(attempt.failed()),
        "hangs" => std::future::pending().await,
        _ => {
            attempt.undecided();
            return Err(Problem::NotFound);
        }
    }
    Ok(HttpResponse::Ok().finish())
}

#[tokio::test(start_paused = true)]
async fn the_login_limit_works_around_an_applications_own_login() {
    let world = Make {
        login_limit: "3/hour".parse().unwrap(),
        ..Make::default()
    }
    .world()
    .await;
    let app = || {
        App::new()
            .app_data(world.rescind.clone())
            .route("/own", web::post().to(own_login))
    };
    let post = |body: &'static str| call(Method::POST, "/own").set_payload(body);
    for _ in 0..5 {
        assert_eq!(send!(app(), post("right")).0, 200);
        assert_eq!(send!(app(), post("store failed")).0, 404, "counts neither way");
    }
    for _ in 0..2 {
        assert_eq!(code(&send!(app(), post("wrong")).2), "invalid_credentials");
    }
    let service = test::init_service(app()).await;
    let hung = tokio::time::timeout(
        std::time::Duration::from_secs(60),
        test::call_service(&service, post("hangs").to_request()),
    );
    assert!(hung.await.is_err());
    let (status, headers, body) = send!(app(), post("right"));
    assert_eq!(
        (status, code(&body).as_str()),
        (429, "rate_limited"),
        "two failures, and one that hung up"
    );
    assert!(headers.contains_key(header::RETRY_AFTER));
}

/// A service with users of its own, which has logged them in its own way.
#[tokio::test]
async fn an_application_answers_with_tokens_that_it_has_issued() {
    let world = World::new().await;
    let issue = || async {
        let password = rescind_session::Password::new(PASSWORD);
        let (client, device) = (
            rescind_session::token::ClientId::first_party(),
            rescind_session::Device::default(),
        );
        world.service.log_in("alice", &password, client, device).await.unwrap()
    };
    let issued = issue().await;
    let reply = handlers::tokens(&issued);
    assert_eq!(reply.headers().get(header::CACHE_CONTROL).unwrap(), "no-store");
    let body = actix_web::body::to_bytes(reply.into_body()).await.unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["access_token"], issued.access_token.expose_secret());

    let browser = world.browser();
    let old = browser.log_in("alice").await;
    let request = crate::world::from_own_page(call(Method::POST, "/"))
        .insert_header((
            header::COOKIE,
            format!("{}={}", crate::world::REFRESH, browser.refresh()),
        ))
        .to_http_request();
    let issued = issue().await;
    let new = issued.claims.session_id;
    let login = browser::start(&request, &world.rescind, issued).await.unwrap();
    assert_eq!(login.claims().session_id, new);
    assert_ne!(world.row(old).await.state, rescind_session::SessionState::Open);
}

#[tokio::test]
async fn a_public_url_is_of_a_host_alone() {
    let world = World::new().await;
    for url in [
        "https://shop.example/app",
        "https://anna@shop.example",
        "https://shop.example/?x",
        "ftp://shop.example",
    ] {
        let refused = Rescind::new(world.service.clone(), Settings::new(url.parse().unwrap()));
        assert_eq!(refused.err().unwrap().setting, "public_url", "{url}");
    }
}
