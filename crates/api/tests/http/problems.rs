//! Every error is a document of RFC 9457 without internal details.

use std::{error::Error, ops::Deref, sync::Arc};

use actix_web::http::{Method, header};
use jiff::Timestamp;
use rescind_api::Problem;
use rescind_session::{
    EndReason, NewUser, PasswordHash, Ports, Scope, Unavailable, User, UserKind, Username,
    decorate::{Answer, Around, Call},
    ports::{Blacklist, Inserted, NewRevocation, StoreError},
    token::{SessionId, UserId},
};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::{
    faulty::{Fault, INTERNAL},
    world::{Make, PASSWORD, Reply, World, call, navigation},
};

fn body_without_id(reply: &Reply) -> Value {
    let mut body = reply.json();
    let id = body.as_object_mut().unwrap().remove("instance").unwrap();
    assert_eq!(
        id.as_str().unwrap().strip_prefix("urn:uuid:"),
        reply.header("x-request-id")
    );
    body
}

/// While it is held, members are written in the order of their names and not in their declared order, which depends on
/// whether another crate of the build enables that feature of serde_json.
fn members_by_name() -> insta::internals::SettingsBindDropGuard {
    let mut settings = insta::Settings::clone_current();
    settings.set_sort_maps(true);
    settings.bind_to_scope()
}

