//! Keys that are replaced while the service runs.

use rescind_session::{
    AuthenticateError, Keys,
    ports::SessionStore,
    token::{Algorithm, KeyRing, SigningKey, VerifyError, VerifyingKey},
};

use crate::world::{World, config};
use rescind_session::Policy;

fn key() -> SigningKey {
    SigningKey::generate(Algorithm::EdDsa).unwrap()
}

fn kids(world: &World) -> Vec<String> {
    let keys = world.service.keys();
    keys.ring.iter().map(VerifyingKey::kid).map(str::to_owned).collect()
}

#[tokio::test]
async fn replaced_keys_sign_and_verify_at_once_in_every_clone() {
    let world = World::new().await;
    let clone = world.service.clone();
    let old = world.service.keys().ring.active().verifying_key();
    let before = world.log_in().await;

    let new = key();
    let new_kid = new.kid().to_owned();
    let refresh = clone.keys().refresh.clone();
    let pem = new.to_pkcs8_pem().unwrap();
    clone.replace_keys(Keys {
        ring: KeyRing::new(new).with_retired(old.clone()),
        refresh: refresh.clone(),
    });
    assert_eq!(kids(&world), [new_kid.as_str(), old.kid()]);
    assert!(world.me(&before).await.is_ok());
    let after = world.log_in().await;
    assert!(world.me(&after).await.is_ok());

    let reread = SigningKey::from_pkcs8_pem(secrecy::ExposeSecret::expose_secret(&pem)).unwrap();
    clone.replace_keys(Keys {
        ring: KeyRing::new(reread),
        refresh,
    });
    assert!(matches!(
        world.me(&before).await,
        Err(AuthenticateError::Invalid(VerifyError::UnknownKey))
    ));
    assert!(world.me(&after).await.is_ok());
    // The refresh keys are the same, so the session goes on.
    assert!(world.refresh(&before).await.is_ok());
}

#[tokio::test]
async fn the_log_is_known_after_the_first_sync() {
    let world = World::cold(config(Policy::blacklist())).await;
    assert_eq!(world.service.revocation_log(), None);
    world.service.sync_blacklist(100).await.unwrap();
    assert_eq!(world.service.revocation_log(), world.sessions.log().await.ok());
}
