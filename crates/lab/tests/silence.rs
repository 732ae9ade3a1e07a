//! What is played in a sandbox is no business of whoever reads the program's log: not while it is played, and not later,
//! when a write that nobody waits for any more comes to its end.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use rand::{SeedableRng, rngs::StdRng};
use rescind_lab::{Action, Answer, Sandbox, Setup};
use rescind_session::Preset;
use tracing::{Event, Metadata, Subscriber, span};

/// Events of the crates of this workspace, at any level.
static OURS: AtomicUsize = AtomicUsize::new(0);

struct Counting;

impl Subscriber for Counting {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("rescind")
    }
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, _: &Event<'_>) {
        OURS.fetch_add(1, Ordering::SeqCst);
    }
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

#[actix_web::test]
async fn nothing_of_a_sandbox_is_in_the_programs_log_not_even_when_its_blacklist_fails_late() {
    tracing::subscriber::set_global_default(Counting).unwrap();
    tracing::info!(target: "rescind_lab", "it would be seen");
    assert_eq!(OURS.swap(0, Ordering::SeqCst), 1);

    tokio::time::pause();
    let noon = "2026-01-01T12:00:00Z".parse().unwrap();
    let setup = Setup::new(Answer::Tokens(Preset::Blacklist), noon);
    let sandbox = Sandbox::open(setup, StdRng::seed_from_u64(7)).await;
    let mut sandbox = sandbox.unwrap_or_else(|error| panic!("{error}"));
    for action in [
        Action::LogIn,
        Action::CopyAccess,
        Action::BlacklistStops,
        Action::LogOut,
        Action::Replay,
    ] {
        sandbox.press(action).await.unwrap();
    }
    drop(sandbox);
    // Longer than a blacklist that does not answer is waited for. The clock is paused, so nobody waits here.
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(OURS.load(Ordering::SeqCst), 0);
}
