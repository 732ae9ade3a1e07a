//! Operations of two steps: no client, deadline or failed first try stops one half-way.

use crate::faulty::{Fault, Gate};
use crate::world::{PASSWORD, World, seconds, service};
use rescind_session::{
    ChangePasswordError, IssuedTokens, LoginError, Password, User,
    ports::{SessionStore, UserStore},
};

const NEW: &str = "a new password, as long";

async fn change(world: &World, old: &str, new: &str, here: &IssuedTokens) -> Result<(), ChangePasswordError> {
    let (old, new) = (Password::new(old), Password::new(new));
    world
        .service
        .change_password(&world.user, &old, &new, here.claims.session_id)
        .await
}

/// Waits until the access token is refused. With paused time this takes no real time.
async fn until_refused(world: &World, issued: &IssuedTokens) {
    let dead = async {
        while world.me(issued).await.is_ok() {
            tokio::time::sleep(seconds(1)).await;
        }
    };
    let ended = tokio::time::timeout(seconds(60), dead).await;
    assert!(ended.is_ok(), "the session is still open after a minute");
}

async fn assert_only_the_new_password_counts(world: &World) {
    assert!(matches!(
        world.try_log_in(PASSWORD).await,
        Err(LoginError::InvalidCredentials)
    ));
    world.try_log_in(NEW).await.unwrap();
}

/// Only stores the new password, like a change that is killed between its steps.
async fn store_new_password(world: &World) {
    let User { username, .. } = world.service.sign_up("donor", &Password::new(NEW)).await.unwrap();
    let hash = world.users.credentials(&username).await.unwrap().unwrap().password_hash;
    let _ = world.users.set_password(&world.user.id, hash).await.unwrap();
}

#[tokio::test]
async fn other_sessions_end_when_the_password_writes_reply_is_late_or_lost() {
    for fault in [Fault::LosesReply, Fault::Waits(Gate::new())] {
        let world = World::new().await;
        let (here, thief) = (world.log_in().await, world.log_in().await);
        tokio::time::pause();
        world.users.faults.set("set_password", fault.clone());
        let outcome = change(&world, PASSWORD, NEW, &here).await;
        assert!(
            matches!(outcome, Err(ChangePasswordError::Unavailable(_))),
            "{outcome:?}"
        );
        if let Fault::Waits(gate) = fault {
            gate.let_go();
        }
        until_refused(&world, &thief).await;
        world.users.faults.clear();
        world.me(&here).await.unwrap();
        assert_only_the_new_password_counts(&world).await;
        tokio::time::resume();
    }
}

#[tokio::test]
async fn a_client_that_hangs_up_does_not_stop_a_password_change_half_way() {
    let world = World::new().await;
    let (here, thief) = (world.log_in().await, world.log_in().await);
    let gate = Gate::new();
    world.users.faults.set("set_password", Fault::Waits(gate.clone()));
    let request = {
        let (world, here) = (world.clone(), here.clone());
        tokio::spawn(async move { change(&world, PASSWORD, NEW, &here).await })
    };
    gate.arrival().await;
    request.abort();
    assert!(request.await.unwrap_err().is_cancelled());
    tokio::time::pause();
    gate.let_go();
    until_refused(&world, &thief).await;
    world.users.faults.clear();
    world.me(&here).await.unwrap();
    assert_only_the_new_password_counts(&world).await;
}

#[tokio::test]
async fn a_failed_ending_of_other_sessions_is_retried_automatically() {
    let world = World::new().await;
    let (here, thief) = (world.log_in().await, world.log_in().await);
    tokio::time::pause();
    for fault in [Fault::Fails, Fault::Hangs] {
        world.sessions.faults.set("close_all", fault);
        let outcome = change(&world, PASSWORD, NEW, &here).await;
        assert!(
            matches!(outcome, Err(ChangePasswordError::Unavailable(_))),
            "{outcome:?}"
        );
        tokio::time::sleep(seconds(20)).await;
        world.me(&thief).await.unwrap();
    }
    world.sessions.faults.clear();
    until_refused(&world, &thief).await;
    world.me(&here).await.unwrap();
    assert_only_the_new_password_counts(&world).await;
}

#[tokio::test]
async fn repeating_a_password_change_after_a_crash_completes_it() {
    let world = World::new().await;
    let (here, thief) = (world.log_in().await, world.log_in().await);
    store_new_password(&world).await;
    world.me(&thief).await.unwrap();
    // A guess is neither the old password nor the new one.
    let guess = change(&world, "a wild guess", "another guess", &here).await;
    assert!(matches!(guess, Err(ChangePasswordError::WrongPassword)), "{guess:?}");
    world.me(&thief).await.unwrap();
    change(&world, PASSWORD, NEW, &here).await.unwrap();
    world.assert_refused(&[thief]).await;
    world.me(&here).await.unwrap();
    assert_only_the_new_password_counts(&world).await;
}

