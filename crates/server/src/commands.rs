//! The commands other than serving: migrate the schema, change the keys, start over after a restore.

use std::{sync::Arc, time::Duration};

use rescind_session::{
    AnchoredClock, Clock, EndReason, SystemClock, SystemRandom,
    ports::{Closing, SessionStore, StoreClock},
    token::{ClientId, ClientSecret, RefreshKey, RegisteredClient},
};
use rescind_store::{DatabaseLock, DatabaseLockError, LockMode, MigrationState};

use crate::{
    blacklist::directly,
    database,
    failure::Failure,
    high_water::HighWaterMark,
    keys::{KeyCommands, KeyDirectory, NewKey, Rotated, add_unrecorded},
    output::say,
    settings::{Clients, Command, Keys, Migrate, Settings, Storage},
    users,
};

/// Runs a command. Steps printed before a failure are done.
pub(crate) async fn run(command: Command, settings: &Settings) -> Result<(), Failure> {
    match command {
        Command::Migrate(migrate) => move_schema(migrate, settings).await,
        Command::Keys(keys) => change_keys(keys, settings).await,
        Command::Clients(Clients::New { id }) => new_client(&id),
        Command::Users(users) => users::run(users, settings).await,
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
    let make = || {
        let mut rng = SystemRandom::new()?;
        Ok::<_, Failure>(directory.load_or_make(storage.algorithm, || RefreshKey::generate(&mut rng))?)
    };
    let set = match keys {
        Keys::Generate => {
            return make()?
                .files
                .iter()
                .try_for_each(|file| say(&format!("{}  {}", file.id, file.path.display())));
        }
        Keys::Adopt => make()?,
        Keys::List | Keys::Rotate { .. } | Keys::Retire { .. } => directory.load()?,
    };
    // Held until the end, if no node runs.
    let alone = match keys {
        Keys::Adopt => alone(storage).await.ok(),
        _ => None,
    };
    let store = database::open(settings).await?;
    let clock = AnchoredClock::new(Arc::new(SystemClock::new()));
    clock.anchor(store.store_clock().await?)?;
    let commands = KeyCommands::new(settings, store.clone(), Arc::new(clock))?;
    if !matches!(keys, Keys::List) {
        let mark = HighWaterMark::of(storage, directly(settings)?.redis().cloned());
        let remembered = mark.compare(&store).await?.newest;
        let records = store.recorded_ring().await?.keys;
        let set = set.without_ended(&records);
        // A database that no keys have claimed gets its issue floor with its first keys.
        match database::claim_for(settings, &store, &set, remembered).await {
            Err(Failure::ForeignKeys(_)) if matches!(keys, Keys::Adopt) => {}
            claimed => drop(claimed?),
        }
    }
    match keys {
        Keys::Generate => {}
        Keys::List => {
            for key in commands.list().await? {
                say(&key.to_string())?;
            }
        }
        Keys::Rotate { refresh, now, after } => {
            let new = match (refresh, now) {
                (true, _) => NewKey::Refresh,
                (false, true) => NewKey::InPlaceOfLeaked,
                (false, false) => NewKey::Signing,
            };
            let rotated = commands.rotate(new, after.unwrap_or_default()).await?;
            say(&told(new, &rotated))?;
        }
        Keys::Retire { id, now } => match commands.retire(id.as_deref(), now).await?.as_slice() {
            [] => say("No key was retired: tokens of each are still accepted.")?,
            ended => say(&format!("Retired, and their files here deleted: {}", ended.join(", ")))?,
        },
        Keys::Adopt => {
            commands.adopt(alone.is_some()).await?;
            say(&format!(
                "The keys in {} are the keys of this database now.",
                storage.keys.display()
            ))?;
        }
    }
    database::close(&store).await;
    Ok(())
}

/// What a rotation means.
fn told(new: NewKey, rotated: &Rotated) -> String {
    let Rotated {
        file,
        algorithm,
        issues_from,
        read_by,
        cached_until,
    } = rotated;
    let file = file.display();
    let copy = "Copy the file to nodes with a key directory of their own before that: a node that lacks it then issues no \
                tokens, and is not ready (`keys`). Nobody is logged out, and no node has to be restarted.";
    match new {
        NewKey::Signing => format!(
            "{file} ({algorithm}) is published now, and signs from {issues_from} on. {copy} The old key still verifies until \
             its last token has expired; `rescind keys list` shows when."
        ),
        NewKey::Refresh => format!(
            "{file} is accepted by every node by {read_by}, and makes refresh tokens from {issues_from} on. {copy} Tokens of the \
             old key are accepted until the last of them has expired."
        ),
        NewKey::InPlaceOfLeaked => format!(
            "{file} ({algorithm}) signs now, and the old signing keys are ended. Every running node refuses what they signed by \
             {read_by}; services that cache /.well-known/jwks.json by {cached_until}. Copy the file to nodes with a key \
             directory of their own at once: until they have it they issue no tokens. Access tokens in use are refused, and \
             refresh tokens buy new ones."
        ),
    }
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
    // The recorded instants may lie in the future of the new time.
    let mut records = store.recorded_ring().await?.keys;
    // A file of a key that was ended may be left.
    let set = directory.load()?.without_ended(&records);
    for record in &mut records {
        // Remembered, so that a copy of its file does not count.
        if set.find(&record.id).is_none() {
            record.ended_at.get_or_insert(closing.at);
        }
        record.issues_from = record.issues_from.min(closing.at);
    }
    let longest = |refresh| settings.tokens.longest_token(refresh);
    add_unrecorded(&mut records, &set, closing.at, |_| Duration::ZERO, longest);
    let closed = store.close_everything(&closing).await?;
    // The log has a new identity. The remembered time may be the wrong one.
    let mark = HighWaterMark::of(storage, directly(settings)?.redis().cloned());
    mark.reset(&store).await?;
    store.record_ring(None, &set.fingerprint()?, &records).await?;
    database::close(&store).await;
    say(&format!(
        "{closed} {} closed, and a new key signs: {}. Everybody has to log in again.",
        if closed == 1 { "session was" } else { "sessions were" },
        set.files[0].path.display()
    ))?;
    say(&format!(
        "If other nodes use this database, give each the keys in {} before it starts, in place of its own.",
        storage.keys.display()
    ))
}
