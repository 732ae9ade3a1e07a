//! A service elsewhere, which has only the issuer's keys and learns of ended sessions by messages.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers included"
)]

use rand::{SeedableRng, rngs::StdRng};
use rescind_lab::{Action, Answer, Decided, News, Outcome, Sandbox, Setup, Who};

const BOTH: [News; 2] = [News::Event, News::List];

async fn sandbox(news: News) -> Sandbox {
    let noon = "2026-01-01T12:00:00Z".parse().unwrap();
    Sandbox::open(Setup::new(Answer::Elsewhere(news), noon), StdRng::seed_from_u64(7))
        .await
        .unwrap_or_else(|error| panic!("{error}"))
}

async fn press(sandbox: &mut Sandbox, actions: &[Action]) -> Option<Outcome> {
    let mut last = None;
    for action in actions {
        let step = sandbox.press(*action).await.unwrap();
        last = step.exchanges.last().map(|exchange| exchange.outcome);
    }
    last
}

fn decided(sandbox: &Sandbox) -> Decided {
    let last = sandbox.steps().last().and_then(|step| step.exchanges.last());
    last.unwrap().decided
}

fn heard(sandbox: &Sandbox) -> rescind_lab::Heard {
    sandbox.steps().last().unwrap().after.heard.clone().unwrap()
}

#[actix_web::test]
async fn a_copy_is_let_in_until_the_service_has_heard_of_the_logout() {
    for news in BOTH {
        let mut sandbox = sandbox(news).await;
        let robbed = [Action::LogIn, Action::Call, Action::CopyAccess, Action::LogOut];
        assert_eq!(press(&mut sandbox, &robbed).await, Some(Outcome::Accepted));
        assert_eq!(
            press(&mut sandbox, &[Action::Replay]).await,
            Some(Outcome::Accepted),
            "{news:?}"
        );
        assert!(heard(&sandbox).due.is_some() && heard(&sandbox).ended == 0);

        let step = sandbox.press(Action::Wait30s).await.unwrap();
        let (sender, elsewhere) = match news {
            News::Event => (Who::Issuer, true),
            News::List => (Who::Service, false),
        };
        assert_eq!(step.news.len(), 1, "{news:?}");
        assert_eq!((step.news[0].who, step.news[0].elsewhere), (sender, elsewhere));
        let (check, signatures) = match news {
            News::Event => (Decided::Signature, 1),
            News::List => (Decided::NoneNeeded, 0),
        };
        assert_eq!(
            (step.news[0].decided, step.news[0].signature_checks()),
            (check, signatures)
        );
        assert!(heard(&sandbox).due.is_none() && heard(&sandbox).ended == 1);
        let step = sandbox.press(Action::Replay).await.unwrap();
        let replay = &step.exchanges[0];
        assert_eq!(
            (replay.outcome, replay.decided),
            (Outcome::Refused, Decided::News),
            "{news:?}"
        );
        assert!(replay.calls.is_empty(), "it asks no store");
    }
}

#[actix_web::test]
async fn your_own_requests_go_on_at_the_service_also_in_a_new_session() {
    for news in BOTH {
        let mut sandbox = sandbox(news).await;
        press(&mut sandbox, &[Action::LogIn]).await;
        for _ in 0..3 {
            // A refresh in between.
            let outcome = press(&mut sandbox, &[Action::Wait5m, Action::Call]).await;
            assert_eq!(outcome, Some(Outcome::Accepted), "{news:?}");
        }
        let again = [
            Action::LogOut,
            Action::LogIn,
            Action::Call,
            Action::Wait30s,
            Action::Call,
        ];
        assert_eq!(press(&mut sandbox, &again).await, Some(Outcome::Accepted), "{news:?}");
    }
}

#[actix_web::test]
async fn without_news_the_service_lets_nobody_in_and_a_missed_logout_is_heard_later() {
    for news in BOTH {
        let mut sandbox = sandbox(news).await;
        let killed = [Action::LogIn, Action::CopyAccess, Action::LogOut, Action::KillServer];
        press(&mut sandbox, &killed).await;
        assert_eq!(
            press(&mut sandbox, &[Action::Replay]).await,
            Some(Outcome::Accepted),
            "{news:?}: the service needs no issuer for that"
        );
        let silent = [Action::Wait30s, Action::Wait30s, Action::Replay];
        assert_eq!(
            press(&mut sandbox, &silent).await,
            Some(Outcome::CannotTell),
            "{news:?}"
        );
        assert_eq!(decided(&sandbox), Decided::News, "{news:?}: it asks no store");
        let back = [Action::StartServer, Action::Wait30s, Action::Replay];
        assert_eq!(press(&mut sandbox, &back).await, Some(Outcome::Refused), "{news:?}");
        assert_eq!(decided(&sandbox), Decided::News, "{news:?}");
        assert!(
            heard(&sandbox).due.is_none() && heard(&sandbox).ended == 1,
            "{news:?}: it is no gap"
        );
    }
}

#[actix_web::test]
async fn news_goes_on_after_the_log_was_pruned_of_what_the_service_had_not_heard() {
    let heard_one = [Action::LogIn, Action::LogOut, Action::Wait30s];
    for (news, before) in BOTH.into_iter().flat_map(|news| [(news, &heard_one[..]), (news, &[])]) {
        let mut sandbox = sandbox(news).await;
        press(&mut sandbox, before).await;
        let down = [Action::LogIn, Action::LogOut, Action::KillServer];
        press(&mut sandbox, &down).await;
        press(&mut sandbox, &[Action::Wait5m; 3]).await;
        press(&mut sandbox, &[Action::StartServer, Action::Wait30s]).await;
        assert_eq!(heard(&sandbox).due, None, "{news:?}: nothing is left to hear");

        let again = [Action::LogIn, Action::LogIn, Action::Wait30s, Action::Call];
        assert_eq!(
            press(&mut sandbox, &again).await,
            Some(Outcome::Accepted),
            "{news:?}: only the replaced session has ended"
        );
        let robbed = [Action::CopyAccess, Action::LogOut, Action::Wait30s];
        press(&mut sandbox, &robbed).await;
        assert_eq!(sandbox.steps().last().unwrap().news.len(), 1, "{news:?}");
        assert_eq!(heard(&sandbox).due, None, "{news:?}");
        assert_eq!(press(&mut sandbox, &[Action::Replay]).await, Some(Outcome::Refused));
        assert_eq!(decided(&sandbox), Decided::News, "{news:?}");
    }
}
