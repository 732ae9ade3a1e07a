//! The guard's parts, taken singly, and pages of other origins.

use actix_web::{
    App, HttpRequest, HttpResponse,
    http::{Method, header},
    test::TestRequest,
    web,
};
use rescind_api::{Authenticated, Part, Problem, Rescind, Routes, browser};

use crate::world::{ACCESS, Make, PASSWORD, Reply, World, call};

const SPA: &str = "https://spa.example";
const POLICY: &str = "content-security-policy";

/// Sends one request to an application.
macro_rules! send {
    ($app:expr, $request:expr) => {{
        let app = actix_web::test::init_service($app).await;
        let reply = actix_web::test::call_service(&app, $request.to_request()).await;
        let (status, headers) = (reply.status(), reply.headers().clone());
        let body = String::from_utf8(actix_web::test::read_body(reply).await.to_vec()).unwrap();
        Reply { status, headers, body }
    }};
}

fn pages(cfg: &mut web::ServiceConfig) {
    cfg.route(
        "/page",
        web::get().to(|| async { HttpResponse::Ok().content_type("text/html").body("<p>") }),
    )
    .route("/write", web::post().to(|| async { "written" }))
    .route(
        "/problem",
        web::get().to(|| async { Err::<&str, _>(Problem::TokenMissing) }),
    );
}

/// An application's login for browsers.
async fn log_in_alice(request: HttpRequest, rescind: Rescind) -> Result<&'static str, Problem> {
    let password = rescind_session::Password::new(PASSWORD);
    browser::log_in(&request, &rescind, "alice", &password).await?;
    Ok("in")
}

async fn spa_world() -> World {
    Make {
        settings: |settings| settings.allowed_origins([format!("{SPA}/app").parse().unwrap()]),
        ..Make::default()
    }
    .world()
    .await
}

fn from_spa(method: Method, path: &str) -> TestRequest {
    call(method, path)
        .insert_header((header::ORIGIN, SPA))
        // Another origin of the same site: to other sites browsers send no cookies of ours.
        .insert_header(("sec-fetch-site", "same-site"))
}

#[tokio::test]
async fn the_origin_check_alone_refuses_foreign_writes_and_adds_nothing() {
    let world = World::new().await;
    let app = || App::new().configure(pages).wrap(world.rescind.origin_check());
    let foreign = || call(Method::POST, "/write").insert_header(("sec-fetch-site", "cross-site"));
    send!(app(), foreign()).is_problem(403, "cross_origin");
    let written = send!(app(), call(Method::POST, "/write"));
    written.is(200);
    assert!(written.header("x-request-id").is_none() && written.header("x-frame-options").is_none());
}

/// Without a middleware nothing else would stop another site's page.
#[tokio::test]
async fn a_forgotten_guard_lets_no_foreign_write_use_the_cookies() {
    let world = World::new().await;
    let token = world.login().await.access;
    let app = || {
        App::new()
            .configure(world.rescind.mount(Routes::default()))
            .route("/write", web::post().to(|_: Authenticated| async { "written" }))
            .route("/log-in", web::post().to(log_in_alice))
    };
    let with_cookies = |path: &str, site: &'static str| {
        let request = call(Method::POST, path).insert_header(("sec-fetch-site", site));
        request.insert_header((header::COOKIE, format!("{ACCESS}={token}")))
    };
    for path in ["/write", "/api/logout", "/log-in"] {
        send!(app(), with_cookies(path, "cross-site")).is_problem(403, "cross_origin");
    }
    send!(app(), with_cookies("/write", "same-origin")).is(200);
    let bearer = call(Method::POST, "/write").insert_header((header::AUTHORIZATION, format!("Bearer {token}")));
    send!(app(), bearer.insert_header(("sec-fetch-site", "cross-site"))).is(200);
}

#[tokio::test]
async fn the_security_headers_alone_refuse_nothing_and_leave_pages_their_policy() {
    let world = Make {
        settings: |settings| settings,
        ..Make::default()
    }
    .world()
    .await;
    let app = || App::new().configure(pages).wrap(world.rescind.security_headers());
    let page = send!(app(), call(Method::GET, "/page"));
    assert_eq!(
        (page.header("x-frame-options"), page.header(POLICY)),
        (Some("DENY"), None)
    );
    assert!(page.header("x-request-id").is_none());
    send!(
        app(),
        call(Method::POST, "/write").insert_header(("sec-fetch-site", "cross-site"))
    )
    .is(200);
    let problem = send!(app(), call(Method::GET, "/problem"));
    assert!(
        problem.header(POLICY).unwrap().starts_with("default-src 'none'"),
        "it is ours"
    );
}

