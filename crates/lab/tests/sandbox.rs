//! The worlds, used through their buttons: what a learner presses, and what the thief gets.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, its helpers included"
)]

use std::time::Duration;

use rand::{SeedableRng, rngs::StdRng};
use rescind_lab::{Action, Answer, BlacklistFault, Decided, MOST_STEPS, Outcome, Refused, Sandbox, Setup, Step, Who};
use rescind_session::Preset;

async fn sandbox(answer: Answer) -> Sandbox {
    let noon = "2026-01-01T12:00:00Z".parse().unwrap();
    Sandbox::open(Setup::new(answer, noon), StdRng::seed_from_u64(7))
        .await
        .unwrap_or_else(|error| panic!("{error}"))
}

fn outcome(step: &Step) -> Outcome {
    step.exchanges.last().unwrap().outcome
}

async fn press(sandbox: &mut Sandbox, action: Action) -> Outcome {
    let step = sandbox.press(action).await.unwrap();
    step.exchanges
        .last()
        .map_or(Outcome::Accepted, |exchange| exchange.outcome)
}

#[actix_web::test]
async fn after_logout_only_answers_with_a_check_refuse_a_stolen_token() {
    for answer in Answer::ALL {
        let mut sandbox = sandbox(answer).await;
        for action in [
            Action::LogIn,
            Action::Call,
            Action::CopyAccess,
            Action::Replay,
            Action::LogOut,
        ] {
            assert_eq!(
                press(&mut sandbox, action).await,
                Outcome::Accepted,
                "{answer}: {action}"
            );
        }
        let asks = matches!(
            answer,
            Answer::Tokens(Preset::Stored | Preset::Blacklist) | Answer::Sessions
        );
        let expected = if asks { Outcome::Refused } else { Outcome::Accepted };
        assert_eq!(press(&mut sandbox, Action::Replay).await, expected, "{answer}");
        assert_eq!(
            press(&mut sandbox, Action::Call).await,
            Outcome::Refused,
            "{answer}: you are out"
        );
    }
}

#[actix_web::test]
async fn a_copy_works_a_second_before_its_expiry_and_not_a_second_after() {
    for answer in Answer::ALL {
        let mut sandbox = sandbox(answer).await;
        press(&mut sandbox, Action::LogIn).await;
        press(&mut sandbox, Action::CopyAccess).await;
        press(&mut sandbox, Action::WaitBeforeExpiry).await;
        assert_eq!(press(&mut sandbox, Action::Replay).await, Outcome::Accepted, "{answer}");
        sandbox.press(Action::Wait30s).await.unwrap();
        assert_eq!(press(&mut sandbox, Action::Replay).await, Outcome::Refused, "{answer}");
    }
}

#[actix_web::test]
async fn a_browser_refreshes_by_itself_if_the_policy_has_refresh_tokens() {
    for answer in Answer::ALL {
        let mut sandbox = sandbox(answer).await;
        press(&mut sandbox, Action::LogIn).await;
        sandbox.press(Action::WaitAfterExpiry).await.unwrap();
        let step = sandbox.press(Action::Call).await.unwrap();
        let refreshes = matches!(answer.preset(), Some(Preset::Rotation | Preset::Blacklist));
        assert_eq!(step.exchanges.len(), if refreshes { 3 } else { 1 }, "{answer}");
        let expected = if refreshes { Outcome::Accepted } else { Outcome::Refused };
        assert_eq!(outcome(step), expected, "{answer}");
    }
}

#[actix_web::test]
async fn a_blacklist_that_lost_its_data_accepts_no_token_until_rebuilt() {
    let mut sandbox = sandbox(Answer::Tokens(Preset::Blacklist)).await;
    for action in [
        Action::LogIn,
        Action::CopyAccess,
        Action::LogOut,
        Action::BlacklistForgets,
    ] {
        press(&mut sandbox, action).await;
    }
    let step = sandbox.press(Action::Replay).await.unwrap();
    assert_eq!(outcome(step), Outcome::CannotTell);
    assert!(!step.maintenance.is_empty(), "it is filled at once");
    let step = sandbox.press(Action::Replay).await.unwrap();
    assert_eq!(
        (outcome(step), step.exchanges[0].decided),
        (Outcome::Refused, Decided::Blacklist)
    );
}

