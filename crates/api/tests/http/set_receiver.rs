//! A resource server that learns of revocations by security events.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use actix_web::{
    App,
    dev::Service,
    test::{self, TestRequest},
    web,
};
use async_trait::async_trait;
use jiff::Timestamp;
use rescind_api::{ResourceServer, RevocationCheck, SetReceiver};
use rescind_session::{
    Keys, RevocationReader, VerifiedToken,
    ports::{RevocationStatus, StoreError},
    token::{
        Algorithm, KeyRing, LogMark, RevokedSubject, SecretString, SecurityEvent, SecurityEventToken, SessionRevoked,
        SigningKey, TokenParts, UserId, Uuid,
    },
};
use serde_json::json;

use crate::{
    resource_server::{Issuer, mine, settings},
    world::{ORIGIN, Reply, Tokens, World},
};

const AUDIENCE: &str = "https://shop.example/events";
/// Longer than the clocks of two nodes may differ.
const SKEW: u64 = 7;

/// The issuer, and a server that gets its events.
struct Scene {
    world: World,
    issuer: Issuer,
    receiver: SetReceiver,
    server: ResourceServer,
}

impl Scene {
    async fn start() -> Self {
        Self::with(|receiver| receiver).await
    }

    async fn with(change: impl FnOnce(SetReceiver) -> SetReceiver) -> Self {
        let (world, issuer) = (World::new().await, Issuer::start().await);
        let receiver = change(SetReceiver::new(AUDIENCE));
        let check = RevocationCheck::SecurityEvents(receiver.clone());
        let server = ResourceServer::new(settings(&world, &issuer.url), check).unwrap();
        issuer.publishes(&world.service.keys().ring.to_jwks());
        Self {
            world,
            issuer,
            receiver,
            server,
        }
    }

    /// One whose receiver has everything up to position 5, and a session that began later.
    async fn following() -> (Self, Tokens) {
        let scene = Self::start().await;
        scene.verification(5).await.is(202);
        scene.later(SKEW);
        let tokens = scene.world.login().await;
        scene.checked(&tokens).await.is(200);
        (scene, tokens)
    }

    async fn send(&self, request: TestRequest) -> Reply {
        let app = App::new()
            .app_data(web::Data::new(self.server.clone()))
            .route("/checked", web::get().to(mine))
            .route("/events", self.receiver.route(&self.server));
        let app = test::init_service(app).await;
        let reply = app.call(request.to_request()).await.unwrap();
        let (status, headers) = (reply.status(), reply.headers().clone());
        let body = String::from_utf8(test::read_body(reply).await.to_vec()).unwrap();
        Reply { status, headers, body }
    }

    async fn checked(&self, tokens: &Tokens) -> Reply {
        let bearer = format!("Bearer {}", tokens.access);
        self.send(
            TestRequest::get()
                .uri("/checked")
                .insert_header(("authorization", bearer)),
        )
        .await
    }

    async fn post(&self, event: &str) -> Reply {
        let request = TestRequest::post().uri("/events");
        let request = request.insert_header(("content-type", "application/secevent+jwt"));
        self.send(request.set_payload(event.to_owned())).await
    }

    async fn deliver(&self, event: &SecurityEventToken) -> Reply {
        let signed = self.world.service.keys().ring.sign_security_event(event).unwrap();
        self.post(&signed).await
    }

    fn event(&self, position: u64, head: u64, event: SecurityEvent) -> SecurityEventToken {
        SecurityEventToken {
            issuer: ORIGIN.to_owned(),
            audience: AUDIENCE.to_owned(),
            id: position.to_string(),
            issued_at: self.world.service.now().unwrap(),
            log: LogMark {
                id: Uuid::from_u128(1),
                position,
                head,
            },
            event,
        }
    }

    async fn verification(&self, position: u64) -> Reply {
        self.deliver(&self.event(position, position, SecurityEvent::Verification))
            .await
    }

    fn revocation(&self, position: u64, head: u64, subject: RevokedSubject) -> SecurityEventToken {
        let now = self.world.service.now().unwrap();
        let revoked = SessionRevoked {
            subject,
            at: now,
            until: now + Duration::from_secs(3_600),
        };
        self.event(position, head, SecurityEvent::SessionRevoked(revoked))
    }

    fn later(&self, seconds: u64) {
        self.world.clock.advance(Duration::from_secs(seconds));
    }
}

fn session(tokens: &Tokens) -> RevokedSubject {
    RevokedSubject::Session(tokens.session, UserId::new("alice").unwrap())
}

/// A session that is not in question.
fn another() -> RevokedSubject {
    RevokedSubject::Token(rescind_session::token::TokenId::from_uuid(Uuid::from_u128(9)))
}

