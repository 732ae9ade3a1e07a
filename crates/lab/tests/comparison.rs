//! One story under all answers: the server's replies, compared with the table of policies.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers included")]

use std::time::Duration;

use rand::{SeedableRng, rngs::StdRng};
use rescind_lab::{
    Answer, News,
    comparison::{Lane, Scenario, ScenarioError, Stolen, What, compare},
};
use rescind_session::Preset;

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

async fn lanes(scenario: &Scenario) -> Vec<Lane> {
    let noon = "2026-01-01T12:00:00Z".parse().unwrap();
    compare(scenario, noon, &mut StdRng::seed_from_u64(7)).await.unwrap()
}

async fn after_logout(scenario: &Scenario) -> Vec<u64> {
    let lanes = lanes(scenario).await;
    lanes
        .iter()
        .map(|lane| lane.seconds_inside_after(scenario.logout))
        .collect()
}

#[actix_web::test]
async fn the_measured_results_match_the_table_of_policies() {
    let scenario = Scenario::default();
    // Stored, client-delete, short-lived, rotation, blacklist; an event after 2 s, a list each 10 s; plain sessions.
    let long = minutes(12 * 60 - 8).as_secs();
    let short = minutes(2).as_secs();
    assert_eq!(after_logout(&scenario).await, [0, long, short, short, 0, 2, 10, 0]);
}

#[actix_web::test]
async fn each_answer_costs_its_store_calls() {
    for lane in lanes(&Scenario::default()).await {
        let per_call = |count: u32| (count, lane.costs.calls);
        let (database, blacklist) = match lane.answer {
            Answer::Tokens(Preset::Stored) | Answer::Sessions => (lane.costs.calls, 0),
            Answer::Tokens(Preset::Blacklist) => (0, lane.costs.calls),
            Answer::Tokens(_) | Answer::Elsewhere(_) => (0, 0),
        };
        let pushed = u32::from(lane.answer == Answer::Elsewhere(News::Event));
        assert_eq!(lane.costs.pushed, pushed, "{}", lane.answer);
        assert_eq!(
            per_call(lane.costs.database_reads),
            per_call(database),
            "{}",
            lane.answer
        );
        assert_eq!(
            per_call(lane.costs.blacklist_reads),
            per_call(blacklist),
            "{}",
            lane.answer
        );
        let signatures = if lane.answer == Answer::Sessions {
            0
        } else {
            lane.costs.calls
        };
        assert_eq!(lane.costs.signature_checks, signatures, "{}", lane.answer);
        let keeps_nothing = matches!(lane.answer, Answer::Tokens(Preset::ClientDelete | Preset::ShortLived));
        assert_eq!(lane.costs.bytes_before == 0, keeps_nothing, "{}", lane.answer);
        assert_eq!(
            lane.answer == Answer::Sessions,
            lane.costs.bytes_before > 0 && lane.costs.bytes_after == 0
        );
    }
}

#[actix_web::test]
async fn each_expiry_of_a_short_token_throws_out_the_honest_user() {
    let scenario = Scenario {
        logout: minutes(21),
        ..Scenario::default()
    };
    for lane in lanes(&scenario).await {
        let expected = if lane.answer == Answer::Tokens(Preset::ShortLived) {
            4
        } else {
            0
        };
        assert_eq!(lane.thrown_out, expected, "{}", lane.answer);
    }
}

#[actix_web::test]
async fn a_token_stolen_before_a_refresh_works_until_its_own_expiry() {
    let scenario = Scenario {
        theft: minutes(4),
        logout: minutes(8),
        ..Scenario::default()
    };
    for lane in lanes(&scenario).await {
        let until = match lane.answer {
            Answer::Tokens(Preset::ShortLived | Preset::Rotation | Preset::Blacklist) | Answer::Elsewhere(_) => {
                scenario.short
            }
            Answer::Tokens(Preset::ClientDelete) => scenario.long,
            Answer::Tokens(Preset::Stored) | Answer::Sessions => scenario.logout,
        };
        assert_eq!(lane.inside, [(scenario.theft, until)], "{}", lane.answer);
    }
}

