//! The OAuth endpoints: metadata (RFC 8414), refresh (RFC 6749), revocation (RFC 7009), introspection (RFC 7662).

use std::sync::Arc;

use actix_web::{
    http::{Method, header},
    test::TestRequest,
};
use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};
use rescind_api::Settings;
use rescind_session::{
    Policy,
    ports::{ClaimsSource, StoreError},
    token::{ClientId, ClientSecret, ExtraClaims, RegisteredClient, UserId},
};
use serde_json::{Value, json};

use crate::{
    faulty::Fault,
    world::{Make, PASSWORD, Reply, Tokens, World, call},
};

pub(crate) const TOKEN: &str = "/oauth/token";
pub(crate) const REVOKE: &str = "/oauth/revoke";
pub(crate) const INTROSPECT: &str = "/oauth/introspect";

/// Two clients, the first of which has two secrets.
pub(crate) fn clients(settings: Settings) -> Settings {
    let client = |id: &str, secret: &str| RegisteredClient::new(id, &ClientSecret::from(secret.to_owned())).unwrap();
    settings.oauth_clients([
        client("app", "app-secret-of-16-bytes"),
        client("other", "other-secret-of-16-bytes"),
        client("app", "app-next-of-16-bytes"),
    ])
}

pub(crate) async fn world() -> World {
    under(Policy::blacklist()).await
}

pub(crate) async fn under(policy: Policy) -> World {
    Make {
        policy,
        settings: clients,
        ..Make::default()
    }
    .world()
    .await
}

pub(crate) fn basic(credentials: &str) -> (header::HeaderName, String) {
    (header::AUTHORIZATION, format!("Basic {}", STANDARD.encode(credentials)))
}

pub(crate) fn form(path: &str, fields: &[(&str, &str)]) -> TestRequest {
    call(Method::POST, path).set_form(fields)
}

pub(crate) fn refreshing(token: &str) -> TestRequest {
    form(TOKEN, &[("grant_type", "refresh_token"), ("refresh_token", token)])
}

impl Reply {
    /// Asserts that it is that error of RFC 6749, section 5.2.
    #[track_caller]
    pub(crate) fn is_oauth_error(&self, status: u16, error: &str) {
        assert_eq!(
            (self.status.as_u16(), self.json()["error"].as_str()),
            (status, Some(error)),
            "{}",
            self.body
        );
        assert_eq!(self.header("content-type"), Some("application/json"));
        assert_eq!(self.header("cache-control"), Some("no-store"));
        assert_eq!(self.header("retry-after").is_some(), status == 503, "Retry-After");
        assert_eq!(self.header("allow").is_some(), status == 405, "Allow");
        let challenge = self.header("www-authenticate");
        assert_eq!(
            challenge.is_some_and(|challenge| challenge.starts_with("Basic ")),
            status == 401
        );
        assert!(self.header("x-request-id").is_some());
        let members = self.json();
        assert_eq!(members.as_object().unwrap().len(), 2, "{members}");
        // RFC 6749, section 5.2: %x20-21 / %x23-5B / %x5D-7E.
        let description = members["error_description"].as_str().unwrap();
        let is_allowed = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b'"' && byte != b'\\';
        assert!(
            !description.is_empty() && description.bytes().all(is_allowed),
            "{description}"
        );
    }
}

pub(crate) async fn login_of(world: &World, credentials: &str) -> Tokens {
    let login = call(Method::POST, "/api/login").set_json(json!({ "username": "alice", "password": PASSWORD }));
    world.send(login.insert_header(basic(credentials))).await.tokens()
}

pub(crate) async fn introspect(world: &World, credentials: &str, token: &str) -> Reply {
    world
        .send(form(INTROSPECT, &[("token", token)]).insert_header(basic(credentials)))
        .await
}

async fn revoke(world: &World, token: &str) -> Reply {
    world.send(form(REVOKE, &[("token", token)])).await
}

