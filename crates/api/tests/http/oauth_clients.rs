//! Who a client is (RFC 6749, section 2.3.1), and whose sessions it may use.

use std::time::Duration;

use actix_web::{http::Method, test::TestRequest};
use rescind_api::{Rescind, Settings};
use serde_json::json;

use crate::{
    oauth::{INTROSPECT, REVOKE, TOKEN, basic, clients, form, introspect, login_of, refreshing, world},
    world::{PASSWORD, World, call},
};

fn login() -> TestRequest {
    call(Method::POST, "/api/login").set_json(json!({ "username": "alice", "password": PASSWORD }))
}

#[tokio::test]
async fn a_client_authenticates_by_header_or_by_form_with_any_of_its_secrets() {
    let world = world().await;
    let token = world.login().await.access;
    let good = [
        form(INTROSPECT, &[("token", &token)]).insert_header(basic("app:app-secret-of-16-bytes")),
        form(INTROSPECT, &[("token", &token)]).insert_header(basic("app:app-next-of-16-bytes")),
        // Form-urlencoded before the base64, as RFC 6749 wants it.
        form(INTROSPECT, &[("token", &token)]).insert_header(basic("%61pp:app%2Dsecret-of-16-bytes")),
        // Named a second time.
        form(INTROSPECT, &[("token", &token), ("client_id", "app")]).insert_header(basic("app:app-secret-of-16-bytes")),
        form(
            INTROSPECT,
            &[
                ("token", &token),
                ("client_id", "app"),
                ("client_secret", "app-secret-of-16-bytes"),
            ],
        ),
        // A header of another scheme is not ours.
        form(INTROSPECT, &[("token", &token)])
            .append_header(("authorization", "Digest x"))
            .append_header(basic("other:other-secret-of-16-bytes")),
    ];
    for request in good {
        assert_eq!(world.send(request).await.is(200).json()["active"], json!(true));
    }
    let (name, value) = basic("app:app-secret-of-16-bytes");
    let lower = form(INTROSPECT, &[("token", &token)]).insert_header((name, value.replace("Basic", "bAsIc ")));
    world.send(lower).await.is(200);
}

/// The answer is the same, whether the id, the secret or the form of the credentials is wrong.
#[tokio::test]
async fn wrong_credentials_are_401_at_each_endpoint_and_change_nothing() {
    let world = world().await;
    let tokens = world.login().await;
    let (access, refresh) = (tokens.access.as_str(), tokens.refresh.as_str());
    let wrong = [
        "app:other-secret-of-16-bytes",
        "app:app-secret-of-16-bytes ",
        "app:",
        "App:app-secret-of-16-bytes",
        "nobody:app-secret-of-16-bytes",
        "rescind:app-secret-of-16-bytes",
        ":",
        "app-secret-of-16-bytes",
        "app+:app-secret-of-16-bytes",
        "app:%ff",
    ];
    let mut bodies = Vec::new();
    for credentials in wrong {
        for request in [
            refreshing(refresh),
            form(REVOKE, &[("token", refresh)]),
            form(REVOKE, &[("token", access)]),
            form(INTROSPECT, &[("token", access)]),
        ] {
            let reply = world.send(request.insert_header(basic(credentials))).await;
            reply.is_oauth_error(401, "invalid_client");
            bodies.push(reply.body);
        }
    }
    for (id, secret) in [
        ("app", "x"),
        ("nobody", "app-secret-of-16-bytes"),
        ("", "app-secret-of-16-bytes"),
        ("rescind", "x"),
    ] {
        let fields = [("token", access), ("client_id", id), ("client_secret", secret)];
        let reply = world.send(form(INTROSPECT, &fields)).await;
        reply.is_oauth_error(401, "invalid_client");
        bodies.push(reply.body);
    }
    let unreadable = form(INTROSPECT, &[("token", access)]).insert_header(("authorization", "Basic *"));
    world.send(unreadable).await.is_oauth_error(401, "invalid_client");
    let twice = form(INTROSPECT, &[("token", access)])
        .append_header(basic("app:app-secret-of-16-bytes"))
        .append_header(basic("app:app-secret-of-16-bytes"));
    world.send(twice).await.is_oauth_error(401, "invalid_client");
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    world.me(access).await.is(200);
    world.send(refreshing(refresh)).await.is(200);
}

