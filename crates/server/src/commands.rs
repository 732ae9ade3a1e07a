//! The commands other than serving: migrate the schema, change the keys, start over after a restore.

use std::{
    io::{Write, stdout},
    sync::Arc,
};

use rescind_session::{
    AnchoredClock, Clock, EndReason, SystemClock, SystemRandom,
    ports::{Closing, SessionStore, StoreClock},
    token::{Algorithm, ClientId, ClientSecret, RefreshKey, RegisteredClient},
};
use rescind_store::{DatabaseLock, DatabaseLockError, LockMode, MigrationState, SqlStore};

use crate::{
    blacklist::{chosen, redis},
    database,
    failure::Failure,
    high_water::HighWaterMark,
    keys::{KeyDirectory, Ring},
    settings::{Clients, Command, Keys, Migrate, Settings, Storage},
};

/// Runs a command.
///
/// # Errors
/// [`Failure`]; steps printed before it are done.
pub(crate) async fn run(command: Command, settings: &Settings) -> Result<(), Failure> {
    match command {
        Command::Migrate(migrate) => move_schema(migrate, settings).await,
        Command::Keys(keys) => change_keys(keys, settings).await,
        Command::Clients(Clients::New { id }) => new_client(&id),
        Command::Restored { .. } => start_over(settings).await,
    }
}

/// Takes the database for this command alone: running nodes would keep using what it is about to change.
async fn alone(storage: &Storage) -> Result<Arc<DatabaseLock>, Failure> {
    database::claim(storage, LockMode::Exclusive)
        .await
        .map_err(|failure| match failure {
            Failure::LockMode(DatabaseLockError::InUse { lock, .. }) => Failure::Running { lock },
            other => other,
        })
}

async fn move_schema(migrate: Migrate, settings: &Settings) -> Result<(), Failure> {
    let storage = &settings.storage;
    // Reading is harmless; changing tables under a running program is not.
    let _alone = match migrate {
        Migrate::Status => None,
        // It removes no data, so it need not wait until the lock counts.
        Migrate::Up => Some(alone(storage).await?),
        Migrate::Down | Migrate::Fresh { .. } => {
            let database_lock = alone(storage).await?;
            database::settled(&database_lock).await?;
            Some(database_lock)
        }
    };
    let store = database::connect(settings).await?;
    match migrate {
        Migrate::Status => {}
        Migrate::Up => store.migrate_up().await?,
        Migrate::Down | Migrate::Fresh { .. } => {
            // Once the database has lost its revocations, the old tokens must not verify. The keys are replaced first: if the
            // tables cannot be changed then, the next start finds keys that are not the database's, and stops.
            KeyDirectory::open(&storage.keys)?.replace_access_keys(storage.algorithm)?;
            match migrate {
                Migrate::Down => store.migrate_down(1).await?,
                _ => store.migrate_fresh().await?,
            }
        }
    }
    for step in store.migrate_status().await? {
        let state = match step.state {
            MigrationState::Applied => "applied",
            MigrationState::Pending => "pending",
        };
        say(&format!("{state}  {}", step.name))?;
    }
    database::close(&store).await;
    Ok(())
}

/// The secret is printed and kept nowhere.
fn new_client(id: &str) -> Result<(), Failure> {
    let secret = ClientSecret::generate(&mut SystemRandom::new()?);
    let client = match RegisteredClient::new(id, &secret) {
        Ok(client) if *client.id() != ClientId::first_party() => client,
        _ => return Err(Failure::ClientId),
    };
    say(&format!("client_secret: {}", secret.expose_secret()))?;
    say(&format!("RESCIND_OAUTH_CLIENTS: {client}"))
}

