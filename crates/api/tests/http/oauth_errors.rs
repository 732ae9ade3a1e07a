//! Errors of the OAuth endpoints are those of RFC 6749, section 5.2, and never problem documents.

use actix_web::{
    http::{Method, header},
    web::Bytes,
};
use futures::stream;
use serde_json::json;

use crate::{
    faulty::{Fault, INTERNAL},
    oauth::{INTROSPECT, REVOKE, TOKEN, basic, form, introspect, refreshing, world},
    world::call,
};

const ENDPOINTS: [&str; 3] = [TOKEN, REVOKE, INTROSPECT];

#[tokio::test]
async fn a_wrong_method_or_body_is_answered_in_the_same_form() {
    let world = world().await;
    let kind = |path, kind: &'static str| call(Method::POST, path).insert_header((header::CONTENT_TYPE, kind));
    for path in ENDPOINTS {
        for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::OPTIONS] {
            let reply = world.send(call(method.clone(), path)).await;
            assert_eq!(reply.header("allow"), Some("POST"));
            if method != Method::HEAD {
                reply.is_oauth_error(405, "invalid_request");
            }
        }
        let json = call(Method::POST, path).set_json(json!({ "token": "x" }));
        world.send(json).await.is_oauth_error(415, "invalid_request");
        world
            .send(kind(path, "text/plain"))
            .await
            .is_oauth_error(415, "invalid_request");
        world
            .send(call(Method::POST, path))
            .await
            .is_oauth_error(415, "invalid_request");
        let latin = kind(path, "application/x-www-form-urlencoded; charset=latin1");
        world.send(latin).await.is_oauth_error(415, "invalid_request");
        let coded = form(path, &[]).insert_header((header::CONTENT_ENCODING, "gzip"));
        world.send(coded).await.is_oauth_error(415, "invalid_request");
        let not_utf_8 = kind(path, "application/x-www-form-urlencoded").set_payload("token=%ff");
        world.send(not_utf_8).await.is_oauth_error(400, "invalid_request");
        let long = "x".repeat(17 * 1024);
        world
            .send(form(path, &[("token", &long)]))
            .await
            .is_oauth_error(413, "invalid_request");
        let parts = stream::repeat_with(|| Ok(Bytes::from_static(&[b'x'; 1024])));
        let endless = kind(path, "application/x-www-form-urlencoded");
        world
            .stream(endless, parts)
            .await
            .is_oauth_error(413, "invalid_request");
    }
    let metadata = world
        .send(call(Method::POST, "/.well-known/oauth-authorization-server"))
        .await;
    metadata.is_oauth_error(405, "invalid_request");
    assert_eq!(metadata.header("allow"), Some("GET, HEAD"));
}

/// RFC 6749, section 3.2, and RFC 7009, section 2.1.
#[tokio::test]
async fn a_missing_or_repeated_parameter_is_an_invalid_request() {
    let world = world().await;
    let token = world.login().await.refresh;
    let mut requests = vec![
        form(TOKEN, &[("refresh_token", &token)]),
        form(TOKEN, &[("grant_type", "refresh_token")]),
        form(TOKEN, &[("grant_type", ""), ("refresh_token", &token)]),
        form(REVOKE, &[("token_type_hint", "refresh_token")]),
        form(REVOKE, &[("token", "")]),
        form(INTROSPECT, &[]),
    ];
    let own = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &token),
        ("token", &token),
    ];
    for (name, value) in own
        .into_iter()
        .chain([("scope", ""), ("unknown", "x"), ("client_id", "rescind")])
    {
        for path in ENDPOINTS {
            let twice = [(name, value), (name, value)];
            let rest = own.into_iter().filter(|(own, _)| *own != name);
            let fields: Vec<_> = rest.chain(twice).collect();
            requests.push(form(path, &fields));
        }
    }
    for request in requests {
        let reply = world
            .send(request.insert_header(basic("app:app-secret-of-16-bytes")))
            .await;
        reply.is_oauth_error(400, "invalid_request");
    }
    world.me(&world.login().await.access).await.is(200);
    world.send(refreshing(&token)).await.is(200);
}

#[tokio::test]
async fn a_store_that_fails_is_503_and_shows_no_cause() {
    let world = world().await;
    let tokens = world.login().await;
    world.all_stores_now(Fault::Fails);
    let replies = [
        world.send(refreshing(&tokens.refresh)).await,
        world.send(form(REVOKE, &[("token", &tokens.refresh)])).await,
        introspect(&world, "app:app-secret-of-16-bytes", &tokens.access).await,
    ];
    for reply in replies {
        reply.is_oauth_error(503, "temporarily_unavailable");
        assert!(!reply.body.contains(INTERNAL));
        assert_eq!(reply.header("retry-after"), Some("1"));
    }
    world.all_stores_now(Fault::None);
    world.send(refreshing(&tokens.refresh)).await.is(200);
}

/// A browser's page is never shown to a program, and a problem document neither.
#[tokio::test]
async fn a_client_that_accepts_html_gets_the_same_error() {
    let world = world().await;
    let request = refreshing("rrt_x").insert_header((header::ACCEPT, "text/html"));
    world.send(request).await.is_oauth_error(400, "invalid_grant");
}