#[tokio::test]
async fn two_ways_at_once_or_two_names_are_invalid_requests() {
    let world = world().await;
    let token = world.login().await.refresh;
    for fields in [
        vec![("client_id", "app"), ("client_secret", "app-secret-of-16-bytes")],
        vec![("client_secret", "app-secret-of-16-bytes")],
        vec![("client_id", "other")],
    ] {
        for path in [REVOKE, INTROSPECT, TOKEN] {
            let own = [
                ("grant_type", "refresh_token"),
                ("refresh_token", &token),
                ("token", &token),
            ];
            let fields = [&own[..], &fields].concat();
            let request = form(path, &fields).insert_header(basic("app:app-secret-of-16-bytes"));
            world.send(request).await.is_oauth_error(400, "invalid_request");
        }
    }
    world.send(refreshing(&token)).await.is(200);
}

/// RFC 6749, section 3.2.1: a client with a secret has to use it.
#[tokio::test]
async fn a_public_client_may_name_itself_but_not_another() {
    let world = world().await;
    let token = world.login().await.refresh;
    for (id, status) in [("app", 401), ("nobody", 401), ("rescind", 200), ("", 200)] {
        let fields = [
            ("grant_type", "refresh_token"),
            ("refresh_token", &token),
            ("client_id", id),
        ];
        world.send(form(TOKEN, &fields)).await.is(status);
    }
    world
        .send(form(INTROSPECT, &[("token", "x"), ("client_id", "rescind")]))
        .await
        .is_oauth_error(401, "invalid_client");
}

#[tokio::test]
async fn a_session_belongs_to_the_client_that_logged_in() {
    let world = world().await;
    let tokens = login_of(&world, "app:app-secret-of-16-bytes").await;
    assert_eq!(world.row(tokens.session).await.client_id.as_str(), "app");
    assert_eq!(
        world.service.genuine_claims(&tokens.access).unwrap().client_id.as_str(),
        "app"
    );
    // The next secret is of the same client.
    let reply = world
        .send(refreshing(&tokens.refresh).insert_header(basic("app:app-next-of-16-bytes")))
        .await;
    let next = reply.tokens();
    let answer = introspect(&world, "app:app-secret-of-16-bytes", &next.access)
        .await
        .json();
    assert_eq!((&answer["active"], &answer["client_id"]), (&json!(true), &json!("app")));
    let revoked = form(REVOKE, &[("token", &next.refresh)]).insert_header(basic("app:app-secret-of-16-bytes"));
    world.send(revoked).await.is(200);
    world.me(&next.access).await.is_problem(401, "token_revoked");
}

/// Also with a token that was exchanged long ago: it is not taken for reuse.
#[tokio::test]
async fn another_client_cannot_use_revoke_or_learn_anything_of_a_session() {
    let world = world().await;
    let own = "app:app-secret-of-16-bytes";
    let first = login_of(&world, own).await;
    let tokens = world
        .send(refreshing(&first.refresh).insert_header(basic(own)))
        .await
        .tokens();
    world.clock.advance(Duration::from_secs(60));
    let as_other = |request: TestRequest| request.insert_header(basic("other:other-secret-of-16-bytes"));
    for token in [&first.refresh, &tokens.refresh] {
        world
            .send(as_other(refreshing(token)))
            .await
            .is_oauth_error(400, "invalid_grant");
        world.send(refreshing(token)).await.is_oauth_error(400, "invalid_grant");
        let forged = world.send(refreshing("rrt_x")).await;
        assert_eq!(
            world.send(refreshing(token)).await.body,
            forged.body,
            "it does not tell that it is genuine"
        );
    }
    for token in [&first.refresh, &tokens.refresh, &tokens.access] {
        let revoke = || form(REVOKE, &[("token", token)]);
        world
            .send(as_other(revoke()))
            .await
            .is_oauth_error(400, "invalid_grant");
        world.send(revoke()).await.is_oauth_error(400, "invalid_grant");
    }
    let answer = introspect(&world, "other:other-secret-of-16-bytes", &tokens.access).await;
    assert_eq!(answer.is(200).json(), json!({ "active": false }));
    world.me(&tokens.access).await.is(200);
    let row = world.row(tokens.session).await;
    assert_eq!(row.reuse_noticed_at, None);
    world
        .send(refreshing(&tokens.refresh).insert_header(basic(own)))
        .await
        .is(200);
}

