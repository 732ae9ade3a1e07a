//! A database in a directory of its own, and sessions to put into it.

use std::{path::PathBuf, time::Duration};

use jiff::{SignedDuration, Timestamp};
use rand::{SeedableRng, rngs::StdRng};
use rescind_session::{
    Cause, Device, NewUser, PasswordHash, RefreshState, Session, SessionState, User, UserKind, Username,
    ports::{Closing, Opened, Rotation, SessionStore},
    token::{ClientId, Generation, Salt, SessionId, UserId},
};
use rescind_store::{SqlSettings, SqlStore};
use sea_orm::{ConnectOptions, Database, DatabaseConnection};
use tempfile::TempDir;

pub(crate) const NOON: Timestamp = Timestamp::constant(1_767_268_800, 123_000_000);

/// A database file that is removed with its directory.
pub(crate) struct Place {
    directory: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.directory.path().join("rescind.db")
    }

    pub(crate) async fn store_with(&self, settings: &SqlSettings) -> SqlStore {
        let store = SqlStore::open_file(&self.file(), settings).await.unwrap();
        store.migrate_up().await.unwrap();
        store
    }

    pub(crate) async fn store(&self) -> SqlStore {
        self.store_with(&SqlSettings::default()).await
    }

    /// A connection of somebody else's: another program, or a person with `sqlite3`.
    pub(crate) async fn stranger(&self) -> DatabaseConnection {
        let mut options = ConnectOptions::new(format!("sqlite:{}", self.file().display()));
        options.max_connections(1).sqlx_logging(false);
        Database::connect(options).await.unwrap()
    }
}

/// Everything random in a test comes from here, the same in each run.
pub(crate) fn rng(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

pub(crate) fn session(seed: u64) -> Session {
    let rng = &mut rng(seed);
    Session {
        id: SessionId::new(NOON, rng),
        user: UserId::new(NOON, rng),
        client_id: ClientId::first_party(),
        created_at: NOON,
        last_seen_at: NOON,
        expires_at: NOON + SignedDuration::from_hours(24),
        access_until: NOON + SignedDuration::from_mins(5),
        refresh: Some(RefreshState {
            generation: Generation::FIRST,
            salt: Salt::random(rng),
            idle_until: NOON + SignedDuration::from_hours(1),
            grace_until: None,
        }),
        state: SessionState::Open,
        reuse_noticed_at: None,
        device: Device::new(Some("curl/8"), Some([192, 0, 2, 1].into())),
    }
}

pub(crate) async fn opened(store: &SqlStore, seed: u64) -> Session {
    let session = session(seed);
    let epoch = store.epoch(session.user).await.unwrap();
    assert_eq!(store.open(&session, epoch).await.unwrap(), Opened::Opened);
    session
}

pub(crate) fn rotation(session: SessionId, from: u32) -> Rotation {
    let at = NOON + SignedDuration::from_mins(1);
    Rotation {
        session,
        from: Generation::from(from),
        to: Generation::from(from + 1),
        at,
        access_until: at + SignedDuration::from_mins(5),
        idle_until: at + SignedDuration::from_hours(1),
        grace_until: at + SignedDuration::from_secs(10),
        device: Device::default(),
    }
}

pub(crate) fn closing(cause: Cause) -> Closing {
    Closing {
        cause,
        at: NOON + SignedDuration::from_mins(2),
        margin: Duration::from_secs(300),
    }
}

pub(crate) fn user(seed: u64, name: &str) -> NewUser {
    let id = UserId::new(NOON, &mut rng(seed));
    let username = Username::parse(name).unwrap();
    NewUser {
        user: User {
            id,
            username,
            kind: UserKind::Person,
            created_at: NOON,
        },
        password_hash: PasswordHash::new("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2g"),
    }
}
