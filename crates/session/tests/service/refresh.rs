//! Refresh: rotation, grace and reuse.

use std::collections::HashSet;

use crate::faulty::Fault;
use crate::world::{World, config, forge, noon, refresh_keys, refresh_token, seconds};
use futures::future::join_all;
use rescind_session::{
    AuthenticateError, Device, EndReason, Policy, Refresh, RefreshError, SessionState,
    token::{Generation, Salt},
};

#[tokio::test]
async fn a_refresh_issues_a_new_access_token_and_the_next_generation() {
    let world = World::new().await;
    let first = world.log_in().await;
    world.clock.advance(seconds(400));
    assert!(matches!(world.me(&first).await, Err(AuthenticateError::Expired(_))));
    let second = world.refresh(&first).await.unwrap();
    assert_eq!(world.me(&second).await.unwrap().session_id, first.claims.session_id);
    assert_eq!(second.refresh.as_ref().unwrap().generation.get(), 1);
    assert_ne!(refresh_token(&first), refresh_token(&second));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_200_concurrent_refreshes_rotates_and_all_get_its_successor() {
    let world = World::new().await;
    let first = world.log_in().await;
    let replies = join_all((0..200).map(|_| {
        let (world, first) = (world.clone(), first.clone());
        tokio::spawn(async move { world.refresh(&first).await })
    }))
    .await;
    let grants: Vec<_> = replies.into_iter().map(|reply| reply.unwrap().unwrap()).collect();
    let successors: HashSet<_> = grants.iter().map(refresh_token).collect();
    assert_eq!(successors.len(), 1, "a session has one chain");
    assert_eq!(
        world.row(first.claims.session_id).await.generation().get(),
        1,
        "one rotation"
    );
    for issued in &grants {
        // The losers of the race are authenticated like the winner.
        world.me(issued).await.unwrap();
    }
    world.refresh(&grants[0]).await.unwrap();
}

#[tokio::test]
async fn within_the_grace_the_previous_token_gets_the_same_successor() {
    let world = World::new().await;
    let first = world.log_in().await;
    let second = world.refresh(&first).await.unwrap();
    world.clock.advance(seconds(9));
    let again = world.refresh(&first).await.unwrap();
    assert_eq!(refresh_token(&again), refresh_token(&second));
    assert_ne!(
        again.claims.token_id, second.claims.token_id,
        "the access token is a fresh one"
    );
}

#[tokio::test]
async fn a_grace_is_counted_from_the_first_rotation_and_not_renewed_by_use() {
    let world = World::new().await;
    let first = world.log_in().await;
    world.refresh(&first).await.unwrap();
    for _ in 0..3 {
        world.clock.advance(seconds(3));
        world.refresh(&first).await.unwrap();
    }
    world.clock.advance(seconds(1));
    assert!(matches!(world.refresh(&first).await, Err(RefreshError::Reused)));
}

#[tokio::test]
async fn no_access_token_issued_in_the_grace_outlives_access_until() {
    let world = World::new().await;
    let first = world.log_in().await;
    world.refresh(&first).await.unwrap();
    world.clock.advance(seconds(9));
    let again = world.refresh(&first).await.unwrap();
    assert!(again.claims.expires_at <= world.row(first.claims.session_id).await.access_until);
}

#[tokio::test]
async fn a_lost_reply_does_not_log_out() {
    let world = World::new().await;
    let first = world.log_in().await;
    world.sessions.faults.set("rotate", Fault::LosesReply);
    assert!(matches!(world.refresh(&first).await, Err(RefreshError::Unavailable(_))));
    world.sessions.faults.clear();
    let second = world.refresh(&first).await.unwrap();
    world.me(&second).await.unwrap();
    assert_eq!(second.refresh.unwrap().generation.get(), 1);
}

#[tokio::test]
async fn a_token_two_generations_old_closes_and_revokes_the_session() {
    let world = World::new().await;
    let first = world.log_in().await;
    let second = world.refresh(&first).await.unwrap();
    let third = world.refresh(&second).await.unwrap();
    world.me(&third).await.unwrap();
    assert!(matches!(world.refresh(&first).await, Err(RefreshError::Reused)));
    world.assert_refused(&[first.clone(), second, third]).await;
    let row = world.row(first.claims.session_id).await;
    assert_eq!(
        row.state,
        SessionState::Closed {
            at: noon(),
            cause: EndReason::Reuse
        }
    );
    assert_eq!(row.reuse_noticed_at, Some(noon()));
}

#[tokio::test]
async fn a_forged_token_is_invalid_and_closes_no_session() {
    let world = World::new().await;
    let first = world.log_in().await;
    let second = world.refresh(&first).await.unwrap();
    let third = world.refresh(&second).await.unwrap();
    let before = world.row(first.claims.session_id).await;
    for genuine in [&first, &second, &third] {
        let forged = forge(refresh_token(genuine));
        let verdict = world.service.refresh(&forged, Default::default()).await;
        assert!(matches!(verdict, Err(RefreshError::Invalid)), "{verdict:?}");
    }
    assert_eq!(world.row(first.claims.session_id).await, before);
    world.me(&third).await.unwrap();
}

#[tokio::test]
async fn a_closed_session_is_reported_and_reuse_is_still_recorded() {
    let world = World::new().await;
    let first = world.log_in().await;
    let second = world.refresh(&first).await.unwrap();
    let third = world.refresh(&second).await.unwrap();
    world.log_out(&third).await.unwrap();
    assert!(matches!(world.refresh(&third).await, Err(RefreshError::Closed)));
    assert_eq!(
        world.row(first.claims.session_id).await.reuse_noticed_at,
        None,
        "the owner's own token is no theft"
    );
    world.clock.advance(seconds(60));
    assert!(matches!(world.refresh(&first).await, Err(RefreshError::Closed)));
    let row = world.row(first.claims.session_id).await;
    assert_eq!(row.reuse_noticed_at, Some(noon() + seconds(60)));
    assert!(
        matches!(
            row.state,
            SessionState::Closed {
                cause: EndReason::Logout,
                ..
            }
        ),
        "why it ended does not change"
    );
}

#[tokio::test]
async fn a_generation_above_the_rows_closes_the_session_as_a_lost_commit() {
    let world = World::new().await;
    let first = world.log_in().await;
    let opened = world.row(first.claims.session_id).await;
    let second = world.refresh(&first).await.unwrap();
    world.sessions.restore(&opened).await;
    assert!(matches!(world.refresh(&second).await, Err(RefreshError::Reused)));
    let row = world.row(first.claims.session_id).await;
    assert!(matches!(
        row.state,
        SessionState::Closed {
            cause: EndReason::LostCommit,
            ..
        }
    ));
    world.assert_refused(&[first, second]).await;
}

#[tokio::test]
async fn a_session_expires_when_idle_or_at_its_absolute_age() {
    let refresh = Some(Refresh {
        ttl: seconds(600),
        grace: seconds(10),
    });
    let policy = Policy {
        refresh,
        session_max: seconds(1_500),
        ..Policy::blacklist()
    };
    let world = World::with(config(policy)).await;
    let idle = world.log_in().await;
    let mut busy = world.log_in().await;
    world.clock.advance(seconds(599));
    busy = world.refresh(&busy).await.unwrap();
    world.clock.advance(seconds(1));
    assert!(matches!(world.refresh(&idle).await, Err(RefreshError::Expired)));
    world.clock.advance(seconds(590));
    busy = world.refresh(&busy).await.unwrap();
    world.clock.advance(seconds(200));
    busy = world.refresh(&busy).await.unwrap();
    assert_eq!(
        busy.claims.expires_at,
        noon() + seconds(1_500),
        "no token outlives its session"
    );
    world.clock.advance(seconds(110));
    assert!(matches!(world.refresh(&busy).await, Err(RefreshError::Expired)));
}

#[tokio::test]
async fn two_tokens_of_one_second_differ_and_revoking_one_leaves_the_other() {
    let world = World::new().await;
    let (one, other) = (world.log_in().await, world.log_in().await);
    assert_eq!(one.claims.issued_at, other.claims.issued_at);
    assert_ne!(one.claims.token_id, other.claims.token_id);
    world
        .service
        .revoke_token(one.access_token.expose_secret())
        .await
        .unwrap();
    assert!(matches!(world.me(&one).await, Err(AuthenticateError::Revoked(_))));
    world.me(&other).await.unwrap();
}

#[tokio::test]
async fn revoking_a_token_keeps_its_session() {
    let world = World::new().await;
    let first = world.log_in().await;
    world
        .service
        .revoke_token(first.access_token.expose_secret())
        .await
        .unwrap();
    assert!(matches!(world.me(&first).await, Err(AuthenticateError::Revoked(_))));
    let second = world.refresh(&first).await.unwrap();
    world.me(&second).await.unwrap();
}

#[tokio::test]
async fn a_stolen_database_alone_mints_no_token() {
    let world = World::new().await;
    let first = world.log_in().await;
    let row = world.row(first.claims.session_id).await;
    let printed = format!("{row:?}");
    assert!(!printed.contains(refresh_token(&first)) && !printed.contains(first.access_token.expose_secret()));
    let salt = row.refresh.unwrap().salt;
    let guess = refresh_keys(99).issue(row.id, Generation::FIRST, &salt);
    let verdict = world.service.refresh(guess.expose_secret(), Device::default()).await;
    assert!(matches!(verdict, Err(RefreshError::Invalid)), "{verdict:?}");
    // Only the key was missing.
    let genuine = refresh_keys(2).issue(row.id, Generation::FIRST, &salt);
    assert!(
        world
            .service
            .refresh(genuine.expose_secret(), Device::default())
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_key_alone_mints_no_refresh_token() {
    let world = World::new().await;
    let first = world.log_in().await;
    // The best guesses: fixed bytes, and the salt of another session of the same user, which a thief may know.
    let known = world.log_in().await;
    let known = world.row(known.claims.session_id).await.refresh.unwrap().salt;
    for salt in [Salt::from_bytes([0; 32]), Salt::from_bytes([0xFF; 32]), known] {
        let guess = refresh_keys(2).issue(first.claims.session_id, Generation::FIRST, &salt);
        let verdict = world.service.refresh(guess.expose_secret(), Device::default()).await;
        assert!(matches!(verdict, Err(RefreshError::Invalid)), "{verdict:?}");
    }
    // Only the salt was missing.
    let salt = world.row(first.claims.session_id).await.refresh.unwrap().salt;
    let genuine = refresh_keys(2).issue(first.claims.session_id, Generation::FIRST, &salt);
    let verdict = world.service.refresh(genuine.expose_secret(), Device::default()).await;
    assert!(verdict.is_ok(), "{verdict:?}");
}

/// Under one key a tag depends on the session, the generation and the salt. If two sessions shared a salt, or it could
/// be computed from a token, the key alone would be enough to mint tokens.
#[tokio::test]
async fn no_two_sessions_share_a_salt() {
    let world = World::new().await;
    let mut salts = HashSet::new();
    for _ in 0..50 {
        let issued = world.log_in().await;
        let salt = world.row(issued.claims.session_id).await.refresh.unwrap().salt;
        let id = issued.claims.session_id.as_uuid();
        assert!(
            !salt
                .as_bytes()
                .windows(8)
                .any(|part| id.as_bytes().windows(8).any(|id| id == part))
        );
        let distinct: HashSet<_> = salt.as_bytes().iter().collect();
        assert!(distinct.len() > 16, "32 random bytes are not this alike: {distinct:?}");
        salts.insert(*salt.as_bytes());
    }
    assert_eq!(salts.len(), 50);
}
