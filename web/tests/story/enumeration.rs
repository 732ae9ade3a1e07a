//! A failed login does not tell whether the account exists: neither by its reply nor by its time.

use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};
use rescind_testkit::rounds;
use tokio::time::Instant;

use crate::stage::Stage;

/// How often the best threshold between the two is right, in either direction. A coin is right in half of the cases.
fn best_threshold(known: &[u128], unknown: &[u128]) -> f64 {
    let mut all: Vec<_> = known
        .iter()
        .map(|time| (*time, true))
        .chain(unknown.iter().map(|time| (*time, false)))
        .collect();
    all.sort_unstable();
    // Everything below the threshold is called known.
    let (mut right, mut best) = (unknown.len(), 0);
    for (_, is_known) in &all {
        right = if *is_known { right + 1 } else { right - 1 };
        best = best.max(right).max(all.len() - right);
    }
    best as f64 / all.len() as f64
}

#[tokio::test]
async fn a_failed_login_gives_no_hint_whether_the_account_exists() {
    let stage = Stage::open().await;
    let samples = rounds(250, 2_000) as usize;
    let mut rng = StdRng::seed_from_u64(13);
    let mut times = [Vec::new(), Vec::new()];
    let mut bodies = [String::new(), String::new()];
    // The first requests also open connections.
    for name in ["alice", "nobod"] {
        stage
            .api
            .log_in(name, "wrong")
            .await
            .expect_problem(401, "invalid_credentials");
    }
    for _ in 0..samples {
        let mut order = [0, 1];
        order.shuffle(&mut rng);
        for known in order {
            let name = ["nobod", "alice"][known];
            let began = Instant::now();
            let reply = stage.api.log_in(name, "not the password").await;
            times[known].push(began.elapsed().as_nanos());
            assert_eq!(reply.status, 401);
            let mut body = reply.body.clone();
            // The id of the request differs each time.
            body.as_object_mut().unwrap().remove("request_id");
            body.as_object_mut().unwrap().remove("instance");
            bodies[known] = body.to_string();
        }
    }
    assert_eq!(bodies[0], bodies[1]);
    let right = best_threshold(&times[1], &times[0]);
    // With few samples a threshold that fits them by chance is right more often.
    let bound = if samples >= 2_000 { 0.55 } else { 0.65 };
    println!(
        "the best threshold is right in {:.1} % of {} logins",
        right * 100.0,
        2 * samples
    );
    assert!(right <= bound, "the best threshold is right in {right}");
}

#[test]
fn a_threshold_finds_a_difference() {
    let (fast, slow): (Vec<_>, Vec<_>) = ((0..100).collect(), (50..150).collect());
    assert!(best_threshold(&fast, &slow) > 0.7);
    assert!(best_threshold(&slow, &fast) > 0.7);
    assert!(best_threshold(&fast, &fast) < 0.55);
}