#[actix_web::test]
async fn a_long_token_that_expires_before_logout_throws_out_user_and_thief() {
    let scenario = Scenario {
        long: minutes(6),
        theft: minutes(4),
        logout: minutes(8),
        ..Scenario::default()
    };
    for lane in lanes(&scenario).await {
        let (until, thrown_out) = match lane.answer {
            Answer::Tokens(Preset::Stored | Preset::ClientDelete) | Answer::Sessions => (scenario.long, 1),
            Answer::Tokens(Preset::ShortLived) => (scenario.short, 1),
            Answer::Tokens(_) | Answer::Elsewhere(_) => (scenario.short, 0),
        };
        assert_eq!(lane.inside, [(scenario.theft, until)], "{}", lane.answer);
        assert_eq!(lane.thrown_out, thrown_out, "{}", lane.answer);
    }
}

#[actix_web::test]
async fn a_stolen_refresh_token_is_detected_when_its_owner_refreshes() {
    let scenario = Scenario {
        stolen: Stolen::Refresh,
        theft: minutes(2),
        logout: minutes(10),
        ..Scenario::default()
    };
    for lane in lanes(&scenario).await {
        let (inside, thrown_out) = match lane.answer {
            // Until the owner refreshes, and under rotation until the thief's own access token has expired.
            Answer::Tokens(Preset::Blacklist) => (minutes(3), 1),
            Answer::Tokens(Preset::Rotation) => (minutes(5), 1),
            Answer::Elsewhere(News::Event) => (minutes(3) + Duration::from_secs(2), 1),
            Answer::Elsewhere(News::List) => (minutes(3) + Duration::from_secs(10), 1),
            Answer::Tokens(Preset::ShortLived) => (Duration::ZERO, 1),
            _ => (Duration::ZERO, 0),
        };
        assert_eq!(
            (lane.seconds_inside(), lane.thrown_out),
            (inside.as_secs(), thrown_out),
            "{}",
            lane.answer
        );
        let nothing = lane.marks.iter().any(|mark| mark.what == What::NothingToSteal);
        let has_refresh = matches!(lane.answer.preset(), Some(Preset::Rotation | Preset::Blacklist));
        assert_eq!(nothing, !has_refresh, "{}", lane.answer);
    }
}

#[actix_web::test]
async fn within_the_grace_a_thief_shares_the_chain_until_the_logout() {
    let scenario = Scenario {
        stolen: Stolen::Refresh,
        theft: Duration::from_secs(295),
        logout: minutes(12),
        ..Scenario::default()
    };
    let shared = lanes(&scenario).await;
    let blacklist = shared
        .iter()
        .find(|lane| lane.answer == Answer::Tokens(Preset::Blacklist))
        .unwrap();
    assert_eq!(blacklist.thrown_out, 0, "nobody noticed");
    assert_eq!(blacklist.inside, [(scenario.theft, scenario.logout)]);
    let strict = Scenario {
        grace: Duration::ZERO,
        ..scenario
    };
    let noticed = lanes(&strict).await;
    assert!(
        noticed
            .iter()
            .any(|lane| lane.answer == blacklist.answer && lane.thrown_out == 1)
    );
}

#[actix_web::test]
async fn a_contradictory_scenario_returns_all_its_errors() {
    let scenario = Scenario {
        short: Duration::from_secs(1),
        theft: minutes(20),
        grace: minutes(1),
        ..Scenario::default()
    };
    assert_eq!(
        scenario.errors(),
        [ScenarioError::Short, ScenarioError::Grace, ScenarioError::Theft]
    );
    let endless = Scenario {
        logout: minutes(5 * 61),
        ..Scenario::default()
    };
    assert_eq!(endless.errors(), [ScenarioError::Logout]);
}

#[actix_web::test]
async fn a_service_elsewhere_hears_of_a_logout_by_the_clock() {
    let logout = minutes(8) + Duration::from_secs(3);
    let scenario = Scenario {
        logout,
        ..Scenario::default()
    };
    for lane in lanes(&scenario).await {
        // An event takes two seconds. The list is read at each ten.
        let heard = match lane.answer {
            Answer::Elsewhere(News::Event) => logout + Duration::from_secs(2),
            Answer::Elsewhere(News::List) => minutes(8) + Duration::from_secs(10),
            _ => continue,
        };
        assert_eq!(lane.inside, [(scenario.theft, heard)], "{}", lane.answer);
        assert_eq!(lane.thrown_out, 0, "{}: your own requests go on", lane.answer);
    }
}
