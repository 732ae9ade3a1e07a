//! No secret is logged. A test program of its own, since a subscriber is for the whole process.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    io,
    sync::{Arc, Mutex},
};

use jiff::Timestamp;
use rescind_session::{
    Device, EndReason, NewUser, PasswordHash, RefreshState, Session, SessionState, User, UserKind, Username,
    ports::{Closing, SessionStore, UserStore},
    token::{ClientId, Generation, Salt, SessionId, UserId},
};
use rescind_store::{SqlSettings, SqlStore};
use tracing_subscriber::fmt::MakeWriter;
use uuid::Uuid;

/// All log output.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn at_trace_level_no_bound_value_is_logged() {
    use tracing_subscriber::fmt::format::FmtSpan;
    let log = Log::default();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(FmtSpan::FULL)
        .with_ansi(false)
        .with_writer(log.clone())
        .init();

    let directory = tempfile::tempdir().unwrap();
    let store = SqlStore::open_file(&directory.path().join("rescind.db"), &SqlSettings::default())
        .await
        .unwrap();
    store.migrate_up().await.unwrap();
    let (id, noon) = (UserId::from(Uuid::from_u128(1)), Timestamp::UNIX_EPOCH);
    let user = User {
        id: id.clone(),
        username: Username::parse("alice").unwrap(),
        kind: UserKind::Person,
    };
    let new = NewUser {
        user: user.clone(),
        password_hash: PasswordHash::new("$argon2id$SECRET-HASH"),
        created_at: noon,
    };
    let _ = store.insert(&new.clone()).await.unwrap();
    let _ = store
        .set_password(&id, PasswordHash::new("$argon2id$SECRET-HASH-2"))
        .await
        .unwrap();
    let found = store.credentials(&user.username).await.unwrap().unwrap();
    let session = Session {
        id: SessionId::from_uuid(Uuid::from_u128(2)),
        user: id.clone(),
        client_id: ClientId::first_party(),
        created_at: noon,
        auth_time: noon,
        last_seen_at: noon,
        expires_at: noon,
        access_until: noon,
        refresh: Some(RefreshState {
            generation: Generation::FIRST,
            salt: Salt::from_bytes(*b"SECRET-SALT-SECRET-SALT-SECRET-S"),
            idle_until: noon,
            grace_until: None,
        }),
        state: SessionState::Open,
        reuse_noticed_at: None,
        status_index: None,
        device: Device::default(),
    };
    let _ = store.open(&session, store.epoch(&id).await.unwrap()).await.unwrap();
    // Also for a failing statement.
    store
        .open(&session, store.epoch(&id).await.unwrap())
        .await
        .expect_err("the id is taken");
    let mut taken = new;
    taken.user.username = Username::parse("mallory").unwrap();
    let error = store.insert(&taken).await.expect_err("the id is taken");
    let closing = Closing {
        cause: EndReason::Logout,
        at: noon,
        margin: Default::default(),
    };
    let _ = store.close(session.id, &closing).await.unwrap();
    tracing::error!(?store, ?found, ?session, ?error, "printed on purpose");

    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("printed on purpose"), "the log is read");
    assert!(logged.contains("sea_orm"), "the database's crates are logged");
    // As text, as a list of bytes, and in hexadecimal.
    for secret in ["SECRET", "83, 69, 67, 82, 69, 84", "534543524554"] {
        assert!(!logged.contains(secret), "{secret} is logged:\n{logged}");
    }
}
