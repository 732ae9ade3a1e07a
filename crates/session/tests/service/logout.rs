//! Logout: which credentials it accepts, what it ends, and its errors.

use crate::faulty::{Fault, Gate};
use crate::world::{PASSWORD, World, config, forge, noon, refresh_token, seconds, with_access, with_refresh};
use rescind_session::{
    AuthenticateError, Check, EndReason, EndSessionError, LogoutCredential, LogoutError, Password, Policy, Preset,
    RefreshError, SessionState, StolenTokenDies,
    ports::{Blacklist, RevocationStatus, SessionStore},
    token::SessionId,
};

#[tokio::test]
async fn a_valid_access_token_logs_out_and_is_refused_at_once() {
    let world = World::new().await;
    let issued = world.log_in().await;
    world.me(&issued).await.unwrap();
    assert_eq!(world.log_out(&issued).await.unwrap().stolen_token, StolenTokenDies::Now);
    world.assert_refused(&[issued]).await;
}

#[tokio::test]
async fn signature_only_verification_detects_forgery_and_expiry_but_no_logout() {
    let world = World::new().await;
    let issued = world.log_in().await;
    let token = issued.access_token.expose_secret();
    world.log_out(&issued).await.unwrap();
    assert_eq!(*world.service.verify_signature_only(token).unwrap(), issued.claims);
    let forged = format!("{token}A");
    let refused = world.service.verify_signature_only(&forged);
    assert!(matches!(refused, Err(AuthenticateError::Invalid(_))), "{refused:?}");
    world.clock.advance(seconds(301));
    let over = world.service.verify_signature_only(token);
    assert!(matches!(over, Err(AuthenticateError::Expired(_))), "{over:?}");
}

#[tokio::test]
async fn logout_ends_every_access_token_of_its_session_only() {
    let world = World::new().await;
    let other = world.log_in().await;
    let first = world.log_in().await;
    let second = world.refresh(&first).await.unwrap();
    world.log_out(&second).await.unwrap();
    world.assert_refused(&[first, second]).await;
    world.me(&other).await.unwrap();
}

#[tokio::test]
async fn an_expired_access_token_logs_out() {
    let world = World::new().await;
    let first = world.log_in().await;
    world.clock.advance(seconds(299));
    let second = world.refresh(&first).await.unwrap();
    world.clock.advance(seconds(2));
    assert!(matches!(world.me(&first).await, Err(AuthenticateError::Expired(_))));
    world.log_out(&first).await.unwrap();
    world.assert_refused(&[second]).await;
}

#[tokio::test]
async fn a_refresh_token_alone_logs_out() {
    let world = World::new().await;
    let issued = world.log_in().await;
    world.service.log_out(with_refresh(&issued)).await.unwrap();
    world.assert_refused(&[issued]).await;
}

#[tokio::test]
async fn tokens_of_different_sessions_are_refused_and_change_nothing() {
    let world = World::new().await;
    let (one, other) = (world.log_in().await, world.log_in().await);
    let both = LogoutCredential {
        access: Some(one.access_token.expose_secret()),
        refresh: Some(refresh_token(&other)),
    };
    assert!(matches!(
        world.service.log_out(both).await,
        Err(LogoutError::DifferentSessions)
    ));
    world.me(&one).await.unwrap();
    world.me(&other).await.unwrap();
}

#[tokio::test]
async fn forged_tokens_close_no_session() {
    let world = World::new().await;
    let issued = world.log_in().await;
    let access = forge(issued.access_token.expose_secret());
    let refresh = forge(refresh_token(&issued));
    let verdict = world
        .service
        .log_out(LogoutCredential {
            access: Some(&access),
            refresh: None,
        })
        .await;
    assert!(matches!(verdict, Err(LogoutError::Invalid(_))), "{verdict:?}");
    let verdict = world
        .service
        .log_out(LogoutCredential {
            access: None,
            refresh: Some(&refresh),
        })
        .await;
    assert!(matches!(verdict, Err(LogoutError::RefreshInvalid)), "{verdict:?}");
    assert!(matches!(
        world.service.log_out(LogoutCredential::default()).await,
        Err(LogoutError::Missing)
    ));
    world.me(&issued).await.unwrap();
}

#[tokio::test]
async fn logging_out_twice_is_harmless_and_keeps_the_first_cause() {
    let world = World::new().await;
    let issued = world.log_in().await;
    world.log_out(&issued).await.unwrap();
    world.clock.advance(seconds(5));
    let again = world
        .service
        .log_out_all(&[with_access(&issued)], EndReason::Replaced)
        .await
        .unwrap();
    assert_eq!((again.ended.len(), again.unrecognised), (1, 0));
    let row = world.row(issued.claims.session_id).await;
    assert_eq!(
        row.state,
        SessionState::Closed {
            at: noon(),
            cause: EndReason::Logout
        }
    );
}

