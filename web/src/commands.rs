//! The commands that are not serving: moving the schema, changing the keys.

use std::io::{Write, stdout};

use rescind_session::token::Algorithm;
use rescind_store::{Claimed, MigrationState, SqlStore};

use crate::{
    database,
    failure::Failure,
    keys::{KeyDirectory, Ring},
    settings::{Command, Keys, Migrate, Settings, Storage},
};

/// Carries out a command.
///
/// # Errors
/// [`Failure`]; what was printed before it was done.
pub(crate) async fn run(command: Command, settings: &Settings) -> Result<(), Failure> {
    match command {
        Command::Migrate(migrate) => move_schema(migrate, &settings.storage).await,
        Command::Keys(keys) => change_keys(keys, &settings.storage).await,
    }
}

async fn move_schema(migrate: Migrate, storage: &Storage) -> Result<(), Failure> {
    // Looking is harmless; moving the tables under a program that uses them is not.
    let _alone = match migrate {
        Migrate::Status => None,
        Migrate::Up | Migrate::Down | Migrate::Fresh { .. } => Some(database::claim(storage)?),
    };
    let store = database::connect(storage).await?;
    match migrate {
        Migrate::Status => {}
        Migrate::Up => store.migrate_up().await?,
        Migrate::Down | Migrate::Fresh { .. } => {
            // A database that forgets what was revoked must not meet the tokens again. The keys go first: if the tables
            // cannot follow, the next start finds keys that are not the database's, and stops.
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
    Ok(())
}

async fn change_keys(keys: Keys, storage: &Storage) -> Result<(), Failure> {
    let directory = KeyDirectory::open(&storage.keys)?;
    let store = database::open(storage).await?;
    match keys {
        Keys::Rotate => rotate(&directory, &store, storage).await,
        Keys::Adopt => {
            let ring = directory.load()?;
            store.replace_fingerprint(&ring.fingerprint.to_string()).await?;
            say(&format!(
                "The keys in {} are the keys of this database now.",
                storage.keys.display()
            ))
        }
    }
}

/// Adds a signing key. Only to the ring that the database knows: a key added to a foreign one would adopt that ring unseen.
async fn rotate(directory: &KeyDirectory, store: &SqlStore, storage: &Storage) -> Result<(), Failure> {
    let present = directory.load()?;
    claim(store, &present, storage).await?;
    let algorithm: Algorithm = storage.algorithm.unwrap_or(present.keys.ring.active().algorithm());
    let added = directory.add_access_key(algorithm)?;
    store
        .replace_fingerprint(&directory.load()?.fingerprint.to_string())
        .await?;
    say(&format!(
        "{} ({algorithm}) signs from the next start on. Older keys still verify; delete one, and run `rescind keys adopt`, \
         when the longest access token that it signed is dead.",
        added.display()
    ))
}

/// Claims the database for these keys.
///
/// # Errors
/// [`Failure::ForeignKeys`] if it belongs to others.
pub(crate) async fn claim(store: &SqlStore, ring: &Ring, storage: &Storage) -> Result<(), Failure> {
    match store.claim_fingerprint(&ring.fingerprint.to_string()).await? {
        Claimed::First | Claimed::Same => Ok(()),
        Claimed::Different => Err(Failure::ForeignKeys(storage.keys.clone())),
    }
}

/// A line on standard output, which belongs to the command's answer; the log goes to standard error.
fn say(line: &str) -> Result<(), Failure> {
    writeln!(stdout(), "{line}").map_err(|error| Failure::Runtime("standard output cannot be written to", error))
}