#[tokio::test]
async fn a_problem_names_itself_for_programs_and_for_people() {
    let _order = members_by_name();
    let world = World::new().await;
    let reply = world.me("nonsense").await;
    insta::assert_json_snapshot!(body_without_id(&reply), @r#"
    {
      "code": "token_invalid",
      "detail": "The access token is not valid. Log in again.",
      "status": 401,
      "title": "Unauthorized"
    }
    "#);
}

#[tokio::test]
async fn invalid_input_is_reported_per_field() {
    let _order = members_by_name();
    let world = World::new().await;
    let reply = world
        .post("/api/users", json!({ "username": "a b", "password": "short" }))
        .await;
    reply.is_problem(422, "invalid_input");
    insta::assert_json_snapshot!(body_without_id(&reply), @r#"
    {
      "code": "invalid_input",
      "detail": "A field of the request is invalid.",
      "errors": [
        {
          "detail": "must be 1 to 320 characters, without spaces",
          "field": "username"
        },
        {
          "detail": "must be 15 to 256 characters long",
          "field": "password"
        }
      ],
      "status": 422,
      "title": "Unprocessable Entity"
    }
    "#);
    let reply = world.post("/api/login", json!({ "username": 7 })).await;
    insta::assert_json_snapshot!(reply.json()["errors"], @r#"
    [
      {
        "detail": "must be a string",
        "field": "username"
      },
      {
        "detail": "is required",
        "field": "password"
      }
    ]
    "#);
    let reply = world.post("/api/refresh", json!({ "refresh_token": ["x"] })).await;
    reply.is_problem(422, "invalid_input");
    assert_eq!(reply.json()["errors"][0]["field"], "refresh_token");
    world
        .send(call(Method::POST, "/api/login"))
        .await
        .is_problem(422, "invalid_input");
}

#[tokio::test]
async fn a_body_that_is_not_json_is_400_and_json_without_an_object_is_422() {
    let world = World::new().await;
    let login = |body: &str| {
        call(Method::POST, "/api/login")
            .insert_header((header::CONTENT_TYPE, "application/json"))
            .set_payload(body.to_owned())
    };
    for body in ["{", "hello", r#"{"username": "alice""#, "\u{0}"] {
        world.send(login(body)).await.is_problem(400, "bad_request");
    }
    for body in ["7", r#""text""#, "[[]]", r#"{"username": "a", "username": "b"}"#] {
        world.send(login(body)).await.is_problem(422, "invalid_input");
    }
}

#[tokio::test]
async fn another_media_type_is_refused() {
    let world = World::new().await;
    let body = json!({ "username": "alice", "password": PASSWORD }).to_string();
    for media_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "",
    ] {
        let request = call(Method::POST, "/api/login")
            .insert_header((header::CONTENT_TYPE, media_type))
            .set_payload(body.clone());
        world.send(request).await.is_problem(415, "unsupported_media_type");
    }
    let with_charset = call(Method::POST, "/api/login")
        .insert_header((header::CONTENT_TYPE, "application/json; charset=utf-8"))
        .set_payload(body);
    world.send(with_charset).await.is(200);
}

#[tokio::test]
async fn a_body_over_sixteen_kibibytes_is_too_large() {
    let world = World::new().await;
    let padded = |by: usize| json!({ "username": "alice", "password": PASSWORD, "padding": "x".repeat(by) });
    world.post("/api/login", padded(15 * 1024)).await.is(200);
    world
        .post("/api/login", padded(16 * 1024))
        .await
        .is_problem(413, "payload_too_large");
}

#[tokio::test]
async fn unknown_paths_are_problems_inside_and_outside_the_api() {
    let world = World::new().await;
    for path in [
        "/api",
        "/api/",
        "/api/nothing",
        "/api/me/too",
        "/nothing",
        "/health",
        "/gives-up",
    ] {
        world.send(call(Method::GET, path)).await.is_problem(404, "not_found");
    }
}

#[tokio::test]
async fn a_wrong_method_gets_the_allowed_ones() {
    let world = World::new().await;
    let allowed = [
        ("/api/users", "POST"),
        ("/api/login", "POST"),
        ("/api/refresh", "POST"),
        ("/api/logout", "POST"),
        ("/api/logout-everywhere", "POST"),
        ("/api/me", "GET, HEAD"),
        ("/api/sessions", "GET, HEAD"),
        ("/api/sessions/0198c0de-0000-7000-8000-000000000000", "DELETE"),
        ("/logout", "POST"),
        ("/refresh", "GET, POST"),
        ("/health/live", "GET, HEAD"),
        ("/health/ready", "GET, HEAD"),
    ];
    for (path, methods) in allowed {
        let reply = world.send(call(Method::PUT, path)).await;
        reply.is_problem(405, "method_not_allowed");
        assert_eq!(reply.header("allow"), Some(methods), "{path}");
    }
}

#[tokio::test]
async fn errors_of_actix_extractors_are_problem_documents() {
    let world = World::new().await;
    let json = |body: &'static str| {
        call(Method::POST, "/json")
            .insert_header((header::CONTENT_TYPE, "application/json"))
            .set_payload(body)
    };
    world.send(json("nonsense")).await.is_problem(400, "bad_request");
    world.send(json(r#""secret""#)).await.is_problem(422, "invalid_input");
    world
        .send(call(Method::POST, "/json").set_payload("1"))
        .await
        .is_problem(415, "unsupported_media_type");
    world
        .send(call(Method::POST, "/form").set_payload("a=1"))
        .await
        .is_problem(415, "unsupported_media_type");
    let large = call(Method::POST, "/form").set_form([("a", "x".repeat(20_000))]);
    world.send(large).await.is_problem(413, "payload_too_large");
    world
        .send(call(Method::GET, "/numbers/seven"))
        .await
        .is_problem(404, "not_found");
}

#[tokio::test]
async fn an_applications_own_404_page_is_not_replaced() {
    let reply = World::new().await.send(call(Method::GET, "/own-404")).await;
    assert_eq!((reply.status.as_u16(), reply.body.as_str()), (404, "<p>Sold out."));
    assert_eq!(reply.header("content-type"), Some("text/html"));
}

#[test]
fn a_problem_prints_as_its_code_and_keeps_its_cause() {
    assert_eq!(Problem::NotFound.to_string(), "not_found");
    assert!(Problem::NotFound.source().is_none());
    let problem = Problem::from(Unavailable::BlacklistRebuilding);
    assert_eq!(problem.to_string(), "store_unavailable");
    let cause = problem.source().unwrap().to_string();
    assert_eq!(cause, Unavailable::BlacklistRebuilding.to_string());
}

#[tokio::test]
async fn an_unknown_time_is_reported_as_not_ready_clock() {
    let world = World::new().await;
    let tokens = world.login().await;
    world.time.now(Fault::Fails);
    let reply = world.me(&tokens.access).await;
    reply.is_problem(503, "store_unavailable");
    assert_eq!(reply.json()["reason"], "clock");
    world.time.now(Fault::None);
    world.sessions.now(Fault::Fails);
    let reply = world.refresh(&tokens.refresh).await;
    reply.is_problem(503, "store_unavailable");
    assert_eq!(reply.json()["reason"], Value::Null);
}

#[tokio::test]
async fn a_reply_has_no_internal_details() {
    let world = World::new().await;
    let tokens = world.login().await;
    world.sessions.now(Fault::Fails);
    world.blacklist.now(Fault::Fails);
    let replies = [
        world.me(&tokens.access).await,
        world.refresh(&tokens.refresh).await,
        world.post_as("/api/logout", &tokens.access).await,
        world.try_login("alice", PASSWORD).await,
        world.send(call(Method::GET, "/health/ready")).await,
    ];
    for reply in replies {
        reply.is_problem(503, "store_unavailable");
        let all = format!("{:?} {}", reply.headers, reply.body);
        for word in [
            INTERNAL,
            "internal",
            "store is unavailable",
            "StoreError",
            "rescind_session",
            PASSWORD,
        ] {
            assert!(!all.contains(word), "{word}: {all}");
        }
        assert!(!all.contains(&tokens.access) && !all.contains(&tokens.refresh));
    }
    for sent in [
        r#"{"username": "hunter2"#,
        r#"["hunter2"]"#,
        r#"{"username": "hunter2", "username": "hunter2"}"#,
    ] {
        let request = call(Method::POST, "/api/login")
            .insert_header((header::CONTENT_TYPE, "application/json"))
            .set_payload(sent);
        let reply = world.send(request).await;
        assert!(
            reply.status.is_client_error() && !reply.body.contains("hunter2"),
            "{}",
            reply.body
        );
    }
}

#[tokio::test]
async fn a_failing_store_is_a_503_for_every_call_and_never_a_200() {
    let world = World::new().await;
    let tokens = world.login().await;
    world.sessions.now(Fault::Fails);
    world.blacklist.now(Fault::Fails);
    let as_alice = |method: Method, path: &str| {
        call(method, path).insert_header((header::AUTHORIZATION, format!("Bearer {}", tokens.access)))
    };
    let refresh = json!({ "refresh_token": tokens.refresh });
    let requests = [
        as_alice(Method::GET, "/api/me"),
        as_alice(Method::GET, "/api/sessions"),
        as_alice(Method::DELETE, &format!("/api/sessions/{}", tokens.session)),
        as_alice(Method::POST, "/api/logout"),
        as_alice(Method::POST, "/api/logout-everywhere"),
        call(Method::POST, "/api/logout").set_json(&refresh),
        call(Method::POST, "/api/refresh").set_json(&refresh),
        call(Method::POST, "/api/login").set_json(json!({ "username": "alice", "password": PASSWORD })),
        call(Method::GET, "/health/ready"),
    ];
    for request in requests {
        world.send(request).await.is_problem(503, "store_unavailable");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hanging_store_is_a_503_within_the_store_timeout() {
    let world = World::new().await;
    let tokens = world.login().await;
    world.sessions.now(Fault::Hangs);
    world.blacklist.now(Fault::Hangs);
    let began = tokio::time::Instant::now();
    let replies = [
        world.me(&tokens.access).await,
        world.refresh(&tokens.refresh).await,
        world.post_as("/api/logout", &tokens.access).await,
        world.try_login("alice", PASSWORD).await,
        world.send(call(Method::GET, "/health/ready")).await,
    ];
    for reply in &replies {
        reply.is_problem(503, "store_unavailable");
    }
    let timeout = std::time::Duration::from_millis(510);
    assert!(
        began.elapsed() <= timeout * u32::try_from(replies.len()).unwrap(),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn a_logout_missing_in_the_blacklist_is_pending_until_repeated() {
    let world = World::new().await;
    let tokens = world.login().await;
    world.blacklist.now(Fault::FailsToClose);
    world
        .post_as("/api/logout", &tokens.access)
        .await
        .is_problem(503, "revocation_pending");
    world.blacklist.now(Fault::None);
    world.post_as("/api/logout", &tokens.access).await.is(204);
    world.me(&tokens.access).await.is_problem(401, "token_revoked");
}

#[test]
fn a_full_hash_queue_is_overloaded_at_once() {
    let one_thread_for_hashing = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(1)
        .build()
        .unwrap();
    one_thread_for_hashing.block_on(async {
        let hashing = Make::default().hashing.at_once(1).waiting(0);
        let world = Make {
            hashing,
            ..Make::default()
        }
        .world()
        .await;
        let (release, held) = std::sync::mpsc::channel::<()>();
        let busy = tokio::task::spawn_blocking(move || held.recv().is_ok());
        let second = async {
            let reply = world.try_login("bob", PASSWORD).await;
            release.send(()).unwrap();
            reply
        };
        let (first, second) = futures::join!(world.try_login("alice", PASSWORD), second);
        first.is(200);
        second.is_problem(503, "overloaded");
        assert!(busy.await.unwrap());
    });
}

/// It is not reported as an overload, because waiting would not help.
#[tokio::test]
async fn an_unreadable_stored_hash_is_an_internal_error() {
    let world = World::new().await;
    let user = User {
        id: UserId::from(Uuid::from_u128(1)),
        username: Username::parse("broken").unwrap(),
        kind: UserKind::Person,
    };
    let new = NewUser {
        user,
        password_hash: PasswordHash::new("$argon2id$no-hash"),
        created_at: Timestamp::UNIX_EPOCH,
    };
    assert_eq!(
        world.service.ports().users.insert(&new).await.unwrap(),
        Inserted::Created
    );
    world.try_login("broken", PASSWORD).await.is_problem(500, "internal");
}

#[tokio::test]
async fn every_reply_carries_an_id_of_its_own() {
    let world = World::new().await;
    let (one, other) = (
        world.send(navigation("/page")).await,
        world.send(navigation("/page")).await,
    );
    assert!(one.header("x-request-id").is_some());
    assert_ne!(one.header("x-request-id"), other.header("x-request-id"));
}

#[tokio::test]
async fn liveness_and_readiness_differ() {
    let world = Make::default().cold();
    let live = world.send(call(Method::GET, "/health/live")).await;
    assert_eq!(live.is(200).json(), json!({ "status": "live" }));
    assert_eq!(live.header("cache-control"), Some("no-store"));
    world
        .send(call(Method::GET, "/health/ready"))
        .await
        .is_problem(503, "store_unavailable");
    world.service.sync_blacklist(100).await.unwrap();
    world.send(call(Method::GET, "/health/ready")).await.is(200);
    for store in ["sessions", "blacklist"] {
        let both = |fault| {
            if store == "sessions" {
                world.sessions.now(fault)
            } else {
                world.blacklist.now(fault)
            }
        };
        both(Fault::Fails);
        world
            .send(call(Method::GET, "/health/ready"))
            .await
            .is_problem(503, "store_unavailable");
        world.send(call(Method::GET, "/health/live")).await.is(200);
        both(Fault::None);
    }
    world.send(call(Method::GET, "/health/ready")).await.is(200);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_not_ready_names_the_reason_in_one_word() {
    let world = Make::default().cold();
    let ready = async || world.send(call(Method::GET, "/health/ready")).await;
    let is_missing = async |reason: &str| {
        let reply = ready().await;
        reply.is_problem(503, "store_unavailable");
        assert_eq!(reply.json()["reason"], reason, "{}", reply.body);
        let all = format!("{:?} {}", reply.headers, reply.body);
        assert!(!all.contains(INTERNAL), "the cause is for the log: {all}");
    };
    is_missing("blacklist_rebuilding").await;
    world.service.sync_blacklist(100).await.unwrap();
    ready().await.is(200);

    for fault in [Fault::Fails, Fault::Hangs] {
        world.sessions.now(fault);
        is_missing("database").await;
        world.sessions.now(Fault::None);
        world.blacklist.now(fault);
        is_missing("blacklist").await;
        world.blacklist.now(Fault::None);
    }
    world.blacklist.now(Fault::LosesTheLock);
    is_missing("lock").await;
    world.blacklist.now(Fault::None);
    world.time.now(Fault::Fails);
    is_missing("clock").await;
    world.time.now(Fault::None);
    world.service.require_resync();
    is_missing("blacklist_rebuilding").await;

    world.service.sync_blacklist(100).await.unwrap();
    let reply = ready().await;
    reply.is(200);
    assert!(reply.json().get("reason").is_none(), "{}", reply.body);
}

/// A blacklist that is filled only as far as it is let.
struct Held(Arc<dyn Blacklist>, Arc<Semaphore>);

impl Around<dyn Blacklist> for Held {
    fn inner(&self) -> impl Deref<Target = dyn Blacklist> + Send + Sync {
        self.0.clone()
    }

    async fn around<T: Answer>(
        &self,
        call: Call<'_>,
        next: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        if let Call::Fill(..) = call {
            self.1.acquire().await.unwrap().forget();
        }
        next.await
    }
}

#[tokio::test]
async fn readiness_shows_the_progress_of_a_rebuild() {
    let world = Make::default().cold();
    for number in 0..20 {
        let new = NewRevocation {
            scope: Scope::Session(SessionId::from_uuid(Uuid::from_u128(number))),
            user: UserId::from(Uuid::nil()),
            at: Timestamp::UNIX_EPOCH,
            until: Timestamp::UNIX_EPOCH,
            cause: EndReason::Logout,
        };
        let _ = world.service.ports().sessions.revoke(&new).await.unwrap();
    }
    let ready = async || world.send(call(Method::GET, "/health/ready")).await;
    assert_eq!(ready().await.json().get("rebuilt"), None);

    let gate = Arc::new(Semaphore::new(0));
    let ports = Ports {
        blacklist: Arc::new(Held(world.blacklist.clone(), gate.clone())),
        ..world.service.ports().clone()
    };
    let slow = world.service.with_ports(ports).unwrap();
    let filling = tokio::spawn(async move { slow.sync_blacklist(1).await.unwrap() });
    for entries in [0, 8, 16] {
        let seen = async {
            while ready().await.json()["rebuilt"] != json!({ "entries": entries }) {
                tokio::task::yield_now().await;
            }
        };
        let seen = tokio::time::timeout(std::time::Duration::from_secs(30), seen).await;
        assert!(seen.is_ok(), "{}", ready().await.body);
        ready().await.is_problem(503, "store_unavailable");
        gate.add_permits(1);
    }
    assert_eq!(filling.await.unwrap().entries, 20);
    ready().await.is(200);
}