#[tokio::test]
async fn several_credentials_end_every_session_that_a_genuine_one_names() {
    let world = World::new().await;
    let (one, two) = (world.log_in().await, world.log_in().await);
    let forged = forge(refresh_token(&two));
    let presented = [
        LogoutCredential {
            access: None,
            refresh: Some(&forged),
        },
        with_access(&one),
        with_access(&one),
        with_refresh(&one),
        with_refresh(&two),
        LogoutCredential {
            access: Some("nonsense"),
            refresh: None,
        },
    ];
    let all = world.service.log_out_all(&presented, EndReason::Logout).await.unwrap();
    let ended: Vec<_> = all.ended.iter().map(|done| done.session).collect();
    assert_eq!(ended, [one.claims.session_id, two.claims.session_id]);
    assert_eq!(all.unrecognised, 2);
    world.assert_refused(&[one, two]).await;
}

#[tokio::test]
async fn each_of_several_tokens_without_a_row_is_revoked() {
    let world = World::new().await;
    let first = world.log_in().await;
    let second = world.refresh(&first).await.unwrap();
    world
        .sessions
        .restore(&world.row(world.log_in().await.claims.session_id).await)
        .await;
    let presented = [with_access(&first), with_access(&second)];
    let all = world.service.log_out_all(&presented, EndReason::Logout).await.unwrap();
    assert_eq!((all.ended.len(), all.unrecognised), (1, 0), "two tokens of one session");
    for issued in [first, second] {
        assert!(matches!(world.me(&issued).await, Err(AuthenticateError::Revoked(_))));
    }
}

/// The table of the five policies: how long a stolen access token is accepted after logout.
#[tokio::test]
async fn after_logout_each_policy_refuses_a_stolen_token_when_promised() {
    for preset in Preset::ALL {
        let policy = Policy::preset(preset);
        let world = World::with(config(policy.clone())).await;
        let issued = world.log_in().await;
        let expires = issued.claims.expires_at;
        assert_eq!(issued.refresh.is_some(), policy.refresh.is_some(), "{preset}");
        let rows = world.sessions.list_open(&world.user.id).await.unwrap().len();
        assert_eq!(rows == 1, policy.keeps_sessions(), "{preset}");
        world.me(&issued).await.unwrap();
        let dies = world.log_out(&issued).await.unwrap().stolen_token;
        let verdict = world.me(&issued).await;
        match policy.check {
            Check::Nothing => {
                assert_eq!(dies, StolenTokenDies::At(expires), "{preset}");
                assert!(verdict.is_ok(), "{preset}: {verdict:?}");
                world.clock.set(expires - seconds(1));
                assert!(world.me(&issued).await.is_ok(), "{preset}");
                world.clock.set(expires);
                assert!(
                    matches!(world.me(&issued).await, Err(AuthenticateError::Expired(_))),
                    "{preset}"
                );
            }
            Check::Session | Check::Blacklist => {
                assert_eq!(dies, StolenTokenDies::Now, "{preset}");
                assert!(
                    matches!(verdict, Err(AuthenticateError::Revoked(_))),
                    "{preset}: {verdict:?}"
                );
            }
        }
        if policy.refresh.is_some() {
            assert!(
                matches!(world.refresh(&issued).await, Err(RefreshError::Closed)),
                "{preset}: no new ones"
            );
        }
        let log = world
            .sessions
            .revocations_after(rescind_session::Position::START, 10)
            .await
            .unwrap();
        let rescind_session::ports::Tail::Entries(log) = log else {
            panic!("{log:?}")
        };
        assert_eq!(
            log.len() == 1,
            policy.keeps_sessions(),
            "{preset}: every policy with rows logs revocations"
        );
    }
}

#[tokio::test]
async fn under_rotation_logout_returns_the_expiry_of_the_newest_token() {
    let world = World::with(config(Policy::rotation())).await;
    let first = world.log_in().await;
    world.clock.advance(seconds(100));
    let second = world.refresh(&first).await.unwrap();
    let dies = world.log_out(&first).await.unwrap().stolen_token;
    assert_eq!(dies, StolenTokenDies::At(second.claims.expires_at));
}

#[tokio::test]
async fn policies_without_rows_refuse_session_operations() {
    for preset in [Preset::ClientDelete, Preset::ShortLived] {
        let world = World::with(config(Policy::preset(preset))).await;
        let issued = world.log_in().await;
        let user = world.user.id;
        assert!(matches!(
            world.service.sessions(&user).await,
            Err(EndSessionError::PolicyKeepsNoSession)
        ));
        assert!(matches!(
            world.service.log_out_everywhere(&issued.claims).await,
            Err(EndSessionError::PolicyKeepsNoSession)
        ));
        let ended = world.service.end_session(&user, issued.claims.session_id).await;
        assert!(matches!(ended, Err(EndSessionError::PolicyKeepsNoSession)));
        let refreshed = world.service.refresh("rrt_whatever", Default::default()).await;
        assert!(matches!(refreshed, Err(RefreshError::PolicyHasNoRefresh)));
    }
}