#[tokio::test]
async fn a_repeat_with_the_new_password_as_old_completes_it_too() {
    let world = World::new().await;
    let (here, thief) = (world.log_in().await, world.log_in().await);
    store_new_password(&world).await;
    change(&world, NEW, NEW, &here).await.unwrap();
    world.assert_refused(&[thief]).await;
    world.me(&here).await.unwrap();
    assert_only_the_new_password_counts(&world).await;
}

/// Its tokens were never delivered, so no client could log it out.
#[tokio::test]
async fn an_abandoned_login_leaves_no_session_open() {
    let world = World::new().await;
    for hangs_up in [true, false] {
        let gate = Gate::new();
        world.sessions.faults.set("open", Fault::Waits(gate.clone()));
        let login = {
            let world = world.clone();
            tokio::spawn(async move { world.try_log_in(PASSWORD).await })
        };
        gate.arrival().await;
        if hangs_up {
            login.abort();
            assert!(login.await.unwrap_err().is_cancelled());
        } else {
            let late = login.await.unwrap();
            assert!(matches!(late, Err(LoginError::Unavailable(_))), "{late:?}");
        }
        gate.let_go();
        world.sessions.faults.clear();
        let opened = async {
            while world.sessions.opened() == 0 || !world.sessions.list_open(&world.user.id).await.unwrap().is_empty() {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(seconds(10), opened).await;
        assert!(waited.is_ok(), "a session of which nobody has the tokens is still open");
    }
}

#[tokio::test]
async fn a_refresh_for_a_removed_or_refused_user_issues_no_tokens() {
    let world = World::new().await;
    let issued = world.log_in().await;
    let issued = world.refresh(&issued).await.unwrap();
    world.users.remove(&world.user.id);
    let refused = world.refresh(&issued).await;
    assert!(
        matches!(refused, Err(rescind_session::RefreshError::Closed)),
        "{refused:?}"
    );

    // A demo account's session, from a time when the demo was on.
    let world = World::new().await;
    let known = Password::new(PASSWORD);
    let _ = world.service.ensure_demo_account("carol", &known).await.unwrap();
    let client = rescind_session::token::ClientId::first_party();
    let issued = world
        .service
        .log_in("carol", &known, client, Default::default())
        .await
        .unwrap();
    let without_demo = crate::world::config(rescind_session::Policy::blacklist())
        .demo_accounts(rescind_session::DemoAccounts::Refused);
    let (off, ..) = service(without_demo, std::sync::Arc::new(world.clock.clone()));
    let off = off.with_ports(world.service.ports().clone()).unwrap();
    let refused = off
        .refresh(crate::world::refresh_token(&issued), Default::default())
        .await;
    assert!(
        matches!(refused, Err(rescind_session::RefreshError::Closed)),
        "{refused:?}"
    );
}

/// Reading the user has no deadline of its own.
#[tokio::test]
async fn a_hanging_user_store_delays_a_refresh_by_the_timeout_only() {
    let world = World::new().await;
    let issued = world.log_in().await;
    tokio::time::pause();
    world.users.faults.set("find", Fault::Hangs);
    let asked = tokio::time::Instant::now();
    let refused = world.refresh(&issued).await;
    assert!(
        matches!(refused, Err(rescind_session::RefreshError::Unavailable(_))),
        "{refused:?}"
    );
    assert!(
        asked.elapsed() <= std::time::Duration::from_millis(501),
        "{:?}",
        asked.elapsed()
    );
    world.users.faults.clear();
    world.refresh(&issued).await.unwrap();
}

/// A login ends the oldest of too many sessions before its reply, and may be abandoned there.
#[tokio::test]
async fn a_login_abandoned_after_opening_its_session_leaves_none_open() {
    let config =
        crate::world::config(rescind_session::Policy::blacklist()).sessions_per_user(std::num::NonZeroUsize::new(1));
    let world = World::with(config).await;
    let first = world.log_in().await;
    let gate = Gate::new();
    world.sessions.faults.set("list_open", Fault::Waits(gate.clone()));
    let login = {
        let world = world.clone();
        tokio::spawn(async move { world.try_log_in(PASSWORD).await })
    };
    gate.arrival().await;
    login.abort();
    assert!(login.await.unwrap_err().is_cancelled());
    world.sessions.faults.clear();
    gate.let_go();
    let ended = async {
        let new =
            |open: Vec<rescind_session::Session>| open.iter().any(|session| session.id != first.claims.session_id);
        while new(world.sessions.list_open(&world.user.id).await.unwrap()) {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(seconds(10), ended).await;
    assert!(waited.is_ok(), "a session of which nobody has the tokens is still open");
}