#[tokio::test]
async fn the_content_security_policy_is_on_our_replies_and_elsewhere_a_setting() {
    let unset = Make {
        settings: |settings| settings,
        ..Make::default()
    }
    .world()
    .await;
    assert_eq!(
        unset.send(call(Method::GET, "/own-404")).await.header(POLICY),
        None,
        "the application's page"
    );
    assert_eq!(unset.send(call(Method::GET, "/seen")).await.header(POLICY), None);
    let token = unset.login().await.access;
    for reply in [
        unset.me(&token).await,
        unset.me("wrong").await,
        unset.get("/health/live", "").await,
    ] {
        assert!(reply.header(POLICY).unwrap().starts_with("default-src 'none'"));
    }
    let set = Make {
        settings: |settings| settings.content_security_policy("default-src 'self'"),
        ..Make::default()
    };
    let set = set.world().await;
    assert_eq!(
        set.send(call(Method::GET, "/seen")).await.header(POLICY),
        Some("default-src 'self'")
    );
}

#[tokio::test]
async fn the_request_log_alone_gives_ids_and_the_realm() {
    let world = Make {
        settings: |settings| settings.realm("shop"),
        ..Make::default()
    }
    .world()
    .await;
    let app = || App::new().configure(pages).wrap(world.rescind.request_log());
    let page = send!(app(), call(Method::GET, "/page"));
    assert!(page.header("x-request-id").is_some() && page.header("x-frame-options").is_none());
    let problem = send!(app(), call(Method::GET, "/problem"));
    let id = problem.header("x-request-id").unwrap().to_owned();
    assert_eq!(problem.json()["instance"], format!("urn:uuid:{id}"));
    assert_eq!(problem.header("www-authenticate"), Some(r#"Bearer realm="shop""#));
    send!(
        app(),
        call(Method::POST, "/write").insert_header(("sec-fetch-site", "cross-site"))
    )
    .is(200);
    assert_eq!(
        send!(app(), call(Method::GET, "/nothing")).body,
        "",
        "only the guard fills bare errors"
    );
}

#[tokio::test]
async fn the_browsers_cookies_can_be_taken_singly() {
    let world = World::new().await;
    let app = App::new()
        .app_data(world.rescind.clone())
        .route("/in", web::post().to(log_in_alice))
        .wrap(browser::BrowserCookies);
    let reply = send!(app, call(Method::POST, "/in"));
    assert!(reply.set_cookies().iter().any(|cookie| cookie.name() == ACCESS));
}

#[tokio::test]
async fn a_bearer_request_without_cookies_is_no_cross_site_write() {
    let world = World::new().await;
    for site in ["cross-site", "same-site"] {
        let logout = async |cookie: Option<&str>| {
            let token = world.login().await.access;
            let request = call(Method::POST, "/api/logout")
                .insert_header(("sec-fetch-site", site))
                .insert_header((header::ORIGIN, SPA))
                .insert_header((header::AUTHORIZATION, format!("Bearer {token}")));
            world
                .send(match cookie {
                    Some(cookie) => request.insert_header((header::COOKIE, cookie.to_owned())),
                    None => request,
                })
                .await
        };
        logout(None).await.is(204);
        logout(Some("theme=dark")).await.is_problem(403, "cross_origin");
    }
    let basic = call(Method::POST, "/api/logout")
        .insert_header(("sec-fetch-site", "cross-site"))
        .insert_header((header::AUTHORIZATION, "Basic YTpi"));
    world.send(basic).await.is_problem(403, "cross_origin");
}

#[tokio::test]
async fn a_page_of_an_allowed_origin_can_log_in_call_and_read_the_replies() {
    let world = spa_world().await;
    let preflight = |origin: &'static str| {
        call(Method::OPTIONS, "/api/login")
            .insert_header((header::ORIGIN, origin))
            .insert_header((header::ACCESS_CONTROL_REQUEST_METHOD, "POST"))
            .insert_header((header::ACCESS_CONTROL_REQUEST_HEADERS, "authorization, content-type"))
    };
    let allows = |reply: &Reply| {
        assert_eq!(reply.header("access-control-allow-origin"), Some(SPA), "{}", reply.body);
        assert_eq!(reply.header("access-control-allow-credentials"), Some("true"));
        assert!(reply.header("vary").unwrap().to_ascii_lowercase().contains("origin"));
    };
    let reply = world.send(preflight(SPA)).await;
    reply.is(200);
    allows(&reply);
    let headers = reply.header("access-control-allow-headers").unwrap();
    assert!(headers.contains("authorization") && headers.contains("content-type"));

    let login =
        from_spa(Method::POST, "/api/login").set_json(serde_json::json!({ "username": "alice", "password": PASSWORD }));
    let reply = world.send(login).await;
    allows(&reply);
    let token = reply.tokens().access;
    let cookies = from_spa(Method::POST, "/mine").insert_header((header::COOKIE, format!("{ACCESS}={token}")));
    let reply = world.send(cookies).await;
    allows(reply.is(200));
    let refused = world.send(from_spa(Method::GET, "/api/me")).await;
    refused.is_problem(401, "token_missing");
    allows(&refused);

    // A path of the application that begins like that of forward authentication is not one of it.
    let own = call(Method::OPTIONS, "/auth/check-email")
        .insert_header((header::ORIGIN, SPA))
        .insert_header((header::ACCESS_CONTROL_REQUEST_METHOD, "POST"));
    allows(world.send(own).await.is(200));

    let evil = world.send(preflight("https://evil.example")).await;
    assert!(evil.status.is_client_error() && evil.header("access-control-allow-origin").is_none());
    for near in [
        "https://evil.example",
        "https://spa.example:8443",
        "http://spa.example",
        "null",
    ] {
        let write = call(Method::POST, "/mine")
            .insert_header((header::ORIGIN, near))
            .insert_header(("sec-fetch-site", "cross-site"));
        let refused = world.send(write).await;
        refused.is_problem(403, "cross_origin");
        assert!(refused.header("access-control-allow-origin").is_none(), "{near}");
    }
}

#[tokio::test]
async fn without_allowed_origins_no_reply_has_a_cors_header() {
    let world = World::new().await;
    let requests = [
        from_spa(Method::OPTIONS, "/api/login").insert_header((header::ACCESS_CONTROL_REQUEST_METHOD, "POST")),
        from_spa(Method::GET, "/api/me"),
    ];
    for request in requests {
        let reply = world.send(request).await;
        let is_cors = |name: &header::HeaderName| name.as_str().starts_with("access-control");
        assert!(
            !reply.headers.keys().any(is_cors) && reply.header("vary").is_none(),
            "{:?}",
            reply.headers
        );
    }
}

#[tokio::test]
async fn cors_can_be_taken_singly() {
    let world = spa_world().await;
    let app = App::new()
        .configure(world.rescind.mount(Routes::at("/auth").without(Part::Sessions)))
        .wrap(world.rescind.origin_check())
        .wrap(world.rescind.cors());
    let login = from_spa(Method::POST, "/auth/login")
        .set_json(serde_json::json!({ "username": "alice", "password": PASSWORD }));
    let reply = send!(app, login);
    reply.is(200);
    assert_eq!(reply.header("access-control-allow-origin"), Some(SPA));
}

/// Another middleware may have compressed the document whose `instance` the guard fills in.
#[tokio::test]
async fn a_problem_behind_a_compressing_middleware_can_be_read() {
    let world = World::new().await;
    let app = App::new()
        .configure(pages)
        .wrap(actix_web::middleware::Compress::default())
        .wrap(world.rescind.guard());
    let reply = send!(
        app,
        call(Method::GET, "/problem").insert_header((header::ACCEPT_ENCODING, "gzip"))
    );
    assert_eq!(reply.header("content-encoding"), None);
    reply.is_problem(401, "token_missing");
}

#[tokio::test]
async fn an_applications_own_problem_documents_stay_its_own() {
    let world = World::new().await;
    let own = || async {
        HttpResponse::NotFound()
            .content_type("application/problem+json")
            .body(r#"{"code":"order_missing"}"#)
    };
    let app = App::new()
        .route("/order", web::get().to(own))
        .wrap(world.rescind.guard());
    let reply = send!(app, call(Method::GET, "/order"));
    assert_eq!((reply.status.as_u16(), reply.code()), (404, "order_missing".to_owned()));
}

/// Browsers send cookies with the handshake, and what follows may write.
#[tokio::test]
async fn the_handshake_of_a_websocket_has_to_show_its_origin() {
    let world = World::new().await;
    let app = || App::new().configure(pages).wrap(world.rescind.guard());
    for (site, status) in [("same-origin", 200), ("same-site", 403), ("cross-site", 403)] {
        let handshake = call(Method::GET, "/page")
            .insert_header((header::UPGRADE, "WebSocket"))
            .insert_header((header::COOKIE, "any=1"))
            .insert_header(("sec-fetch-site", site));
        assert_eq!(send!(app(), handshake).status.as_u16(), status, "{site}");
    }
}

#[tokio::test]
async fn a_request_with_a_bearer_token_logs_no_browser_in() {
    let world = World::new().await;
    let app = App::new()
        .app_data(world.rescind.clone())
        .route("/in", web::post().to(log_in_alice))
        .wrap(world.rescind.guard());
    let request = call(Method::POST, "/in").insert_header((header::AUTHORIZATION, "Bearer x"));
    let reply = send!(app, request);
    reply.is_problem(403, "cross_origin");
    assert_eq!(reply.set_cookies(), []);
}