#[tokio::test]
async fn a_token_from_a_policy_without_rows_can_be_revoked_after_a_change() {
    // The same lifetime, so that this policy accepts the token.
    let world = World::new().await;
    let issued = world.log_in().await;
    world
        .sessions
        .restore(&world.row(world.log_in().await.claims.session_id).await)
        .await;
    world.me(&issued).await.unwrap();
    assert_eq!(world.log_out(&issued).await.unwrap().stolen_token, StolenTokenDies::Now);
    assert!(matches!(world.me(&issued).await, Err(AuthenticateError::Revoked(_))));
}

#[tokio::test]
async fn a_user_can_log_out_one_own_device_only() {
    let world = World::new().await;
    let (here, there) = (world.log_in().await, world.log_in().await);
    let stranger = world.service.sign_up("bob", &Password::new(PASSWORD)).await.unwrap();
    let ended = world.service.end_session(&stranger.id, there.claims.session_id).await;
    assert!(matches!(ended, Err(EndSessionError::NotFound)));
    let unknown = SessionId::from_uuid(uuid::Uuid::from_u128(1));
    assert!(matches!(
        world.service.end_session(&world.user.id, unknown).await,
        Err(EndSessionError::NotFound)
    ));
    world.me(&there).await.unwrap();
    world
        .service
        .end_session(&world.user.id, there.claims.session_id)
        .await
        .unwrap();
    world
        .service
        .end_session(&world.user.id, there.claims.session_id)
        .await
        .unwrap();
    world.assert_refused(&[there]).await;
    world.me(&here).await.unwrap();
    assert_eq!(world.service.sessions(&world.user.id).await.unwrap().len(), 1);
}

#[tokio::test]
async fn logout_everywhere_ends_only_the_users_own_sessions() {
    let world = World::new().await;
    let grants = [world.log_in().await, world.log_in().await, world.log_in().await];
    world.service.sign_up("bob", &Password::new(PASSWORD)).await.unwrap();
    let bob = world
        .service
        .log_in(
            "bob",
            &Password::new(PASSWORD),
            rescind_session::token::ClientId::first_party(),
            Default::default(),
        )
        .await
        .unwrap();
    world.service.log_out_everywhere(&grants[0].claims).await.unwrap();
    world.assert_refused(&grants).await;
    world.me(&bob).await.unwrap();
    assert!(world.service.sessions(&world.user.id).await.unwrap().is_empty());
    // The new login of the same instant was not ended.
    let fresh = world.log_in().await;
    world.me(&fresh).await.unwrap();
}

#[tokio::test]
async fn a_password_change_ends_other_sessions_and_the_old_password() {
    let world = World::new().await;
    let (here, there) = (world.log_in().await, world.log_in().await);
    let (old, new) = (Password::new(PASSWORD), Password::new("a new password, as long"));
    let keep = here.claims.session_id;
    let wrong = world.service.change_password(&world.user, &new, &new, keep).await;
    assert!(matches!(
        wrong,
        Err(rescind_session::ChangePasswordError::WrongPassword)
    ));
    let short = world
        .service
        .change_password(&world.user, &old, &Password::new("short"), keep)
        .await;
    assert!(matches!(short, Err(rescind_session::ChangePasswordError::Invalid(_))));
    world.me(&there).await.unwrap();
    world
        .service
        .change_password(&world.user, &old, &new, keep)
        .await
        .unwrap();
    world.me(&here).await.unwrap();
    world.assert_refused(&[there]).await;
    assert!(world.try_log_in(PASSWORD).await.is_err());
    assert!(world.try_log_in("a new password, as long").await.is_ok());
}

#[tokio::test]
async fn a_demo_accounts_password_cannot_be_changed() {
    let world = World::new().await;
    let (known, new) = (Password::new(PASSWORD), Password::new("mine alone from now on"));
    let made = world.service.ensure_demo_account("carol", &known).await.unwrap();
    assert_eq!(made, rescind_session::DemoAccount::Ready);
    let log_in = || {
        let client = rescind_session::token::ClientId::first_party();
        world.service.log_in("carol", &known, client, Default::default())
    };
    let issued = log_in().await.unwrap();
    let carol = world.service.user(&issued.claims.subject).await.unwrap().unwrap();
    let refused = world
        .service
        .change_password(&carol, &known, &new, issued.claims.session_id)
        .await;
    assert!(matches!(
        refused,
        Err(rescind_session::ChangePasswordError::DemoAccount)
    ));
    log_in().await.unwrap();
}

