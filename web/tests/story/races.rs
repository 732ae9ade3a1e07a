//! Concurrent operations over HTTP, many times. In either order, no token of an ended session is accepted afterwards.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rescind_testkit::{Tokens, rounds};
use tokio::{sync::Barrier, task::JoinSet, time::Instant};

use crate::{
    head_start::HeadStart,
    stage::{DEMO_PASSWORD, Stage, accepted},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_racing_a_logout_leaves_no_valid_token() {
    let stage = Stage::open().await;
    let witness = stage.log_in().await;
    let (mut race, rounds) = (HeadStart::default(), rounds(100, 1000));
    for round in 0..rounds {
        let first = stage.log_in().await;
        // In turn with each credential, and with the older of two refresh tokens.
        let by_refresh_token = round % 2 == 1;
        let (refreshing, leaving) = (stage.api.clone(), stage.api.clone());
        let (mine, out) = (first.clone(), first.clone());
        let line = Arc::new(Barrier::new(2));
        let start = Arc::clone(&line);
        let [refresh_waits, logout_waits] = race.waits();
        let refresh = tokio::spawn(async move {
            start.wait().await;
            tokio::time::sleep(refresh_waits).await;
            refreshing.refresh(mine.refresh()).await
        });
        let logout = tokio::spawn(async move {
            line.wait().await;
            tokio::time::sleep(logout_waits).await;
            if by_refresh_token {
                leaving.log_out_by_refresh_token(out.refresh()).await
            } else {
                leaving.log_out(out.access()).await
            }
        });
        let (refreshed, left) = (refresh.await.unwrap(), logout.await.unwrap());
        left.expect_status(204);
        stage.assert_dead(&first).await;
        race.came_first(refreshed.status == 200);
        if refreshed.status == 200 {
            stage.assert_dead(&refreshed.tokens()).await;
        } else {
            refreshed.expect_problem(401, "session_closed");
        }
        assert_eq!(
            stage.generation(&witness, &first.session_id).await,
            None,
            "round {round}"
        );
    }
    println!("refresh and logout came first: {:?}", race.wins);
    race.assert_both_won();
}

/// A login that was answered before "log out everywhere" began is revoked by it. A concurrent one may survive only if it was
/// opened after the revocation, and then it is in the list of devices, where it can be ended.
#[tokio::test(flavor = "multi_thread")]
async fn logins_racing_a_logout_everywhere_are_refused_or_listed() {
    let stage = Stage::open().await;
    let (mut survived, mut ended, rounds) = (0, 0, rounds(100, 1000));
    for round in 0..rounds {
        let begun = Instant::now();
        let asks = stage.log_in().await;
        // Measured each time: the machine's other load changes.
        let one_login = begun.elapsed();
        // A login is slow because of the password, and its critical moment is late: sweep the other operation over it.
        let wait = one_login.mul_f64(f64::from(round % 25) / 20.0);
        let line = Arc::new(Barrier::new(3));
        let mut logins = JoinSet::new();
        for _ in 0..2 {
            let (api, line) = (stage.api.clone(), Arc::clone(&line));
            logins.spawn(async move {
                line.wait().await;
                api.log_in("alice", DEMO_PASSWORD).await
            });
        }
        line.wait().await;
        tokio::time::sleep(wait).await;
        stage.api.log_out_everywhere(asks.access()).await.expect_status(204);
        let racers: Vec<Tokens> = logins.join_all().await.iter().map(|reply| reply.tokens()).collect();

        stage.assert_dead(&asks).await;
        let fresh = stage.log_in().await;
        let listed: BTreeSet<String> = stage
            .open_sessions(&fresh)
            .await
            .iter()
            .map(|session| session["session_id"].as_str().unwrap().to_owned())
            .collect();
        let known: BTreeSet<String> = racers
            .iter()
            .chain([&fresh])
            .map(|tokens| tokens.session_id.clone())
            .collect();
        assert!(
            listed.is_subset(&known),
            "round {round}: a session of before is still open"
        );
        for racer in &racers {
            if listed.contains(&racer.session_id) {
                survived += 1;
                stage.assert_alive(racer).await;
            } else {
                ended += 1;
                stage.assert_dead(racer).await;
            }
        }
        // A survivor is a listed device: the next logout everywhere ends it.
        stage.api.log_out_everywhere(fresh.access()).await.expect_status(204);
        for tokens in racers.iter().chain([&fresh]) {
            stage.assert_dead(tokens).await;
        }
    }
    println!("{survived} logins began after the end of everything, {ended} were ended by it");
    assert!(
        survived > 0 && ended > 0,
        "the two never met: {survived} survived, {ended} ended"
    );
}

/// No request that *begins* after the logout's answer was read is accepted, for any number of attempts.
#[tokio::test(flavor = "multi_thread")]
async fn no_request_that_begins_after_the_logout_was_answered_is_accepted() {
    const PROBERS: usize = 4;
    const TRIES_AFTERWARDS: usize = 25;
    let stage = Stage::open().await;
    let (mut before, mut after) = (0, 0);
    for _ in 0..rounds(20, 200) {
        let tokens = stage.log_in().await;
        let answered = Arc::new(AtomicBool::new(false));
        let line = Arc::new(Barrier::new(PROBERS + 1));
        let mut probers = JoinSet::new();
        for _ in 0..PROBERS {
            let (api, tokens) = (stage.api.clone(), tokens.clone());
            let (answered, line) = (Arc::clone(&answered), Arc::clone(&line));
            probers.spawn(async move {
                let (mut early, mut late) = (0, 0);
                let mut arrived = false;
                while late < TRIES_AFTERWARDS {
                    let begins_after = answered.load(Ordering::SeqCst);
                    let accepted = accepted(api.me(tokens.access()).await);
                    assert!(!(begins_after && accepted), "accepted after {late} refusals");
                    if begins_after {
                        late += 1;
                    } else {
                        early += usize::from(accepted);
                    }
                    if !arrived {
                        arrived = true;
                        line.wait().await;
                    }
                }
                (early, late)
            });
        }
        line.wait().await;
        stage.api.log_out(tokens.access()).await.expect_status(204);
        answered.store(true, Ordering::SeqCst);
        for (early, late) in tokio::time::timeout(Duration::from_secs(60), probers.join_all())
            .await
            .unwrap()
        {
            before += early;
            after += late;
        }
    }
    println!("{before} requests were accepted before the logout, 0 of {after} afterwards");
    assert!(before > 0 && after > 0);
}
