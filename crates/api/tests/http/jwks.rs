//! The published keys.

use actix_web::http::Method;
use rescind_session::{
    Keys,
    ports::SessionStore,
    token::{Algorithm, KeyRing, SigningKey, VerifyingKey, VerifyingKeys},
};
use serde_json::json;

use crate::world::{Make, Reply, World, call};

const PATH: &str = "/.well-known/jwks.json";

async fn published(world: &World) -> Reply {
    world.send(call(Method::GET, PATH)).await
}

#[tokio::test]
async fn the_public_keys_and_the_identity_of_the_log_are_published() {
    let world = World::new().await;
    let reply = published(&world).await;
    reply.is(200);
    assert_eq!(reply.header("content-type"), Some("application/jwk-set+json"));
    assert_eq!(reply.header("cache-control"), Some("public, max-age=60"));
    let document = reply.json();
    let active = world.service.keys().ring.active().kid().to_owned();
    assert_eq!(document["keys"][0]["kid"], active.as_str());
    assert!(document["keys"][0]["d"].is_null());
    let log = world.sessions.log().await.unwrap();
    assert_eq!(document["rescind_log"], json!(log.as_uuid()));
    assert_eq!(document["rescind_issued_from"], json!(null));
    let keys = VerifyingKeys::from_jwks(&reply.body).unwrap();
    assert!(keys.find(&active).is_some());
}

#[tokio::test]
async fn the_log_is_not_named_before_the_first_sync() {
    let world = Make::default().cold();
    let document = published(&world).await.json();
    assert!(document["keys"][0]["kid"].is_string());
    assert!(document.get("rescind_log").is_none());
}

#[tokio::test]
async fn a_key_that_only_verifies_is_published_and_a_secret_is_not() {
    let world = World::new().await;
    let refresh = world.service.keys().refresh.clone();
    let [next, secret] = [Algorithm::Es256, Algorithm::Hs256].map(|algorithm| SigningKey::generate(algorithm).unwrap());
    let kid = next.kid().to_owned();
    world.service.replace_keys(Keys {
        ring: KeyRing::new(secret).with_retired(next.verifying_key()),
        refresh,
    });
    let document = published(&world).await.json();
    assert_eq!(document["keys"].as_array().unwrap().len(), 1);
    assert_eq!(document["keys"][0]["kid"], kid.as_str());
}

#[tokio::test]
async fn a_secret_and_a_published_key_never_share_an_id() {
    let world = World::new().await;
    let public = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let secret = || SigningKey::from_hs256_secret(public.kid(), &[7; 32]).unwrap();
    let refresh = || world.service.keys().refresh.clone();
    // The secret signs: the other key is not published.
    world.service.replace_keys(Keys {
        ring: KeyRing::new(secret()).with_retired(public.verifying_key()),
        refresh: refresh(),
    });
    assert_eq!(published(&world).await.json()["keys"], json!([]));
    // The public one signs: the secret does not verify.
    let (kid, verifying) = (public.kid().to_owned(), secret().verifying_key());
    world.service.replace_keys(Keys {
        ring: KeyRing::new(public).with_retired(verifying),
        refresh: refresh(),
    });
    assert_eq!(published(&world).await.json()["keys"].as_array().unwrap().len(), 1);
    let keys = world.service.keys();
    assert_eq!(keys.ring.find(&kid).unwrap().algorithm(), Algorithm::EdDsa);
    assert_eq!(keys.ring.iter().count(), 1);
}

#[tokio::test]
async fn each_key_is_published_with_use_algorithm_and_thumbprint() {
    let world = World::new().await;
    let mut key = published(&world).await.json()["keys"][0].take();
    assert_eq!((&key["use"], &key["alg"]), (&json!("sig"), &json!("EdDSA")));
    let kid = key.as_object_mut().unwrap().remove("kid").unwrap();
    // A key without a name is called by its thumbprint.
    let read = VerifyingKey::from_jwk(&key.to_string()).unwrap();
    assert_eq!(kid, read.kid());
}
