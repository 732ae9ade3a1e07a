//! An inspection agrees with `authenticate`.

use rescind_session::{
    AuthenticateError, Inspected, Policy,
    token::{TokenCheck, VerifyError},
};

use crate::world::{World, config, seconds};

/// The expected result of `authenticate` for an inspected token, in a word.
fn told_by(inspected: &Inspected) -> &'static str {
    match (inspected.token.outcome(), &inspected.revoked) {
        (Err(VerifyError::Expired(_)), None) => "expired",
        (Err(_), None) => "invalid",
        (Ok(_), Some(Ok(false))) => "accepted",
        (Ok(_), Some(Ok(true))) => "revoked",
        (Ok(_), Some(Err(_))) => "unavailable",
        (Ok(_), None) | (Err(_), Some(_)) => "at odds with itself",
    }
}

async fn assert_agrees(world: &World, token: &str, expected: &str) {
    let said = match world.service.authenticate(token).await {
        Ok(_) => "accepted",
        Err(AuthenticateError::Invalid(_)) => "invalid",
        Err(AuthenticateError::Expired(_)) => "expired",
        Err(AuthenticateError::Revoked(_)) => "revoked",
        Err(_) => "unavailable",
    };
    assert_eq!(said, expected);
    assert_eq!(told_by(&world.service.inspect(token).await.unwrap()), expected);
}

#[tokio::test]
async fn an_inspection_agrees_with_authenticate_under_every_policy() {
    for (policy, after_logout) in [
        (Policy::stored(), "revoked"),
        (Policy::client_delete(), "accepted"),
        (Policy::short_lived(), "accepted"),
        (Policy::rotation(), "accepted"),
        (Policy::blacklist(), "revoked"),
    ] {
        let life = policy.access_ttl;
        let world = World::with(config(policy)).await;
        let issued = world.log_in().await;
        let token = issued.access_token.expose_secret();
        assert_agrees(&world, token, "accepted").await;
        assert_agrees(&world, &format!("{token}A"), "invalid").await;
        world.log_out(&issued).await.unwrap();
        assert_agrees(&world, token, after_logout).await;
        world.clock.advance(life + seconds(1));
        assert_agrees(&world, token, "expired").await;
    }
}

#[tokio::test]
async fn an_unanswered_check_is_reported_and_a_refused_token_is_not_checked() {
    let world = World::cold(config(Policy::blacklist())).await;
    let issued = world.log_in().await;
    let token = issued.access_token.expose_secret();
    assert_agrees(&world, token, "unavailable").await;
    let forged = world.service.inspect(&format!("{token}A")).await.unwrap();
    assert_eq!(forged.token.refused_by(), Some(TokenCheck::Signature));
    assert!(forged.revoked.is_none());
}
