//! A sandbox logs nothing to the program's log: not while it runs, and not later, when an abandoned write ends.

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
async fn a_sandbox_logs_nothing_even_when_its_blacklist_fails_late() {
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
    // Longer than a call to a silent blacklist takes. The clock is paused, so this takes no real time.
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(OURS.load(Ordering::SeqCst), 0);
}
