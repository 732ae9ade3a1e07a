//! Writes that another origin began.

use actix_web::{
    http::{Method, header},
    test::TestRequest,
};
use serde_json::json;

use crate::world::{ACCESS, ORIGIN, PASSWORD, World, call};

const SITE: &str = "sec-fetch-site";

fn login() -> TestRequest {
    call(Method::POST, "/api/login").set_json(json!({ "username": "alice", "password": PASSWORD }))
}

#[tokio::test]
async fn a_write_passes_only_from_our_own_origin_or_from_a_person() {
    let world = World::new().await;
    for site in ["same-origin", "none"] {
        world.send(login().insert_header((SITE, site))).await.is(200);
    }
    for site in ["cross-site", "same-site", "", "Same-Origin", "same-origin, none"] {
        world
            .send(login().insert_header((SITE, site)))
            .await
            .is_problem(403, "cross_origin");
    }
    let twice = login()
        .append_header((SITE, "same-origin"))
        .append_header((SITE, "cross-site"));
    world.send(twice).await.is_problem(403, "cross_origin");
}

#[tokio::test]
async fn sec_fetch_site_takes_precedence_over_origin() {
    let world = World::new().await;
    let request = login()
        .insert_header((SITE, "cross-site"))
        .insert_header((header::ORIGIN, ORIGIN));
    world.send(request).await.is_problem(403, "cross_origin");
    let by_another_name = login()
        .insert_header((SITE, "same-origin"))
        .insert_header((header::ORIGIN, "https://localhost"));
    world.send(by_another_name).await.is(200);
}

#[tokio::test]
async fn older_browsers_are_judged_by_origin() {
    let world = World::new().await;
    world
        .send(login().insert_header((header::ORIGIN, ORIGIN)))
        .await
        .is(200);
    let others = [
        "https://evil.example",
        "null",
        "http://rescind.example",
        "https://rescind.example:8443",
        "https://rescind.example.evil.example",
        "https://sub.rescind.example",
        "",
    ];
    for origin in others {
        world
            .send(login().insert_header((header::ORIGIN, origin)))
            .await
            .is_problem(403, "cross_origin");
    }
    let twice = login()
        .append_header((header::ORIGIN, ORIGIN))
        .append_header((header::ORIGIN, "https://evil.example"));
    world.send(twice).await.is_problem(403, "cross_origin");
}

#[tokio::test]
async fn a_write_without_origin_headers_passes_only_without_cookies() {
    let world = World::new().await;
    world.send(login()).await.is(200);
    world
        .send(login().insert_header((header::COOKIE, "theme=dark")))
        .await
        .is_problem(403, "cross_origin");
}

#[tokio::test]
async fn forged_logouts_and_refreshes_are_refused_and_end_no_session() {
    let world = World::new().await;
    let browser = world.browser();
    browser.log_in("alice").await;
    for path in [
        "/logout",
        "/refresh",
        "/api/logout",
        "/api/refresh",
        "/api/logout-everywhere",
    ] {
        let forged = call(Method::POST, path).insert_header((SITE, "cross-site"));
        let reply = browser.send(forged).await;
        reply.is_problem(403, "cross_origin");
        assert!(reply.set_cookies().is_empty());
    }
    browser.visit("/mine").await.is(200);
}

#[tokio::test]
async fn every_unsafe_method_is_checked_and_safe_ones_are_not() {
    let world = World::new().await;
    let token = world.login().await.access;
    for method in [
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::CONNECT,
    ] {
        let request = call(method, "/mine").insert_header((SITE, "cross-site"));
        world.send(request).await.is_problem(403, "cross_origin");
    }
    for method in [Method::GET, Method::HEAD] {
        let request = call(method, "/api/me")
            .insert_header((SITE, "cross-site"))
            .insert_header((header::COOKIE, format!("{ACCESS}={token}")));
        world.send(request).await.is(200);
    }
}

/// Every combination of the headers, checked against the rule: first `Sec-Fetch-Site` decides, then the origin, then
/// whether there are cookies.
#[tokio::test]
async fn the_origin_check_holds_for_all_methods_sites_origins_and_cookies() {
    let world = World::new().await;
    let sites = [
        None,
        Some("same-origin"),
        Some("none"),
        Some("same-site"),
        Some("cross-site"),
        Some("x"),
    ];
    let origins = [
        None,
        Some(ORIGIN),
        Some("https://evil.example"),
        Some("null"),
        Some("http://rescind.example"),
    ];
    assert_eq!(sites.len() * origins.len() * 2, 60);
    let (mut passed, mut refused) = (0, 0);
    for method in ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "PROPFIND"] {
        for site in sites {
            for origin in origins {
                for cookie in [None, Some("theme=dark")] {
                    let mut request = call(method.parse().unwrap(), "/logout");
                    for (name, value) in [("sec-fetch-site", site), ("origin", origin), ("cookie", cookie)] {
                        if let Some(value) = value {
                            request = request.insert_header((name, value));
                        }
                    }
                    let reads = ["GET", "HEAD", "OPTIONS"].contains(&method);
                    let ours = matches!(
                        (site, origin, cookie),
                        (Some("same-origin" | "none"), _, _) | (None, Some(ORIGIN), _) | (None, None, None)
                    );
                    let is_refused = world.send(request).await.status == 403;
                    assert_eq!(is_refused, !reads && !ours, "{method} {site:?} {origin:?} {cookie:?}");
                    *if is_refused { &mut refused } else { &mut passed } += 1;
                }
            }
        }
    }
    assert_eq!((passed, refused), (3 * 60 + 5 * 23, 5 * 37));
}