/// The JSON calls are no way around the client's secret.
#[tokio::test]
async fn the_json_refresh_needs_the_sessions_client_too() {
    let world = world().await;
    let tokens = login_of(&world, "app:app-secret-of-16-bytes").await;
    let refresh = |token: &str| call(Method::POST, "/api/refresh").set_json(json!({ "refresh_token": token }));
    world
        .send(refresh(&tokens.refresh))
        .await
        .is_problem(401, "refresh_invalid");
    let other = refresh(&tokens.refresh).insert_header(basic("other:other-secret-of-16-bytes"));
    world.send(other).await.is_problem(401, "refresh_invalid");
    let browser = world.browser();
    browser.plant("__Host-rescind_refresh", &tokens.refresh);
    let cookies = crate::world::from_own_page(call(Method::POST, "/api/refresh"));
    browser.send(cookies).await.is_problem(401, "refresh_invalid");
    let wrong = refresh(&tokens.refresh).insert_header(basic("app:x"));
    let reply = world.send(wrong).await;
    reply.is_problem(401, "invalid_client");
    assert_eq!(
        reply.header("www-authenticate"),
        Some(r#"Basic realm="rescind", charset="UTF-8""#)
    );
    assert_eq!(world.row(tokens.session).await.generation().get(), 0);
    let own = refresh(&tokens.refresh).insert_header(basic("app:app-secret-of-16-bytes"));
    world.send(own).await.is(200);
    // A genuine token ends its session, at any client.
    world
        .post("/api/logout", json!({ "refresh_token": tokens.refresh }))
        .await
        .is(204);
}

#[tokio::test]
async fn every_client_may_use_the_sessions_of_no_client() {
    let world = world().await;
    for credentials in ["app:app-secret-of-16-bytes", "other:other-secret-of-16-bytes"] {
        let tokens = world.login().await;
        assert_eq!(world.row(tokens.session).await.client_id.as_str(), "rescind");
        let next = world
            .send(refreshing(&tokens.refresh).insert_header(basic(credentials)))
            .await
            .tokens();
        assert_eq!(
            introspect(&world, credentials, &next.access).await.json()["active"],
            json!(true)
        );
        assert_eq!(world.row(tokens.session).await.client_id.as_str(), "rescind");
        let revoked = form(REVOKE, &[("token", &next.refresh)]).insert_header(basic(credentials));
        world.send(revoked).await.is(200);
    }
}

#[tokio::test]
async fn a_login_with_wrong_client_credentials_opens_no_session() {
    let world = world().await;
    let reply = world.send(login().insert_header(basic("app:x"))).await;
    reply.is_problem(401, "invalid_client");
    assert_eq!(
        reply.header("www-authenticate"),
        Some(r#"Basic realm="rescind", charset="UTF-8""#)
    );
    let user = world
        .service
        .genuine_claims(&world.login().await.access)
        .unwrap()
        .subject;
    assert_eq!(world.service.sessions(&user).await.unwrap().len(), 1);
}

/// It may be a proxy's.
#[tokio::test]
async fn without_clients_a_basic_header_at_a_json_call_is_ignored() {
    let world = World::new().await;
    let tokens = login_of(&world, "app:app-secret-of-16-bytes").await;
    assert_eq!(world.row(tokens.session).await.client_id.as_str(), "rescind");
    introspect(&world, "app:app-secret-of-16-bytes", &tokens.access)
        .await
        .is_oauth_error(401, "invalid_client");
}

#[tokio::test]
async fn no_client_has_the_name_of_the_sessions_of_no_client() {
    let world = World::new().await;
    let settings = clients(Settings::new("https://rescind.example".parse().unwrap()));
    let refused = Rescind::new(
        world.service.clone(),
        settings.client_id(rescind_session::token::ClientId::new("app")),
    );
    assert_eq!(refused.err().unwrap().setting, "oauth_clients");
}