fn refreshed(reply: &Reply) -> String {
    reply.is(200);
    reply.json()["refresh_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_metadata_names_the_endpoints_and_how_clients_authenticate() {
    let world = world().await;
    let reply = world
        .send(call(Method::GET, "/.well-known/oauth-authorization-server"))
        .await;
    reply.is(200);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.header("cache-control"), Some("public, max-age=300"));
    assert_eq!(
        reply.json(),
        json!({
            "issuer": "https://rescind.example",
            "token_endpoint": "https://rescind.example/oauth/token",
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
            "revocation_endpoint": "https://rescind.example/oauth/revoke",
            "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
            "introspection_endpoint": "https://rescind.example/oauth/introspect",
            "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "jwks_uri": "https://rescind.example/.well-known/jwks.json",
            "grant_types_supported": ["refresh_token"],
            "response_types_supported": [],
        })
    );
    let without = under(Policy::stored()).await;
    let reply = without
        .send(call(Method::GET, "/.well-known/oauth-authorization-server"))
        .await;
    assert_eq!(reply.json()["grant_types_supported"], json!([]));
}

/// RFC 6749, sections 5.1 and 6.
#[tokio::test]
async fn a_refresh_rotates_like_the_json_call() {
    let world = world().await;
    let tokens = world.login().await;
    let reply = world.send(refreshing(&tokens.refresh)).await;
    let next = refreshed(&reply);
    assert_ne!(next, tokens.refresh);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.header("pragma"), Some("no-cache"));
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let body = reply.json();
    assert_eq!(
        (&body["token_type"], &body["expires_in"]),
        (&json!("Bearer"), &json!(300))
    );
    world.me(body["access_token"].as_str().unwrap()).await.is(200);
    // Within the grace the same successor, after it reuse.
    assert_eq!(refreshed(&world.send(refreshing(&tokens.refresh)).await), next);
    world.clock.advance(std::time::Duration::from_secs(11));
    world
        .send(refreshing(&tokens.refresh))
        .await
        .is_oauth_error(400, "invalid_grant");
    world.send(refreshing(&next)).await.is_oauth_error(400, "invalid_grant");
    world.refresh(&next).await.is_problem(401, "session_closed");
}

#[tokio::test]
async fn only_the_refresh_grant_is_supported_and_scope_is_refused() {
    let world = world().await;
    let token = world.login().await.refresh;
    for grant in ["password", "client_credentials", "authorization_code", "Refresh_token"] {
        let fields = [
            ("grant_type", grant),
            ("refresh_token", token.as_str()),
            ("username", "alice"),
            ("password", PASSWORD),
        ];
        world
            .send(form(TOKEN, &fields))
            .await
            .is_oauth_error(400, "unsupported_grant_type");
    }
    let scoped = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &token),
        ("scope", "read"),
    ];
    world
        .send(form(TOKEN, &scoped))
        .await
        .is_oauth_error(400, "invalid_scope");
    // Nothing was exchanged. A parameter without a value counts as left out (section 3.2).
    let row = world.row(world.login().await.session).await;
    assert_eq!(row.generation().get(), 0);
    let empty = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &token),
        ("scope", ""),
    ];
    world.send(form(TOKEN, &empty)).await.is(200);
    let without = under(Policy::short_lived()).await;
    without
        .send(refreshing(&token))
        .await
        .is_oauth_error(400, "unsupported_grant_type");
}

/// RFC 7009, section 2.1: the access tokens of the grant too.
#[tokio::test]
async fn revoking_a_refresh_token_ends_its_session() {
    for policy in [Policy::blacklist(), Policy::rotation()] {
        let world = under(policy).await;
        let (tokens, other) = (world.login().await, world.login().await);
        let next = world.refresh(&tokens.refresh).await.tokens();
        // Of an old generation: as with a logout, any genuine one is enough.
        let reply = revoke(&world, &tokens.refresh).await;
        assert_eq!(
            (reply.is(200).body.as_str(), reply.header("cache-control")),
            ("", Some("no-store"))
        );
        world
            .send(refreshing(&next.refresh))
            .await
            .is_oauth_error(400, "invalid_grant");
        if world.service.policy().check == rescind_session::Check::Blacklist {
            for token in [&tokens.access, &next.access] {
                world.me(token).await.is_problem(401, "token_revoked");
            }
        }
        revoke(&world, &next.refresh).await.is(200);
        world.me(&other.access).await.is(200);
        world.send(refreshing(&other.refresh)).await.is(200);
    }
}

