//! A resource server that reads the issuer's status lists.

use std::time::Duration;

use rescind_api::{ResourceServer, ResourceServerError, RevocationCheck, StatusListReader, session::AuthenticateError};
use rescind_session::{
    status_list::FoundStatusList,
    token::{Algorithm, KeyRing, SigningKey, StatusListToken, VerifyError},
};

use crate::{
    resource_server::settings,
    status_list::make,
    world::{ORIGIN, Tokens, World},
};

struct Scene {
    world: World,
    server: ResourceServer,
    reader: StatusListReader,
}

impl Scene {
    async fn start() -> Self {
        let (world, reader) = (make().world().await, StatusListReader::new());
        let jwks = world.service.keys().ring.to_jwks().to_string();
        let check = RevocationCheck::StatusLists(reader.clone());
        // Nothing answers at this address, and nothing has to.
        let server = ResourceServer::with_jwks(settings(&world, "http://127.0.0.1:9/keys"), &jwks, check).unwrap();
        Self { world, server, reader }
    }

    fn uri(&self, tokens: &Tokens) -> String {
        let claims = self.world.service.genuine_claims(&tokens.access).unwrap();
        StatusListReader::uri(&claims).unwrap()
    }

    /// The list as the issuer signs it now. It is compressed by the handler, so here with what is stored of it.
    async fn list(&self, tokens: &Tokens) -> String {
        let number = self.uri(tokens).rsplit_once('/').unwrap().1.parse().unwrap();
        let found = self.world.service.status_list(number, None).await.unwrap();
        let FoundStatusList::Made(made) = found else {
            panic!("{found:?}")
        };
        let bits = miniz_oxide::deflate::compress_to_vec_zlib(made.list.as_bytes(), 6);
        self.world.service.sign_status_list(&made, bits).unwrap()
    }

    async fn take(&self, tokens: &Tokens) -> Result<Duration, VerifyError> {
        let list = self.list(tokens).await;
        self.reader.take(&self.server, &self.uri(tokens), &list).await.unwrap()
    }

    async fn ask(&self, tokens: &Tokens) -> &'static str {
        match self.server.authenticate(&tokens.access).await {
            Ok(_) => "accepted",
            Err(AuthenticateError::Revoked(_)) => "revoked",
            Err(AuthenticateError::Unavailable(_)) => "unavailable",
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn a_token_is_accepted_until_the_list_was_taken_after_the_logout() {
    let scene = Scene::start().await;
    let (tokens, other) = (scene.world.login().await, scene.world.login().await);
    assert_eq!(scene.take(&tokens).await.unwrap(), Duration::from_secs(10));
    assert_eq!(scene.ask(&tokens).await, "accepted");
    scene.world.post_as("/api/logout", &tokens.access).await.is(204);
    assert_eq!(scene.ask(&tokens).await, "accepted", "the list is the old one");
    scene.take(&tokens).await.unwrap();
    assert_eq!(scene.ask(&tokens).await, "revoked");
    assert_eq!(scene.ask(&other).await, "accepted");
}

#[tokio::test]
async fn without_a_fresh_list_no_token_is_accepted() {
    let scene = Scene::start().await;
    let tokens = scene.world.login().await;
    assert_eq!(scene.ask(&tokens).await, "unavailable", "no list yet");
    scene.take(&tokens).await.unwrap();
    scene.world.clock.advance(Duration::from_secs(59));
    assert_eq!(scene.ask(&tokens).await, "accepted");
    scene.world.clock.advance(Duration::from_secs(1));
    assert_eq!(scene.ask(&tokens).await, "unavailable", "the list has expired");

    // An issuer without lists: its tokens name none.
    let without = World::new().await;
    let tokens = without.login().await;
    let jwks = without.service.keys().ring.to_jwks().to_string();
    let check = RevocationCheck::StatusLists(StatusListReader::new());
    let server = ResourceServer::with_jwks(settings(&without, ORIGIN), &jwks, check).unwrap();
    assert!(matches!(
        server.authenticate(&tokens.access).await,
        Err(AuthenticateError::Unavailable(_))
    ));
}

#[tokio::test]
async fn a_list_that_is_not_the_issuers_or_older_changes_nothing() {
    let scene = Scene::start().await;
    let tokens = scene.world.login().await;
    let (uri, old) = (scene.uri(&tokens), scene.list(&tokens).await);
    scene.world.clock.advance(Duration::from_secs(2));
    scene.world.post_as("/api/logout", &tokens.access).await.is(204);
    scene.take(&tokens).await.unwrap();
    assert_eq!(scene.ask(&tokens).await, "revoked");

    let take = async |uri: &str, list: &str| scene.reader.take(&scene.server, uri, list).await.unwrap();
    take(&uri, &old).await.unwrap();
    assert_eq!(scene.ask(&tokens).await, "revoked", "a replayed list");
    let elsewhere = take("https://rescind.example/oauth/status/7", &old).await;
    assert_eq!(elsewhere.unwrap_err(), VerifyError::MalformedClaim("sub"));
    assert_eq!(take(&uri, &tokens.access).await.unwrap_err(), VerifyError::WrongType);
    let now = scene.world.service.now().unwrap();
    let forged = StatusListToken {
        uri: uri.clone(),
        issued_at: now,
        expires_at: now + Duration::from_secs(60),
        ttl: 10,
        compressed: Vec::new(),
    };
    let ring = KeyRing::new(SigningKey::generate(Algorithm::EdDsa).unwrap());
    let signed = ring.sign_status_list(&forged).unwrap();
    assert_eq!(take(&uri, &signed).await.unwrap_err(), VerifyError::UnknownKey);
    let signed = scene.world.service.keys().ring.sign_status_list(&forged).unwrap();
    assert_eq!(
        take(&uri, &signed).await.unwrap_err(),
        VerifyError::MalformedClaim("status_list"),
        "its bytes are no list"
    );
    assert_eq!(scene.ask(&tokens).await, "revoked");
}

#[tokio::test]
async fn a_document_that_is_no_key_set_is_refused() {
    let scene = Scene::start().await;
    let settings = settings(&scene.world, ORIGIN);
    let made = ResourceServer::with_jwks(settings, "not json", RevocationCheck::NotChecked);
    assert!(matches!(made, Err(ResourceServerError::Jwks(_))));
}