#[actix_web::test]
async fn a_logout_with_a_stopped_blacklist_is_unconfirmed_but_takes_effect() {
    let mut sandbox = sandbox(Answer::Tokens(Preset::Blacklist)).await;
    for action in [Action::LogIn, Action::CopyAccess, Action::BlacklistStops] {
        press(&mut sandbox, action).await;
    }
    let step = sandbox.press(Action::LogOut).await.unwrap();
    assert_eq!(step.exchanges[0].code(), Some("revocation_pending"));
    assert!(
        !step.after.cookies.is_empty(),
        "the cookies stay, so that it can be repeated"
    );
    assert_eq!(press(&mut sandbox, Action::Replay).await, Outcome::CannotTell);
    let step = sandbox.press(Action::BlacklistWell).await.unwrap();
    assert_eq!(
        (step.after.fault, step.after.blacklist.len()),
        (BlacklistFault::None, 1),
        "it is carried over"
    );
    assert_eq!(press(&mut sandbox, Action::Replay).await, Outcome::Refused);
}

#[actix_web::test]
async fn a_slow_blacklist_is_waited_for() {
    let mut sandbox = sandbox(Answer::Tokens(Preset::Blacklist)).await;
    for action in [Action::LogIn, Action::BlacklistSlow] {
        press(&mut sandbox, action).await;
    }
    let step = sandbox.press(Action::Call).await.unwrap();
    assert_eq!(outcome(step), Outcome::Accepted);
    assert!(step.exchanges[0].took >= Duration::from_millis(20));
}

#[actix_web::test]
async fn a_lost_reply_is_forgiven_within_the_grace_and_theft_after_it() {
    for (wait, expected) in [(None, Outcome::Accepted), (Some(Action::Wait30s), Outcome::Refused)] {
        let mut sandbox = sandbox(Answer::Tokens(Preset::Blacklist)).await;
        for action in [Action::LogIn, Action::LoseReply] {
            press(&mut sandbox, action).await;
        }
        let step = sandbox.press(Action::Refresh).await.unwrap();
        assert!(!step.exchanges[0].arrived);
        if let Some(wait) = wait {
            sandbox.press(wait).await.unwrap();
        }
        assert_eq!(press(&mut sandbox, Action::Refresh).await, expected);
    }
}

#[actix_web::test]
async fn a_killed_server_answers_no_request_and_keeps_all_logouts() {
    let mut sandbox = sandbox(Answer::Tokens(Preset::Blacklist)).await;
    for action in [Action::LogIn, Action::CopyAccess, Action::LogOut, Action::KillServer] {
        press(&mut sandbox, action).await;
    }
    assert_eq!(press(&mut sandbox, Action::Replay).await, Outcome::NoServer);
    press(&mut sandbox, Action::StartServer).await;
    assert_eq!(press(&mut sandbox, Action::Replay).await, Outcome::Refused);
}

#[actix_web::test]
async fn setting_the_wall_clock_back_makes_no_expired_token_valid() {
    for restart in [false, true] {
        let mut sandbox = sandbox(Answer::Tokens(Preset::Blacklist)).await;
        for action in [
            Action::LogIn,
            Action::CopyAccess,
            Action::WaitAfterExpiry,
            Action::Call,
            Action::SetClockBack,
        ] {
            press(&mut sandbox, action).await;
        }
        if restart {
            press(&mut sandbox, Action::KillServer).await;
            press(&mut sandbox, Action::StartServer).await;
        }
        assert_eq!(
            press(&mut sandbox, Action::Replay).await,
            Outcome::Refused,
            "restart: {restart}"
        );
    }
}

