//! Races, repeated many times. Each starts from a barrier, and whichever side wins, no token of an ended session may be
//! accepted afterwards.

use std::sync::Arc;

use crate::faulty::{Fault, Gate};
use crate::world::{PASSWORD, World, rounds};
use rescind_session::{IssuedTokens, RefreshError, ports::SessionStore};
use tokio::sync::Barrier;

/// Runs two futures on two threads, started together.
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

/// Which side writes first in a round: the ending of sessions or its opponent. The later side has read and judged by
/// then, and waits before its write.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    AsItComes,
    OtherFirst,
    EndFirst,
}

const ORDERS: [Order; 3] = [Order::AsItComes, Order::OtherFirst, Order::EndFirst];

/// Races refreshes against an ending of the session, in every order; returns how often each side was first.
async fn refresh_against<E, F>(close: &'static str, end: impl Fn(World, IssuedTokens) -> F) -> [usize; 2]
where
    E: std::fmt::Debug + Send + 'static,
    F: Future<Output = Result<(), E>> + Send + 'static,
{
    let world = World::new().await;
    let mut wins = [0, 0];
    for round in 0..rounds() {
        let order = ORDERS[round % ORDERS.len()];
        let first = world.log_in().await;
        let (refreshing, mine) = (world.clone(), first.clone());
        let refresh = async move { refreshing.refresh(&mine).await };
        let ending = end(world.clone(), first.clone());
        let gate = Gate::new();
        let (refreshed, ended) = match order {
            Order::AsItComes => race(refresh, ending).await,
            Order::EndFirst => {
                world.sessions.faults.set("rotate", Fault::Waits(gate.clone()));
                let late = tokio::spawn(refresh);
                gate.arrival().await;
                let ended = ending.await;
                gate.let_go();
                (late.await.unwrap(), ended)
            }
            Order::OtherFirst => {
                world.sessions.faults.set(close, Fault::Waits(gate.clone()));
                let late = tokio::spawn(ending);
                gate.arrival().await;
                let refreshed = refresh.await;
                gate.let_go();
                (refreshed, late.await.unwrap())
            }
        };
        world.sessions.faults.clear();
        ended.unwrap();
        match order {
            Order::AsItComes => {}
            Order::OtherFirst => assert!(refreshed.is_ok(), "{refreshed:?}"),
            Order::EndFirst => assert!(matches!(refreshed, Err(RefreshError::Closed)), "{refreshed:?}"),
        }
        wins[usize::from(refreshed.is_err())] += 1;
        let grants: Vec<IssuedTokens> = refreshed.into_iter().chain([first]).collect();
        world.assert_refused(&grants).await;
    }
    wins
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_refresh_racing_logout_leaves_no_valid_token() {
    let wins = refresh_against("close", |world: World, issued: IssuedTokens| async move {
        world.log_out(&issued).await.map(drop)
    })
    .await;
    assert!(wins.iter().all(|wins| *wins > 0), "one side always won: {wins:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_refresh_racing_logout_everywhere_leaves_no_valid_token() {
    let wins = refresh_against("close_all", |world: World, issued: IssuedTokens| async move {
        world.service.log_out_everywhere(&issued.claims).await
    })
    .await;
    assert!(wins.iter().all(|wins| *wins > 0), "one side always won: {wins:?}");
}

/// A login that committed before "log out everywhere" is ended by it; an overtaken one starts over under the raised
/// epoch. So every session that is still open was opened under it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_login_racing_logout_everywhere_survives_only_under_the_raised_epoch() {
    let world = World::new().await;
    let mut survived = 0;
    for round in 0..rounds() {
        let order = ORDERS[round % ORDERS.len()];
        let (arriving, leaving) = (world.clone(), world.clone());
        let asks = world.log_in().await.claims;
        let login = async move { arriving.try_log_in(PASSWORD).await };
        let end = async move { leaving.service.log_out_everywhere(&asks).await };
        let gate = Gate::new();
        let (arrived, left) = match order {
            Order::AsItComes => race(login, end).await,
            // The login has read the epoch and the password, and opens its session late: it starts over.
            Order::EndFirst => {
                world.sessions.faults.set("open", Fault::Waits(gate.clone()));
                let late = tokio::spawn(login);
                gate.arrival().await;
                let left = end.await;
                world.sessions.faults.clear();
                gate.let_go();
                (late.await.unwrap(), left)
            }
            Order::OtherFirst => {
                world.sessions.faults.set("close_all", Fault::Waits(gate.clone()));
                let late = tokio::spawn(end);
                gate.arrival().await;
                let arrived = login.await;
                world.sessions.faults.clear();
                gate.let_go();
                (arrived, late.await.unwrap())
            }
        };
        left.unwrap();
        let raised = world.sessions.epoch(&world.user.id).await.unwrap();
        let arrived = arrived.unwrap();
        let alive = world.me(&arrived).await.is_ok();
        match order {
            Order::AsItComes => {}
            Order::OtherFirst => assert!(!alive, "it was opened before the end of everything"),
            Order::EndFirst => assert!(alive, "it was opened after the end of everything"),
        }
        if alive {
            survived += 1;
            assert_eq!(world.sessions.opened_under(arrived.claims.session_id), raised);
            world.service.log_out_everywhere(&arrived.claims).await.unwrap();
        }
        world.assert_refused(&[arrived]).await;
    }
    assert!(
        0 < survived && survived < rounds(),
        "one side always won: {survived} survived"
    );
}

/// A login that read everything before a password change and opens its session after it would survive with the old
/// password. Its epoch must be superseded, so that it starts over and fails.
#[tokio::test]
async fn a_login_overtaken_by_a_password_change_fails_with_the_old_password() {
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