#[tokio::test]
async fn revoking_an_access_token_revokes_this_token_only() {
    let world = world().await;
    let tokens = world.login().await;
    let next = world.refresh(&tokens.refresh).await.tokens();
    for _ in 0..2 {
        revoke(&world, &tokens.access).await.is(200);
        world.me(&tokens.access).await.is_problem(401, "token_revoked");
        world.me(&next.access).await.is(200);
    }
    world.send(refreshing(&next.refresh)).await.is(200);
    world.let_access_tokens_expire();
    revoke(&world, &next.access).await.is(200);
}

#[tokio::test]
async fn an_access_token_that_is_the_session_ends_it_and_an_unchecked_one_is_unsupported() {
    let world = under(Policy::stored()).await;
    let tokens = world.login().await;
    revoke(&world, &tokens.access).await.is(200);
    world.me(&tokens.access).await.is_problem(401, "token_revoked");
    for policy in [Policy::rotation(), Policy::short_lived(), Policy::client_delete()] {
        let world = under(policy).await;
        let token = world.login().await.access;
        // RFC 7009, section 2.2.1.
        revoke(&world, &token)
            .await
            .is_oauth_error(400, "unsupported_token_type");
    }
}

/// RFC 7009, sections 2.1 and 2.2.
#[tokio::test]
async fn a_wrong_hint_still_revokes_and_an_unknown_token_is_200() {
    let world = world().await;
    let with_hint = async |token: &str, hint: &str| {
        world
            .send(form(REVOKE, &[("token", token), ("token_type_hint", hint)]))
            .await
            .is(200);
    };
    for hint in ["access_token", "refresh_token", "something"] {
        let tokens = world.login().await;
        with_hint(&tokens.access, hint).await;
        world.me(&tokens.access).await.is_problem(401, "token_revoked");
        with_hint(&tokens.refresh, hint).await;
        world.refresh(&tokens.refresh).await.is_problem(401, "session_closed");
    }
    let tokens = world.login().await;
    let (head, last) = tokens.refresh.split_at(tokens.refresh.len() - 9);
    let forged = format!("{head}{}", last.chars().rev().collect::<String>());
    assert_ne!(forged, tokens.refresh);
    for unknown in ["x", "rrt_x", &forged, &format!("{}x", tokens.access)] {
        for hint in ["access_token", "refresh_token"] {
            with_hint(unknown, hint).await;
        }
    }
    world.me(&tokens.access).await.is(200);
    world.refresh(&tokens.refresh).await.is(200);
}

#[tokio::test]
async fn a_revocation_that_a_store_cannot_do_is_503_and_is_repeated() {
    let world = world().await;
    for kind in ["access", "refresh"] {
        let tokens = world.login().await;
        let token = if kind == "access" {
            &tokens.access
        } else {
            &tokens.refresh
        };
        for fault in [Fault::Fails, Fault::Hangs] {
            world.sessions.now(fault);
            revoke(&world, token)
                .await
                .is_oauth_error(503, "temporarily_unavailable");
        }
        world.sessions.now(Fault::None);
        // In the log, but not in the blacklist.
        world.blacklist.now(Fault::Fails);
        revoke(&world, token)
            .await
            .is_oauth_error(503, "temporarily_unavailable");
        world.blacklist.now(Fault::None);
        revoke(&world, token).await.is(200);
        world.me(&tokens.access).await.is_problem(401, "token_revoked");
    }
}

/// RFC 7662, section 2.2.
#[tokio::test]
async fn an_active_answer_has_the_claims_and_an_inactive_one_nothing_else() {
    let world = world().await;
    let tokens = world.login().await;
    let reply = introspect(&world, "app:app-secret-of-16-bytes", &tokens.access).await;
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let claims = world.service.genuine_claims(&tokens.access).unwrap();
    let at = claims.issued_at.as_second();
    assert_eq!(
        reply.is(200).json(),
        json!({
            "active": true, "token_type": "Bearer", "client_id": "rescind",
            "iss": "https://rescind.example", "aud": "rescind-api", "sub": claims.subject, "sid": tokens.session,
            "jti": claims.token_id, "iat": at, "auth_time": at, "exp": at + 300,
        })
    );
    let inactive = async |token: &str| {
        assert_eq!(
            introspect(&world, "app:app-secret-of-16-bytes", token)
                .await
                .is(200)
                .json(),
            json!({ "active": false })
        );
    };
    for token in ["x", &tokens.refresh, &format!("{}x", tokens.access)] {
        inactive(token).await;
    }
    let revoked = world.login().await.access;
    revoke(&world, &revoked).await.is(200);
    inactive(&revoked).await;
    world.post_as("/api/logout", &tokens.access).await.is(204);
    inactive(&tokens.access).await;
    let expired = world.login().await.access;
    world.let_access_tokens_expire();
    inactive(&expired).await;
}