#[actix_web::test]
async fn a_stolen_refresh_token_is_detected_when_its_owner_refreshes() {
    let mut sandbox = sandbox(Answer::Tokens(Preset::Blacklist)).await;
    for action in [
        Action::LogIn,
        Action::CopyRefresh,
        Action::ThiefRefreshes,
        Action::Replay,
    ] {
        assert_eq!(press(&mut sandbox, action).await, Outcome::Accepted, "{action}");
    }
    press(&mut sandbox, Action::Wait30s).await;
    let step = sandbox.press(Action::Refresh).await.unwrap();
    assert_eq!(step.exchanges[0].code(), Some("refresh_reused"));
    assert_eq!(
        press(&mut sandbox, Action::Replay).await,
        Outcome::Refused,
        "the thief is out too"
    );
}

#[actix_web::test]
async fn an_impossible_action_is_refused_and_changes_nothing() {
    let mut sandbox = sandbox(Answer::Tokens(Preset::ShortLived)).await;
    for (action, why) in [
        (Action::Replay, Refused::NothingStolen),
        (Action::CopyAccess, Refused::NothingToCopy),
        (Action::CopyRefresh, Refused::NoRefreshTokens),
        (Action::BlacklistForgets, Refused::NoBlacklist),
        (Action::WaitAfterExpiry, Refused::NothingExpires),
        (Action::StartServer, Refused::ServerRuns),
    ] {
        assert_eq!(sandbox.press(action).await.err(), Some(why), "{action}");
    }
    assert!(sandbox.steps().is_empty());
}

/// Each has its own keys, independent of its seed.
#[actix_web::test]
async fn a_token_of_one_sandbox_is_invalid_in_another() {
    let blacklist = Answer::Tokens(Preset::Blacklist);
    let (mut one, mut other) = (sandbox(blacklist).await, sandbox(blacklist).await);
    press(&mut one, Action::LogIn).await;
    press(&mut other, Action::LogIn).await;
    let token = one.access().unwrap();
    assert!(one.service().unwrap().genuine_claims(token).is_ok());
    assert!(other.service().unwrap().genuine_claims(token).is_err());
}

#[actix_web::test]
async fn both_ask_at_once_and_each_gets_their_own_answer() {
    let mut sandbox = sandbox(Answer::Tokens(Preset::ShortLived)).await;
    let alone = sandbox.press(Action::AskBoth).await.unwrap();
    assert_eq!(
        alone.exchanges.len(),
        1,
        "without loot the thief has nothing to ask with"
    );
    for action in [Action::LogIn, Action::CopyAccess, Action::LogOut] {
        press(&mut sandbox, action).await;
    }
    let both = sandbox.press(Action::AskBoth).await.unwrap();
    let outcomes: Vec<_> = both
        .exchanges
        .iter()
        .map(|exchange| (exchange.who, exchange.outcome))
        .collect();
    assert_eq!(
        outcomes,
        [(Who::You, Outcome::Refused), (Who::Thief, Outcome::Accepted)]
    );
    assert_eq!(both.exchanges[1].signature_checks(), 1);
    assert_eq!(both.exchanges[0].signature_checks(), 0, "no token arrived");
}

#[actix_web::test]
async fn a_sandbox_reports_its_size() {
    let mut sandbox = sandbox(Answer::Tokens(Preset::Blacklist)).await;
    let mut before = sandbox.bytes();
    for action in [
        Action::LogIn,
        Action::Call,
        Action::CopyAccess,
        Action::LogOut,
        Action::Replay,
    ] {
        press(&mut sandbox, action).await;
        assert!(sandbox.bytes() > before + 500, "{action}");
        before = sandbox.bytes();
    }
}

#[actix_web::test]
async fn a_sandbox_has_a_maximum_of_steps() {
    let mut sandbox = sandbox(Answer::Tokens(Preset::ClientDelete)).await;
    for _ in 0..MOST_STEPS {
        sandbox.press(Action::Wait30s).await.unwrap();
    }
    assert_eq!(sandbox.press(Action::Wait30s).await.err(), Some(Refused::TooManySteps));
    assert_eq!(sandbox.steps().len(), MOST_STEPS);
}
