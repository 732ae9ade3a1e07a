//! A verified token is remembered, and everything that may change is checked on every use.

use rescind_session::{
    AuthenticateError, IssuedTokens, Keys, Policy, TokenCacheStats, VerifiedTokens,
    token::{KeyRing, SigningKey, Verifier, VerifyError},
};

use crate::world::{World, config, forge, noon, refresh_keys, seconds};

fn secret_of(byte: u8) -> SigningKey {
    SigningKey::from_hs256_secret("shared", &[byte; 32]).unwrap()
}

fn counts(world: &World) -> [u64; 3] {
    let TokenCacheStats {
        hits, misses, entries, ..
    } = world.service.token_cache();
    [hits, misses, entries]
}

async fn is_unknown(world: &World, issued: &IssuedTokens) -> bool {
    let refused = world.me(issued).await;
    matches!(refused, Err(AuthenticateError::Invalid(VerifyError::UnknownKey)))
}

#[tokio::test]
async fn a_token_is_verified_once_and_then_remembered() {
    let world = World::new().await;
    let (one, other) = (world.log_in().await, world.log_in().await);
    for _ in 0..3 {
        assert_eq!(world.me(&one).await.unwrap(), one.claims);
        assert_eq!(world.me(&other).await.unwrap(), other.claims);
    }
    assert_eq!(counts(&world), [4, 2, 2]);
    let without = World::with(config(Policy::blacklist()).token_cache(0)).await;
    let issued = without.log_in().await;
    for _ in 0..3 {
        without.me(&issued).await.unwrap();
    }
    assert_eq!(without.service.token_cache(), TokenCacheStats::default());
}

/// The parts of a remembered token prove nothing in another combination.
#[tokio::test]
async fn refused_tokens_leave_no_entry_and_match_none() {
    let world = World::new().await;
    let (issued, other) = (world.log_in().await, world.log_in().await);
    let token = issued.access_token.expose_secret();
    world.me(&issued).await.unwrap();
    let (signed, _) = token.rsplit_once('.').unwrap();
    let (_, signature) = other.access_token.expose_secret().rsplit_once('.').unwrap();
    let too_long = format!("{token}{}", "A".repeat(9_000));
    for refused in [
        forge(token),
        format!("{signed}."),
        format!("{signed}.{signature}"),
        format!("{token}."),
        format!("{token} "),
        token.replace('-', "_").to_lowercase(),
        token[..token.len() - 1].to_owned(),
        too_long,
        String::new(),
    ] {
        for _ in 0..2 {
            let verdict = world.service.authenticate(&refused).await;
            assert!(
                matches!(verdict, Err(AuthenticateError::Invalid(_))),
                "{refused}: {verdict:?}"
            );
        }
    }
    world.clock.advance(seconds(60 * 60));
    assert!(matches!(world.me(&other).await, Err(AuthenticateError::Expired(_))));
    let [hits, _, entries] = counts(&world);
    assert_eq!([hits, entries], [0, 1]);
}

#[tokio::test]
async fn a_remembered_token_expires_and_is_revoked_like_any_other() {
    let world = World::new().await;
    let (expiring, revoked) = (world.log_in().await, world.log_in().await);
    for issued in [&expiring, &revoked] {
        world.me(issued).await.unwrap();
    }
    world.log_out(&revoked).await.unwrap();
    assert!(matches!(world.me(&revoked).await, Err(AuthenticateError::Revoked(_))));
    let life = expiring.claims.expires_at.duration_since(noon());
    world
        .clock
        .advance(life.unsigned_abs() - std::time::Duration::from_millis(1));
    world.me(&expiring).await.unwrap();
    world.clock.advance(std::time::Duration::from_millis(1));
    let refused = world.me(&expiring).await;
    assert!(matches!(refused, Err(AuthenticateError::Expired(claims)) if *claims == expiring.claims));
    assert!(counts(&world)[0] >= 3, "they were not remembered");
}

