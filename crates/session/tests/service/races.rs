//! Two things at once, many times over. Each race starts from a barrier, and whoever wins, nothing of an ended session
//! may be accepted afterwards.

use std::sync::Arc;

use crate::world::{PASSWORD, World, rounds};
use rescind_session::{Grant, ports::SessionStore};
use tokio::sync::Barrier;

/// Runs two futures from one starting line on two threads.
async fn race<A: Send + 'static, B: Send + 'static>(
    a: impl Future<Output = A> + Send + 'static,
    b: impl Future<Output = B> + Send + 'static,
) -> (A, B) {
    let line = Arc::new(Barrier::new(2));
    let other = Arc::clone(&line);
    let a = tokio::spawn(async move {
        line.wait().await;
        a.await
    });
    let b = tokio::spawn(async move {
        other.wait().await;
        b.await
    });
    (a.await.unwrap(), b.await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_refresh_racing_logout_leaves_nothing_alive() {
    let world = World::new().await;
    let mut refreshed_first = 0;
    for _ in 0..rounds() {
        let first = world.log_in().await;
        let (refreshing, leaving, mine) = (world.clone(), world.clone(), first.clone());
        let out = first.clone();
        let (refreshed, left) = race(async move { refreshing.refresh(&mine).await }, async move {
            leaving.log_out(&out).await
        })
        .await;
        left.unwrap();
        refreshed_first += usize::from(refreshed.is_ok());
        let grants: Vec<Grant> = refreshed.into_iter().chain([first]).collect();
        world.assert_dead(&grants).await;
    }
    println!("the refresh won {refreshed_first} of {} races", rounds());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_refresh_racing_logout_everywhere_leaves_nothing_alive() {
    let world = World::new().await;
    for _ in 0..rounds() {
        let first = world.log_in().await;
        let (refreshing, leaving, mine) = (world.clone(), world.clone(), first.clone());
        let out = first.claims.clone();
        let (refreshed, left) = race(async move { refreshing.refresh(&mine).await }, async move {
            leaving.service.log_out_everywhere(&out).await
        })
        .await;
        left.unwrap();
        let grants: Vec<Grant> = refreshed.into_iter().chain([first]).collect();
        world.assert_dead(&grants).await;
    }
}

/// A login that committed before "log out everywhere" is ended by it; one that was overtaken starts over under the raised
/// epoch. So whoever is alive afterwards was opened under it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_login_racing_logout_everywhere_survives_only_under_the_raised_epoch() {
    let world = World::new().await;
    let mut survived = 0;
    for _ in 0..rounds() {
        let (arriving, leaving) = (world.clone(), world.clone());
        let asks = world.log_in().await.claims;
        let (arrived, left) = race(async move { arriving.try_log_in(PASSWORD).await }, async move {
            leaving.service.log_out_everywhere(&asks).await
        })
        .await;
        left.unwrap();
        let raised = world.sessions.epoch(world.user.id).await.unwrap();
        let arrived = arrived.unwrap();
        if world.me(&arrived).await.is_ok() {
            survived += 1;
            assert_eq!(world.sessions.opened_under(arrived.claims.session_id), raised);
            world.service.log_out_everywhere(&arrived.claims).await.unwrap();
        }
        world.assert_dead(&[arrived]).await;
    }
    println!("{survived} of {} logins began after the end of everything", rounds());
}

/// A login that has read everything before a password change, and opens its session after it, would live on with the
/// old password. It must find its epoch superseded, start over, and fail.
#[tokio::test]
async fn a_login_overtaken_by_a_password_change_does_not_get_in_with_the_old_password() {
    use crate::faulty::{Fault, Gate};
    let world = World::new().await;
    let here = world.log_in().await;
    let gate = Gate::new();
    world.sessions.faults.set("open", Fault::Waits(gate.clone()));
    let late = {
        let world = world.clone();
        tokio::spawn(async move { world.try_log_in(PASSWORD).await })
    };
    gate.arrival().await;
    let (old, new) = (
        rescind_session::Password::new(PASSWORD),
        rescind_session::Password::new("a new password, as long"),
    );
    world
        .service
        .change_password(&world.user, &old, &new, here.claims.session_id)
        .await
        .unwrap();
    gate.let_go();
    let verdict = late.await.unwrap();
    assert!(
        matches!(verdict, Err(rescind_session::LoginError::InvalidCredentials)),
        "{verdict:?}"
    );
    world.me(&here).await.unwrap();
}