struct Named;

#[async_trait]
impl ClaimsSource for Named {
    async fn claims(&self, _: &UserId, _: &ClientId) -> Result<ExtraClaims, StoreError> {
        let claims = ExtraClaims::new().with_scope(["read", "write"]).unwrap();
        let claims = claims
            .with("active", false)
            .and_then(|claims| claims.with("token_type", "N_A"));
        claims.map_err(StoreError::unavailable)
    }
}

#[tokio::test]
async fn introspection_returns_the_scope_and_no_claim_replaces_active() {
    let mut world = world().await;
    let service = world.service.clone().with_claims(Arc::new(Named));
    world.rescind = world.rescind.with_service(service);
    let tokens = world.login().await;
    let answer = introspect(&world, "app:app-secret-of-16-bytes", &tokens.access).await;
    let members = ["active", "token_type", "scope"].map(|name| answer.json()[name].clone());
    assert_eq!(members, [json!(true), json!("Bearer"), json!("read write")]);
    assert_eq!(answer.body.matches("\"active\"").count(), 1);
}

#[tokio::test]
async fn an_introspection_that_cannot_be_answered_is_503() {
    let world = world().await;
    let tokens = world.login().await;
    for fault in [Fault::Fails, Fault::Hangs] {
        world.blacklist.now(fault);
        let reply = introspect(&world, "app:app-secret-of-16-bytes", &tokens.access).await;
        reply.is_oauth_error(503, "temporarily_unavailable");
    }
}

#[tokio::test]
async fn the_endpoints_read_and_set_no_cookies_and_other_origins_may_call_them() {
    let world = world().await;
    let browser = world.browser();
    browser.log_in("alice").await;
    let tokens = world.login().await;
    let foreign = |request: TestRequest| {
        let request = request.insert_header(("sec-fetch-site", "cross-site"));
        request.insert_header((header::ORIGIN, "https://spa.example"))
    };
    let reply = browser.send(foreign(refreshing(&tokens.refresh))).await;
    assert!(reply.is(200).set_cookies().is_empty());
    let without = [form(TOKEN, &[("grant_type", "refresh_token")]), form(REVOKE, &[])];
    for request in without {
        browser
            .send(foreign(request))
            .await
            .is_oauth_error(400, "invalid_request");
    }
    browser
        .send(foreign(form(INTROSPECT, &[("token", "x")])))
        .await
        .is_oauth_error(401, "invalid_client");
    browser.visit("/mine").await.is(200);
    // Everything else is checked as before.
    browser
        .send(foreign(form("/oauth/other", &[])))
        .await
        .is_problem(403, "cross_origin");
    browser
        .send(foreign(form("/logout", &[])))
        .await
        .is_problem(403, "cross_origin");
}

#[tokio::test]
async fn without_our_endpoints_their_paths_are_no_exception() {
    use actix_web::{App, HttpResponse, test, web};
    let world = world().await;
    let app = App::new()
        .configure(world.rescind.mount(rescind_api::Routes::default()))
        .route(TOKEN, web::post().to(HttpResponse::Ok))
        .wrap(world.rescind.guard());
    let app = test::init_service(app).await;
    let request = form(TOKEN, &[]).insert_header(("sec-fetch-site", "cross-site"));
    let reply = test::call_service(&app, request.to_request()).await;
    assert_eq!(reply.status().as_u16(), 403);
}

#[tokio::test]
async fn every_member_of_the_claims_is_in_the_answer() {
    let world = world().await;
    let token = world.login().await.access;
    let answer = introspect(&world, "other:other-secret-of-16-bytes", &token)
        .await
        .json();
    let claims = serde_json::to_value(world.service.genuine_claims(&token).unwrap()).unwrap();
    let Value::Object(claims) = claims else {
        panic!("{claims}")
    };
    assert!(claims.iter().all(|(name, value)| answer[name] == *value), "{answer}");
}