#[tokio::test]
async fn a_failing_log_makes_the_outcome_unknown_and_a_repeat_is_harmless() {
    for fault in [Fault::Fails, Fault::LosesReply] {
        let world = World::new().await;
        let issued = world.log_in().await;
        world.sessions.faults.set("close", fault);
        assert!(matches!(world.log_out(&issued).await, Err(LogoutError::Unavailable(_))));
        world.sessions.faults.clear();
        world.log_out(&issued).await.unwrap();
        world.assert_refused(&[issued]).await;
    }
}

#[tokio::test]
async fn a_failing_blacklist_is_reported_and_a_repeat_does_the_second_step() {
    let world = World::new().await;
    let issued = world.log_in().await;
    world.blacklist.faults.set("insert", Fault::Fails);
    assert!(matches!(
        world.log_out(&issued).await,
        Err(LogoutError::RevocationPending(_))
    ));
    world.blacklist.faults.clear();
    assert!(!world.is_in_blacklist(&issued).await);
    world.log_out(&issued).await.unwrap();
    world.assert_refused(&[issued]).await;
}

#[tokio::test]
async fn repeating_a_half_done_logout_everywhere_completes_all_sessions() {
    let world = World::new().await;
    let grants = [world.log_in().await, world.log_in().await];
    world.blacklist.faults.set("insert", Fault::Fails);
    assert!(world.service.log_out_everywhere(&grants[0].claims).await.is_err());
    world.blacklist.faults.clear();
    world.service.log_out_everywhere(&grants[0].claims).await.unwrap();
    world.assert_refused(&grants).await;
}

#[tokio::test]
async fn reuse_found_while_the_blacklist_fails_is_pending_and_synced() {
    let world = World::new().await;
    let first = world.log_in().await;
    let second = world.refresh(&first).await.unwrap();
    let third = world.refresh(&second).await.unwrap();
    world.blacklist.faults.set("insert", Fault::Fails);
    assert!(matches!(
        world.refresh(&first).await,
        Err(RefreshError::RevocationPending(_))
    ));
    world.blacklist.faults.clear();
    world.service.sync_blacklist(100).await.unwrap();
    world.assert_refused(&[first, second, third]).await;
}

#[tokio::test]
async fn a_client_that_hangs_up_between_the_steps_cancels_no_step() {
    let world = World::new().await;
    let issued = world.log_in().await;
    let gate = Gate::new();
    world.sessions.faults.set("close", Fault::Waits(gate.clone()));
    let insert = Gate::new();
    world.blacklist.faults.set("insert", Fault::Waits(insert.clone()));
    let request = {
        let (world, issued) = (world.clone(), issued.clone());
        tokio::spawn(async move { world.log_out(&issued).await })
    };
    gate.arrival().await;
    request.abort();
    assert!(request.await.unwrap_err().is_cancelled());
    gate.let_go();
    insert.arrival().await;
    insert.let_go();
    world.sessions.faults.clear();
    world.blacklist.faults.clear();
    while !world.is_in_blacklist(&issued).await {
        tokio::task::yield_now().await;
    }
    world.assert_refused(&[issued]).await;
}

/// Nodes that share a blacklist may have different policies. The policy decides what is checked, not what is inserted.
#[tokio::test]
async fn a_shared_blacklist_gets_revocations_under_every_policy_with_rows() {
    for preset in Preset::ALL {
        let world = World::with(config(Policy::preset(preset))).await;
        assert!(world.blacklist.is_shared());
        let issued = world.log_in().await;
        let everywhere = world.log_in().await;
        world.log_out(&issued).await.unwrap();
        let ended = world.service.log_out_everywhere(&everywhere.claims).await;
        assert_eq!(ended.is_ok(), world.service.policy().keeps_sessions(), "{preset}");
        for claims in [issued.claims, everywhere.claims] {
            let standing = world.blacklist.check(claims.token_id, claims.session_id).await.unwrap();
            assert_eq!(
                matches!(standing, RevocationStatus::Revoked(_)),
                world.service.policy().keeps_sessions(),
                "{preset}: {standing:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_failing_shared_blacklist_makes_logout_pending_under_any_policy() {
    let world = World::with(config(Policy::rotation())).await;
    let issued = world.log_in().await;
    world.blacklist.faults.set("insert", Fault::Fails);
    let pending = world.log_out(&issued).await;
    assert!(matches!(pending, Err(LogoutError::RevocationPending(_))), "{pending:?}");
    world.blacklist.faults.clear();
    world.log_out(&issued).await.unwrap();
    let standing = world
        .blacklist
        .check(issued.claims.token_id, issued.claims.session_id)
        .await;
    assert!(matches!(standing, Ok(RevocationStatus::Revoked(_))), "{standing:?}");
}
