//! Keys that are replaced while the service runs.

use rescind_session::{
    AuthenticateError, IssuedTokens, KeySchedule, Keys, KeysNotReady, LoginError, LogoutError, RefreshError,
    Unavailable,
    ports::SessionStore,
    token::{Algorithm, KeyRing, SigningKey, Verifier, VerifyError, VerifyingKey},
};

use crate::world::{World, config, noon, seconds};
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

/// The world's keys now, and `next` from ten seconds on.
fn schedule_next(world: &World, next: Option<SigningKey>) -> KeySchedule {
    let keys = world.service.keys();
    let pem = world_key_pem();
    let old = || SigningKey::from_pkcs8_pem(&pem).unwrap();
    let both = |active: SigningKey, other: Option<VerifyingKey>| Keys {
        ring: other.into_iter().fold(KeyRing::new(active), KeyRing::with_retired),
        refresh: keys.refresh.clone(),
    };
    let from = noon() + seconds(10);
    match next {
        Some(next) => {
            let verifying = old().verifying_key();
            KeySchedule::from(both(old(), Some(next.verifying_key())))
                .then_from(from, Some(both(next, Some(verifying))))
        }
        None => KeySchedule::from(both(old(), None)).then_from(from, None),
    }
}

/// One key for all tests of a schedule.
fn world_key_pem() -> String {
    static PEM: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    let pem = PEM.get_or_init(|| secrecy::ExposeSecret::expose_secret(&key().to_pkcs8_pem().unwrap()).to_owned());
    pem.clone()
}

fn is_signed_by(key: &VerifyingKey, issued: &IssuedTokens) -> bool {
    let verifier = Verifier::new("https://rescind.example", "rescind-api");
    let keys = [key.clone()].into_iter().collect();
    verifier
        .verify_genuine(&keys, issued.access_token.expose_secret())
        .is_ok()
}

#[tokio::test]
async fn the_next_key_signs_from_its_instant_on_and_verifies_before() {
    let world = World::new().await;
    let next = key();
    let (next_kid, new) = (next.kid().to_owned(), next.verifying_key());
    world.service.replace_keys(schedule_next(&world, Some(next)));
    assert_eq!(kids(&world).len(), 2, "both verify");
    assert_eq!(kids(&world)[1], next_kid);
    world.clock.advance(seconds(9));
    let before = world.log_in().await;
    assert!(!is_signed_by(&new, &before));
    world.clock.advance(seconds(1));
    let after = world.log_in().await;
    assert!(is_signed_by(&new, &after));
    assert_eq!(kids(&world)[0], next_kid);
    assert!(world.me(&before).await.is_ok() && world.me(&after).await.is_ok());
}

#[tokio::test]
async fn without_the_key_that_is_due_nothing_is_issued_or_called_forged() {
    let world = World::new().await;
    let elsewhere = World::new().await;
    let next = key();
    let [here, there] = [None, Some(next)];
    world.service.replace_keys(schedule_next(&world, here));
    elsewhere.service.replace_keys(schedule_next(&elsewhere, there));
    let issued = world.log_in().await;
    assert!(world.service.ready().await.is_ok());
    for world in [&world, &elsewhere] {
        world.clock.advance(seconds(10));
    }
    let missing = |error: &Unavailable| matches!(error, Unavailable::Keys(KeysNotReady::Missing(_)));
    let failed = world.try_log_in(crate::world::PASSWORD).await.unwrap_err();
    assert!(
        matches!(&failed, LoginError::Unavailable(error) if missing(error)),
        "{failed:?}"
    );
    let failed = world.refresh(&issued).await.unwrap_err();
    assert!(
        matches!(&failed, RefreshError::Unavailable(error) if missing(error)),
        "{failed:?}"
    );
    assert_eq!(world.service.ready().await.unwrap_err().reason(), "keys");
    assert!(world.me(&issued).await.is_ok(), "its own tokens are still known");
    // A token of the key that is not here is no forgery.
    let unknown = elsewhere.log_in().await;
    let failed = world.me(&unknown).await.unwrap_err();
    assert!(
        matches!(&failed, AuthenticateError::Unavailable(error) if missing(error)),
        "{failed:?}"
    );
    let failed = world.log_out(&unknown).await.unwrap_err();
    assert!(
        matches!(&failed, LogoutError::Unavailable(error) if missing(error)),
        "{failed:?}"
    );
    // It ends what it knows.
    assert!(world.log_out(&issued).await.is_ok());
}

#[tokio::test]
async fn keys_that_are_not_confirmed_again_issue_nothing() {
    let world = World::new().await;
    let issued = world.log_in().await;
    world.service.confirm_keys(noon() + seconds(10));
    world.clock.advance(seconds(10));
    assert!(world.refresh(&issued).await.is_ok());
    world.clock.advance(seconds(1));
    assert!(world.try_log_in(crate::world::PASSWORD).await.is_err());
    assert_eq!(world.service.ready().await.unwrap_err().reason(), "keys");
    assert!(world.me(&issued).await.is_ok());
    world.service.confirm_keys(noon() + seconds(20));
    assert!(world.try_log_in(crate::world::PASSWORD).await.is_ok());
}