async fn change_keys(keys: Keys, settings: &Settings) -> Result<(), Failure> {
    let storage = &settings.storage;
    let directory = KeyDirectory::open(&storage.keys)?;
    let ring = match keys {
        Keys::Rotate => directory.load()?,
        Keys::Adopt => {
            let mut rng = SystemRandom::new()?;
            directory.load_or_make(storage.algorithm, || RefreshKey::generate(&mut rng))?
        }
    };
    let store = database::open(settings).await?;
    let mark = HighWaterMark::of(storage, redis(&chosen(settings)?));
    let remembered = mark.compare(&store).await?.newest;
    match keys {
        Keys::Rotate => {
            database::claim_for(&store, &ring, storage, remembered).await?;
            rotate(&directory, &ring, &store, storage).await?;
        }
        Keys::Adopt => {
            // A database that no keys have claimed gets its issue floor with its first keys.
            match database::claim_for(&store, &ring, storage, remembered).await {
                Ok(()) | Err(Failure::ForeignKeys(_)) => {}
                Err(failure) => return Err(failure),
            }
            store.replace_fingerprint(&ring.fingerprint.to_string()).await?;
            say(&format!(
                "The keys in {} are the keys of this database now.",
                storage.keys.display()
            ))?;
        }
    }
    database::close(&store).await;
    Ok(())
}

/// Adds a signing key. The caller has checked that the ring is the database's: adding to a foreign one would adopt it unseen.
async fn rotate(directory: &KeyDirectory, present: &Ring, store: &SqlStore, storage: &Storage) -> Result<(), Failure> {
    let algorithm: Algorithm = storage.algorithm.unwrap_or(present.keys.ring.active().algorithm());
    let added = directory.add_access_key(algorithm)?;
    store
        .replace_fingerprint(&directory.load()?.fingerprint.to_string())
        .await?;
    say(&format!(
        "{} ({algorithm}) signs from the next start on. Nodes that run and share this directory verify with it within seconds; \
         copy it to those that do not. Services that read /.well-known/jwks.json have it after a minute. Then restart the nodes, \
         one after the other. Older keys still verify; delete one, and run `rescind keys adopt`, when the longest access token \
         that it signed has expired: running nodes then refuse what it signed.",
        added.display()
    ))
}

/// Ends every session after a restore from a backup: the database has lost the revocations made since.
///
/// **The keys are replaced first.** Sessions that began after the backup have no row, so they cannot be closed; only new keys
/// refuse their tokens. If a later step fails, the next start finds keys that are not the database's, and stops until this
/// command succeeds. The fingerprint is replaced last, for the same reason. The refresh keys stay: a refresh token is
/// useless without its session's row.
///
/// **The time restarts** at this machine's clock, ignoring the time in the database, and the issue floor is removed: this is
/// also the remedy after a clock was wrong. No token that could profit verifies any more.
async fn start_over(settings: &Settings) -> Result<(), Failure> {
    let storage = &settings.storage;
    let directory = KeyDirectory::open(&storage.keys)?;
    // Before any file is made: a directory without keys is the wrong one.
    directory.load()?;
    let database_lock = alone(storage).await?;
    database::settled(&database_lock).await?;
    let store = database::open(settings).await?;
    let clock = AnchoredClock::new(Arc::new(SystemClock::new()));
    clock.anchor(StoreClock {
        newest: None,
        ..store.store_clock().await?
    })?;
    let closing = Closing {
        cause: EndReason::Administrator,
        at: clock.now()?,
        // Tokens issued since the backup are missing from the rows.
        margin: settings.tokens.margin(),
    };
    directory.replace_access_keys(storage.algorithm)?;
    let ring = directory.load()?;
    let closed = store.close_everything(&closing).await?;
    // The log has a new identity. The remembered time may be the wrong one.
    let mark = HighWaterMark::of(storage, redis(&chosen(settings)?));
    mark.reset(&store).await?;
    store.replace_fingerprint(&ring.fingerprint.to_string()).await?;
    database::close(&store).await;
    say(&format!(
        "{closed} {} closed, and a new key signs: {}. Everybody has to log in again.",
        if closed == 1 { "session was" } else { "sessions were" },
        ring.active.display()
    ))?;
    say(&format!(
        "If other nodes use this database, give each the keys in {} before it starts, in place of its own.",
        storage.keys.display()
    ))
}

/// Prints a line of the command's answer on standard output; the log goes to standard error.
fn say(line: &str) -> Result<(), Failure> {
    writeln!(stdout(), "{line}").map_err(|error| Failure::other("standard output cannot be written to", error))
}