#[tokio::test]
async fn an_event_revokes_a_session_or_a_single_token() {
    let (scene, first) = Scene::following().await;
    let second = scene.world.login().await;
    let event = scene.revocation(6, 6, session(&first));
    scene.deliver(&event).await.is(202);
    scene.checked(&first).await.is_problem(401, "token_revoked");
    scene.checked(&second).await.is(200);
    // A repeat is harmless.
    scene.deliver(&event).await.is(202);
    scene.checked(&second).await.is(200);

    let claims = TokenParts::split_without_verifying(&second.access).unwrap().claims;
    let token = RevokedSubject::Token(claims["jti"].as_str().unwrap().parse().unwrap());
    scene.deliver(&scene.revocation(7, 7, token)).await.is(202);
    scene.checked(&second).await.is_problem(401, "token_revoked");
    let renewed = scene.world.refresh(&second.refresh).await.tokens();
    scene.checked(&renewed).await.is(200);
}

#[tokio::test]
async fn before_the_first_event_no_token_is_accepted() {
    let scene = Scene::start().await;
    let before = scene.world.login().await;
    scene.checked(&before).await.is_problem(503, "store_unavailable");
    scene.later(1);
    scene.verification(5).await.is(202);
    // It may have been revoked before.
    scene.checked(&before).await.is_problem(401, "token_revoked");
    scene.later(SKEW);
    let renewed = scene.world.refresh(&before.refresh).await.tokens();
    scene.checked(&renewed).await.is(200);
}

#[tokio::test]
async fn after_30_seconds_without_an_event_no_token_is_accepted() {
    let (scene, tokens) = Scene::following().await;
    scene.later(23);
    scene.checked(&tokens).await.is(200);
    scene.later(1);
    scene.checked(&tokens).await.is_problem(503, "store_unavailable");
    // The positions show that nothing was missed.
    scene.verification(5).await.is(202);
    scene.checked(&tokens).await.is(200);
}

#[tokio::test]
async fn after_a_silence_no_token_is_accepted_until_all_events_arrived() {
    let (scene, tokens) = Scene::following().await;
    scene.later(60);
    for position in 6..9 {
        scene.deliver(&scene.revocation(position, 9, another())).await.is(202);
        scene.checked(&tokens).await.is_problem(503, "store_unavailable");
    }
    scene.deliver(&scene.revocation(9, 9, session(&tokens))).await.is(202);
    scene.checked(&tokens).await.is_problem(401, "token_revoked");
    scene.later(SKEW);
    let fresh = scene.world.login().await;
    scene.checked(&fresh).await.is(200);
}

#[tokio::test]
async fn a_lost_event_is_noticed_and_older_tokens_are_refused() {
    for lost in ["a revocation", "one before a verification", "the log"] {
        let (scene, tokens) = Scene::following().await;
        let mut event = match lost {
            "a revocation" => scene.revocation(7, 7, another()),
            _ => scene.event(6, 6, SecurityEvent::Verification),
        };
        if lost == "the log" {
            event.log = LogMark {
                id: Uuid::from_u128(2),
                position: 5,
                head: 5,
            };
        }
        scene.deliver(&event).await.is(202);
        scene.checked(&tokens).await.is_problem(401, "token_revoked");
        scene.later(SKEW);
        let renewed = scene.world.refresh(&tokens.refresh).await.tokens();
        scene.checked(&renewed).await.is(200);
    }
}

#[tokio::test]
async fn a_recorded_event_that_is_sent_again_later_proves_nothing() {
    let (scene, tokens) = Scene::following().await;
    let recorded = scene.event(5, 5, SecurityEvent::Verification);
    let mut of_an_older_log = recorded.clone();
    of_an_older_log.log.id = Uuid::from_u128(2);
    scene.later(31);
    scene.deliver(&recorded).await.is(202);
    scene.checked(&tokens).await.is_problem(503, "store_unavailable");
    scene.verification(5).await.is(202);
    scene.deliver(&of_an_older_log).await.is(202);
    scene.checked(&tokens).await.is(200);
    // What it revokes stays revoked.
    let mut late = scene.revocation(6, 6, session(&tokens));
    late.issued_at = Timestamp::UNIX_EPOCH;
    scene.deliver(&late).await.is(202);
    scene.checked(&tokens).await.is_problem(401, "token_revoked");
}