/// Issuer, audience, leeway and the longest lifetime are those of the verifier that is asked.
#[tokio::test]
async fn a_remembered_token_must_still_suit_the_verifier() {
    let world = World::new().await;
    let issued = world.log_in().await;
    let token = issued.access_token.expose_secret();
    let (cache, keys) = (VerifiedTokens::new(10), world.service.keys());
    let verifier = |issuer: &str, audience: &str| Verifier::new(issuer, audience);
    let ours = verifier("https://rescind.example", "rescind-api");
    let verify = |verifier: &Verifier, at| cache.verify(verifier, &keys.ring, token, at).map(drop);
    let end = issued.claims.expires_at;
    for (verifier, at, expected) in [
        (ours.clone(), noon(), Ok(())),
        (ours.clone(), noon() - seconds(5), Ok(())),
        (ours.clone(), noon() - seconds(6), Err(VerifyError::NotYetValid)),
        (
            verifier("https://other.example", "rescind-api"),
            noon(),
            Err(VerifyError::WrongIssuer),
        ),
        (
            verifier("https://rescind.example", "other"),
            noon(),
            Err(VerifyError::WrongAudience),
        ),
        (
            ours.clone().max_lifetime(seconds(1)),
            noon(),
            Err(VerifyError::LivesTooLong),
        ),
        (ours.clone().leeway(seconds(2)), end + seconds(1), Ok(())),
        (
            ours.clone(),
            end + seconds(1),
            Err(VerifyError::Expired(Box::new(issued.claims.clone()))),
        ),
    ] {
        // Remembered anew, since a refusal forgets it.
        verify(&ours, noon()).unwrap();
        assert_eq!(verify(&verifier, at), expected);
    }
    assert!(cache.stats().hits >= 8);
}

#[tokio::test]
async fn an_entry_ends_with_its_key() {
    let world = World::new().await;
    let issued = world.log_in().await;
    world.me(&issued).await.unwrap();
    let keys = world.service.keys();
    let new = || Keys {
        ring: KeyRing::new(secret_of(1)),
        refresh: refresh_keys(2),
    };
    let mut with_both = new();
    with_both.ring = with_both.ring.with_retired(keys.ring.active().verifying_key());
    world.service.replace_keys(with_both);
    assert_eq!(counts(&world)[2], 0, "entries of other keys are kept");
    world.me(&issued).await.unwrap();
    assert_eq!(counts(&world)[2], 1);
    world.service.replace_keys(new());
    assert!(is_unknown(&world, &issued).await);
    assert_eq!(counts(&world)[2], 0);
}

/// Only a shared secret has a name that does not follow from it.
#[tokio::test]
async fn another_key_of_the_same_name_verifies_no_remembered_token() {
    let world = World::new().await;
    let keys = |byte| Keys {
        ring: KeyRing::new(secret_of(byte)),
        refresh: refresh_keys(2),
    };
    world.service.replace_keys(keys(1));
    let issued = world.log_in().await;
    world.me(&issued).await.unwrap();
    world.service.replace_keys(keys(2));
    let refused = world.me(&issued).await;
    assert!(matches!(
        refused,
        Err(AuthenticateError::Invalid(VerifyError::BadSignature))
    ));
}

/// The keys change at an instant, without a call.
#[tokio::test]
async fn an_entry_ends_when_its_key_is_scheduled_to_end() {
    let world = World::new().await;
    let key = || SigningKey::from_hs256_secret("old", &[7; 32]).unwrap();
    let keys = |ring| Keys {
        ring,
        refresh: refresh_keys(2),
    };
    let schedule = rescind_session::KeySchedule::from(keys(KeyRing::new(key())))
        .then_from(noon() + seconds(10), Some(keys(KeyRing::new(secret_of(1)))));
    world.service.replace_keys(schedule);
    let issued = world.log_in().await;
    world.clock.advance(seconds(9));
    world.me(&issued).await.unwrap();
    world.me(&issued).await.unwrap();
    world.clock.advance(seconds(1));
    assert!(is_unknown(&world, &issued).await);
}

#[tokio::test]
async fn the_cache_stays_within_its_bound() {
    let world = World::with(config(Policy::blacklist()).token_cache(64)).await;
    for _ in 0..300 {
        let issued = world.log_in().await;
        world.me(&issued).await.unwrap();
        world.me(&issued).await.unwrap();
    }
    let stats = world.service.token_cache();
    assert!(
        (1..=stats.capacity).contains(&stats.entries) && stats.capacity <= 128,
        "{stats:?}"
    );
    assert_eq!(stats.misses, 300);
}
