//! No secret is logged or printed. Postgres quotes the row that it refuses.

use std::{
    io,
    sync::{Arc, Mutex},
};

use rescind_session::{
    EndReason, ErrorChain, PasswordHash,
    ports::{SessionStore, UserStore},
};
use sea_orm::ConnectionTrait;
use tracing_subscriber::fmt::MakeWriter;

use crate::fixture::{closing, fresh, opened, rotation, session, store, stranger, user};

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

// One thread, so that its own subscriber gets all of its output.
#[tokio::test]
async fn at_trace_level_no_bound_value_or_password_is_logged() {
    let Some(url) = fresh().await else { return };
    // Made before the subscriber is set: sea-orm's own way to connect, which the store does not use, logs the URL.
    let stranger = stranger(&url).await;
    let url = url.replace("rescind@", "rescind:SECRET-PASSWORD@");
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    let _heard = tracing::subscriber::set_default(subscriber);

    let store = store(&url).await;
    let mut new = user(1, "alice");
    new.password_hash = PasswordHash::new("$argon2id$SECRET-HASH");
    let _ = store.insert(&new.clone()).await.unwrap();
    let _ = store
        .set_password(&new.user.id, PasswordHash::new("$argon2id$SECRET-HASH-2"))
        .await
        .unwrap();
    let session_row = opened(&store, 1).await;
    let _ = store.rotate(&rotation(session_row.id, 0)).await.unwrap();
    let _ = store.close(session_row.id, &closing(EndReason::Logout)).await.unwrap();

    // Refused rows, which the error details would quote.
    for refuse in [
        "ALTER TABLE rescind_users ADD CHECK (kind = 'nobody') NOT VALID",
        "ALTER TABLE rescind_sessions ADD CHECK (client_id = 'nobody') NOT VALID",
    ] {
        stranger.execute_unprepared(refuse).await.unwrap();
    }
    let mut mallory = user(2, "mallory");
    mallory.password_hash = PasswordHash::new("$argon2id$SECRET-HASH-3");
    let error = store.insert(&mallory).await.expect_err("the check refuses it");
    let mut refused = session(3);
    let refresh = refused.refresh.as_mut().unwrap();
    refresh.salt = rescind_session::token::Salt::from_bytes(*b"SECRET-SALT-SECRET-SALT-SECRET-S");
    let epoch = store.epoch(&refused.user).await.unwrap();
    let other = store.open(&refused, epoch).await.expect_err("the check refuses it");
    for error in [&error, &other] {
        tracing::error!(?error, causes = %ErrorChain(error), ?store, "printed on purpose");
    }

    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("printed on purpose"), "the log is read");
    assert!(
        logged.contains("violates check constraint"),
        "the message of Postgres is kept"
    );
    assert!(logged.contains("sea_orm"), "the database's crates are logged");
    // As text, as a list of bytes, and in hexadecimal.
    for secret in ["SECRET", "83, 69, 67, 82, 69, 84", "534543524554"] {
        let line = logged.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret} is logged");
    }
}
