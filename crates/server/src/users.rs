//! `rescind users`: accounts, beside running nodes.
//!
//! The command is a node without a port: it takes the lock that a node would take, and revokes as a logout does. With a
//! Redis other nodes go on, and refuse from the moment at which the command answers. Without one a node has its blacklist in
//! its own memory and the database for itself, so it has to be stopped first.

use std::{sync::Arc, time::Duration};

use rescind_session::{
    SessionService, SystemRandom, UserKind, Username,
    ports::{SessionStore, UserStore},
};
use rescind_store::{DatabaseLockError, SqlStore, Stores};
use url::Url;

use crate::{
    blacklist, database,
    failure::Failure,
    high_water::{Guard, HighWaterMark},
    keys::KeyDirectory,
    node,
    output::say,
    settings::{Settings, Users},
};

/// How many users are read at a time.
const AT_ONCE: u32 = 500;
/// How long the command waits for its stores: longer than a request.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) async fn run(users: Users, settings: &Settings) -> Result<(), Failure> {
    let username = match &users {
        Users::List => return list(settings).await,
        Users::Disable { username } | Users::Enable { username } | Users::Delete { username, .. } => username,
    };
    let (store, service) = service(settings).await?;
    let user = match service.parse_username(username) {
        Ok(username) => service.user_named(&username).await.map_err(incomplete)?,
        Err(_) => None,
    };
    let user = user.ok_or_else(|| Failure::NoSuchAccount(username.clone()))?;
    let (done, what) = match users {
        Users::Enable { .. } => (service.enable_user(&user.id).await, "can log in again"),
        Users::Delete { .. } => (
            service.delete_user(&user.id).await,
            "is deleted, and every session is ended",
        ),
        _ => (
            service.disable_user(&user.id).await,
            "is disabled, and every session is ended",
        ),
    };
    done.map_err(incomplete)?;
    database::close(&store).await;
    say(&format!("{} {what}.", user.username))
}

fn incomplete(error: impl std::error::Error + Send + Sync + 'static) -> Failure {
    Failure::other(
        "the account was not changed, or not completely: repeat the command",
        error,
    )
}

/// Reads only, so it needs no lock.
async fn list(settings: &Settings) -> Result<(), Failure> {
    let store = database::connect(settings).await?;
    if !store.is_current().await? {
        return Err(Failure::Schema);
    }
    let mut after: Option<Username> = None;
    loop {
        let listed = store.list(after.as_ref(), AT_ONCE).await?;
        for entry in &listed {
            let state = match (entry.user.kind, entry.is_disabled) {
                (UserKind::Person, true) => "disabled",
                (UserKind::Person, false) => "enabled",
                _ => "public",
            };
            let (id, name, since) = (&entry.user.id, &entry.user.username, entry.created_at);
            say(&format!("{state:8}  {id}  {since:.0}  {name}"))?;
        }
        match listed.last() {
            Some(last) => after = Some(last.user.username.clone()),
            None => break,
        }
    }
    database::close(&store).await;
    Ok(())
}

/// The service of a node that answers no requests.
async fn service(settings: &Settings) -> Result<(SqlStore, SessionService), Failure> {
    let storage = &settings.storage;
    let blacklist = blacklist::directly(settings)?;
    blacklist::verify(&blacklist, &settings.tokens.policy).await?;
    let redis = blacklist.redis().cloned();
    let database_lock = database::claim(storage, blacklist.lock_mode())
        .await
        .map_err(|failure| match failure {
            Failure::LockMode(DatabaseLockError::InUse { lock, .. }) => Failure::AccountsInUse { lock },
            other => other,
        })?;
    // No keys are made here: a database without keys has no accounts.
    KeyDirectory::open(&storage.keys)?.load()?;
    let store = database::open(settings).await?;
    let mark = Arc::new(HighWaterMark::of(storage, redis));
    let remembered = mark.compare(&store).await?.newest;
    let mut rng = SystemRandom::new()?;
    let (set, plan) = database::load_keys(settings, &store, &mut rng, remembered).await?;
    let guard = Guard {
        database_lock: Arc::clone(&database_lock),
        mark: Arc::clone(&mark),
    };
    let store = store.guarded(Arc::new(guard));
    let stores = Stores::new(store.clone(), database_lock, blacklist);
    // It signs nothing, so the issuer does not matter.
    let url = Url::parse("http://localhost").map_err(|error| Failure::other("not a URL", error))?;
    let config = node::config(settings, &url).store_timeout(settings.limits.store_timeout.max(PATIENCE));
    let service = SessionService::new(config, plan.with(&set)?, stores.ports(), rng)?;
    stores.fill(&service).await?;
    stores.clock().anchor(store.store_clock().await?)?;
    Ok((store, service))
}