#[tokio::test]
async fn an_event_that_is_not_the_issuers_for_this_receiver_is_refused() {
    let (scene, tokens) = Scene::following().await;
    let event = scene.revocation(6, 6, session(&tokens));
    let refused = |reply: &Reply, code: &str| {
        assert_eq!(
            (reply.status.as_u16(), &reply.json()["err"]),
            (400, &json!(code)),
            "{}",
            reply.body
        );
    };
    let audience = SecurityEventToken {
        audience: "https://other.example/events".to_owned(),
        ..event.clone()
    };
    refused(&scene.deliver(&audience).await, "invalid_audience");
    let issuer = SecurityEventToken {
        issuer: "https://other.example".to_owned(),
        ..event.clone()
    };
    refused(&scene.deliver(&issuer).await, "invalid_issuer");

    let ring = |algorithm| KeyRing::new(SigningKey::generate(algorithm).unwrap());
    let own = scene.world.service.keys().ring.sign_security_event(&event).unwrap();
    let (message, _) = own.rsplit_once('.').unwrap();
    let foreign = ring(Algorithm::EdDsa).sign_security_event(&event).unwrap();
    let forged = format!("{message}.{}", foreign.rsplit_once('.').unwrap().1);
    refused(&scene.post(&forged).await, "invalid_key");
    for (crafted, code) in [
        (format!("{message}."), "invalid_key"),
        (tokens.access.clone(), "invalid_request"),
        (own.replace('.', ","), "invalid_request"),
        ("a".repeat(9_000), "invalid_request"),
        (String::new(), "invalid_request"),
    ] {
        refused(&scene.post(&crafted).await, code);
    }
    let request = TestRequest::post().uri("/events").set_payload(own.clone());
    let other_type = request.insert_header(("content-type", "application/jwt"));
    refused(&scene.send(other_type).await, "invalid_request");

    scene.checked(&tokens).await.is(200);
    // An event is no access token either.
    let as_token = Tokens { access: own, ..tokens };
    scene.checked(&as_token).await.is_problem(401, "token_invalid");
}

#[tokio::test]
async fn an_event_by_a_key_that_is_not_known_yet_is_not_refused_for_good() {
    let (scene, tokens) = Scene::following().await;
    let refresh = scene.world.service.keys().refresh.clone();
    let ring = KeyRing::new(SigningKey::generate(Algorithm::Es256).unwrap());
    scene.world.service.replace_keys(Keys { ring, refresh });
    let event = scene.revocation(6, 6, session(&tokens));
    // The keys may be fetched again, but nothing new is published yet.
    scene.later(10);
    scene.deliver(&event).await.is_problem(503, "store_unavailable");
    scene.issuer.publishes(&scene.world.service.keys().ring.to_jwks());
    scene.deliver(&event).await.is_problem(503, "store_unavailable");
    scene.later(10);
    scene.deliver(&event).await.is(202);
}

#[tokio::test]
async fn a_delivery_without_the_bearer_token_is_401_and_changes_nothing() {
    let secret = || SecretString::from("a-secret".to_owned());
    let scene = Scene::with(|receiver| receiver.bearer(secret())).await;
    let event = scene.event(5, 5, SecurityEvent::Verification);
    let signed = scene.world.service.keys().ring.sign_security_event(&event).unwrap();
    for (sent, status) in [
        (None, 401),
        (Some("Bearer a-secreT"), 401),
        (Some("Basic a-secret"), 401),
        (Some("Bearer a-secret"), 202),
    ] {
        let request = TestRequest::post().uri("/events").set_payload(signed.clone());
        let mut request = request.insert_header(("content-type", "application/secevent+jwt"));
        if let Some(sent) = sent {
            request = request.insert_header(("authorization", sent));
        }
        scene.send(request).await.is(status);
    }
}

/// A check at the issuer, which knows every token.
#[derive(Default)]
struct Asked(AtomicUsize);

#[async_trait]
impl RevocationReader for Asked {
    async fn status(&self, _: &VerifiedToken<'_>) -> Result<RevocationStatus, StoreError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(RevocationStatus::NotRevoked)
    }
}

#[tokio::test]
async fn another_check_answers_where_events_do_not_suffice() {
    let asked = Arc::new(Asked::default());
    let scene = Scene::with(|receiver| receiver.otherwise(asked.clone())).await;
    let tokens = scene.world.login().await;
    scene.checked(&tokens).await.is(200);
    scene.verification(5).await.is(202);
    scene.checked(&tokens).await.is(200);
    assert_eq!(asked.0.load(Ordering::SeqCst), 2);
    // It is not asked about what is known.
    scene.deliver(&scene.revocation(6, 6, session(&tokens))).await.is(202);
    scene.checked(&tokens).await.is_problem(401, "token_revoked");
    scene.later(SKEW);
    scene.checked(&scene.world.login().await).await.is(200);
    assert_eq!(asked.0.load(Ordering::SeqCst), 2);
}
