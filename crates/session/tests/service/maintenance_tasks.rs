//! How often the maintenance syncs, and how often it logs a failure.

use std::{cell::RefCell, fmt::Debug, sync::Once};

use rescind_session::{AuthenticateError, Maintenance, Policy, Unavailable, token::AccessClaims};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};

use crate::{
    faulty::{Fault, Gate},
    world::{World, config, seconds},
};

thread_local! {
    /// The task that this test's thread listens to, and what was logged about it. A subscriber per thread would be
    /// simpler, but tracing caches across threads whether there is a listener.
    static HEARD: RefCell<Option<(&'static str, Vec<String>)>> = const { RefCell::new(None) };
}

fn listen_to(chore: &'static str) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing::subscriber::set_global_default(Log).unwrap());
    HEARD.set(Some((chore, Vec::new())));
}

fn heard() -> Vec<String> {
    HEARD.with_borrow(|heard| heard.as_ref().unwrap().1.clone())
}

struct Log;

#[derive(Default)]
struct Fields {
    chore: String,
    message: String,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "chore" {
            self.chore = value.to_owned();
        }
    }
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        }
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        HEARD.with_borrow_mut(|heard| {
            if let Some((chore, messages)) = heard
                && fields.chore == *chore
            {
                messages.push(fields.message);
            }
        });
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

fn run_maintenance(world: &World, maintenance: Maintenance) -> tokio::task::JoinHandle<()> {
    let service = world.service.clone();
    tokio::spawn(async move {
        service.run_maintenance(maintenance).await;
    })
}

#[tokio::test]
async fn a_failing_store_is_reported_once_and_so_is_its_recovery() {
    listen_to("writing into the database");
    tokio::time::pause();
    let world = World::new().await;
    let maintenance = run_maintenance(&world, Maintenance::default());
    tokio::time::sleep(seconds(60)).await;
    assert_eq!(heard(), [""; 0]);
    for fault in [Fault::Fails, Fault::LosesLock] {
        world.sessions.faults.set("try_write", fault);
        tokio::time::sleep(seconds(60)).await;
    }
    world.sessions.faults.clear();
    tokio::time::sleep(seconds(60)).await;
    let expected = ["maintenance fails", "maintenance fails", "maintenance works again"];
    assert_eq!(heard(), expected, "each reason once");
    maintenance.abort();
}

fn is_behind(verdict: &Result<AccessClaims, AuthenticateError>) -> bool {
    matches!(verdict, Err(AuthenticateError::Unavailable(Unavailable::Behind)))
}

#[tokio::test]
async fn a_sync_is_valid_for_the_configured_time_only() {
    tokio::time::pause();
    let world = World::new().await;
    let issued = world.log_in().await;
    let maintenance = Maintenance::default().sync_every(seconds(60)).behind_after(seconds(5));
    let maintenance = run_maintenance(&world, maintenance);
    tokio::task::yield_now().await;
    while world.service.sync_status().unwrap().age < seconds(5) {
        world.me(&issued).await.unwrap();
        tokio::time::advance(seconds(1)).await;
    }
    assert_eq!(world.service.sync_status().unwrap().age, seconds(5));
    world.me(&issued).await.unwrap();
    tokio::time::advance(std::time::Duration::from_nanos(1)).await;
    let verdict = world.me(&issued).await;
    assert!(is_behind(&verdict), "{verdict:?}");
    maintenance.abort();
}

#[tokio::test]
async fn a_sync_that_took_too_long_is_repeated_at_once() {
    tokio::time::pause();
    let world = World::cold(config(Policy::blacklist())).await;
    let issued = world.log_in().await;
    let gate = Gate::new();
    world.blacklist.faults.set("complete", Fault::Waits(gate.clone()));
    let maintenance = Maintenance::default().sync_every(seconds(60)).behind_after(seconds(5));
    let maintenance = run_maintenance(&world, maintenance);
    gate.arrival().await;
    tokio::time::sleep(seconds(6)).await;
    gate.let_go();
    tokio::time::sleep(seconds(1)).await;
    world.me(&issued).await.unwrap();
    maintenance.abort();
}

#[tokio::test]
async fn a_node_in_sync_reads_the_log_at_the_configured_interval() {
    tokio::time::pause();
    let world = World::new().await;
    let maintenance = run_maintenance(&world, Maintenance::default());
    tokio::time::sleep(seconds(10)).await;
    let mut oldest = seconds(0);
    for _ in 0..100 {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        oldest = oldest.max(world.service.sync_status().unwrap().age);
    }
    // Half a second apart. With timers of whole milliseconds a sync may come one later.
    assert!(oldest >= std::time::Duration::from_millis(300), "{oldest:?}");
    assert!(oldest <= std::time::Duration::from_millis(600), "{oldest:?}");
    maintenance.abort();
}
