//! Accounts that an administrator disables or deletes.

use rescind_session::{
    AdministrationError, AuthenticateError, LoginError, Password, Policy, RefreshError, SessionState,
    token::{ClientId, UserId, Uuid},
};

use crate::{
    faulty::{Fault, Gate},
    world::{PASSWORD, World, config},
};

async fn log_in(world: &World) -> Result<(), LoginError> {
    let password = Password::new(PASSWORD);
    let login = world
        .service
        .log_in("alice", &password, ClientId::first_party(), Default::default());
    login.await.map(drop)
}

async fn remove(world: &World, delete: bool) -> Result<(), AdministrationError> {
    match delete {
        true => world.service.delete_user(&world.user.id).await,
        false => world.service.disable_user(&world.user.id).await,
    }
}

async fn assert_no_login(world: &World) {
    let refused = log_in(world).await;
    assert!(matches!(refused, Err(LoginError::InvalidCredentials)), "{refused:?}");
}

#[tokio::test]
async fn a_disabled_or_deleted_users_tokens_are_refused_at_once() {
    for policy in [Policy::stored(), Policy::blacklist()] {
        for delete in [false, true] {
            let world = World::with(config(policy.clone())).await;
            let grants = [world.log_in().await, world.log_in().await];
            remove(&world, delete).await.unwrap();
            for issued in &grants {
                let refused = world.service.authenticate(issued.access_token.expose_secret()).await;
                assert!(matches!(refused, Err(AuthenticateError::Revoked(_))), "{refused:?}");
                let row = world.row(issued.claims.session_id).await;
                assert!(
                    matches!(row.state, SessionState::Closed { .. }),
                    "its row stays: {row:?}"
                );
            }
            assert_no_login(&world).await;
            assert_eq!(world.service.user(&world.user.id).await.unwrap(), None);
        }
    }
}

#[tokio::test]
async fn under_the_other_policies_the_next_refresh_or_login_is_refused() {
    for policy in [Policy::rotation(), Policy::short_lived(), Policy::client_delete()] {
        for delete in [false, true] {
            let world = World::with(config(policy.clone())).await;
            let issued = world.log_in().await;
            remove(&world, delete).await.unwrap();
            world
                .service
                .authenticate(issued.access_token.expose_secret())
                .await
                .unwrap();
            if policy.refresh.is_some() {
                let refused = world.refresh(&issued).await;
                assert!(matches!(refused, Err(RefreshError::Closed)), "{refused:?}");
            }
            assert_no_login(&world).await;
        }
    }
}

#[tokio::test]
async fn an_enabled_user_logs_in_again_and_old_sessions_stay_ended() {
    let world = World::new().await;
    let issued = world.log_in().await;
    world.service.disable_user(&world.user.id).await.unwrap();
    world.service.enable_user(&world.user.id).await.unwrap();
    log_in(&world).await.unwrap();
    let refused = world.refresh(&issued).await;
    assert!(matches!(refused, Err(RefreshError::Closed)), "{refused:?}");
}

#[tokio::test]
async fn a_deleted_users_name_is_free_and_another_users() {
    let world = World::new().await;
    let issued = world.log_in().await;
    world.service.delete_user(&world.user.id).await.unwrap();
    let another = world.service.sign_up("alice", &Password::new(PASSWORD)).await.unwrap();
    assert_ne!(another.id, world.user.id);
    log_in(&world).await.unwrap();
    let refused = world.service.authenticate(issued.access_token.expose_secret()).await;
    assert!(matches!(refused, Err(AuthenticateError::Revoked(_))), "{refused:?}");
}

#[tokio::test]
async fn an_unknown_user_cannot_be_disabled() {
    let world = World::new().await;
    let unknown = UserId::from(Uuid::from_u128(7));
    let refused = world.service.disable_user(&unknown).await;
    assert!(matches!(refused, Err(AdministrationError::NoSuchUser)), "{refused:?}");
}

/// The user is written first: after a failure between the steps no login works, and a repeat ends the sessions.
#[tokio::test]
async fn a_repeat_finishes_what_a_failure_between_the_steps_left() {
    for delete in [false, true] {
        let world = World::new().await;
        let issued = world.log_in().await;
        world.sessions.faults.set("close_all", Fault::Fails);
        let failed = remove(&world, delete).await;
        assert!(matches!(failed, Err(AdministrationError::Unavailable(_))), "{failed:?}");
        assert_no_login(&world).await;
        let found = world.service.user_named(&world.user.username).await.unwrap();
        assert_eq!(
            found.as_ref(),
            Some(&world.user),
            "the repeat finds the account by its name"
        );
        world.sessions.faults.clear();
        remove(&world, delete).await.unwrap();
        let refused = world.service.authenticate(issued.access_token.expose_secret()).await;
        assert!(matches!(refused, Err(AuthenticateError::Revoked(_))), "{refused:?}");
        let found = world.service.user_named(&world.user.username).await.unwrap();
        assert_eq!(found.is_none(), delete);
    }
}

/// The same if the closing has its effect and only the blacklist does not answer.
#[tokio::test]
async fn a_repeat_inserts_what_the_blacklist_could_not_take() {
    for delete in [false, true] {
        let world = World::new().await;
        let issued = world.log_in().await;
        world.blacklist.faults.set("insert", Fault::Fails);
        let failed = remove(&world, delete).await;
        assert!(
            matches!(failed, Err(AdministrationError::RevocationPending(_))),
            "{failed:?}"
        );
        world.blacklist.faults.clear();
        remove(&world, delete).await.unwrap();
        let refused = world.service.authenticate(issued.access_token.expose_secret()).await;
        assert!(matches!(refused, Err(AuthenticateError::Revoked(_))), "{refused:?}");
    }
}

/// A login that has checked the password opens no session after the account was disabled.
#[tokio::test]
async fn a_login_beside_a_disabling_leaves_no_session_open() {
    for delete in [false, true] {
        let world = World::new().await;
        let gate = Gate::new();
        world.sessions.faults.set("open", Fault::Waits(gate.clone()));
        let login = tokio::spawn({
            let service = world.service.clone();
            async move {
                let password = Password::new(PASSWORD);
                service
                    .log_in("alice", &password, ClientId::first_party(), Default::default())
                    .await
            }
        });
        gate.arrival().await;
        world.sessions.faults.clear();
        remove(&world, delete).await.unwrap();
        gate.let_go();
        let refused = login.await.unwrap();
        assert!(matches!(refused, Err(LoginError::InvalidCredentials)), "{refused:?}");
        assert_eq!(world.service.sessions(&world.user.id).await.unwrap(), []);
    }
}
