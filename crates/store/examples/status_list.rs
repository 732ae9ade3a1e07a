//! Measures the status lists of a million sessions in SQLite, one in twenty of them closed:
//! `cargo run --release -p rescind-store --features sqlite --example status_list`.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "it measures time and prints it"
)]

use std::{error::Error, time::Instant};

use miniz_oxide::deflate::compress_to_vec_zlib;
use rescind_session::{StatusIndex, ports::SessionStore};
use rescind_store::{SqlSettings, SqlStore};
use rescind_token::{Algorithm, KeyRing, SigningKey, StatusList, StatusListToken, Timestamp};
use sea_orm::{ConnectionTrait, Database};

const SESSIONS: u64 = 1_000_000;

/// Half of the places are taken, at random.
const LISTS: u64 = 2 * SESSIONS / StatusList::PLACES as u64 + 1;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("rescind.db");
    let store = SqlStore::open_file(&path, &SqlSettings::default()).await?;
    store.migrate_up().await?;
    let database = Database::connect(format!("sqlite:{}", path.display())).await?;
    // Without a pattern that would compress better than chance.
    let ended = "(i * 2654435761 % 4294967296 * 40503 / 65536) % 20 = 0";
    let places = LISTS * u64::from(StatusList::PLACES);
    database
        .execute_unprepared(&format!(
            "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {SESSIONS})
             INSERT INTO rescind_sessions
               (id, user_id, client_id, created_at, last_seen_at, expires_at, access_until, auth_time,
                closed_at, closed_cause, status_index)
             SELECT randomblob(16), i, 'rescind', 0, 0, 9000000000000, 0, 0,
                iif({ended}, 1, NULL), iif({ended}, 'logout', NULL), (i * 1000003) % {places}
             FROM n"
        ))
        .await?;

    let ring = KeyRing::new(SigningKey::generate(Algorithm::EdDsa)?);
    let (mut bytes, mut longest) = (0, 0);
    let (mut closed, began) = (0, Instant::now());
    for list in 0..LISTS {
        let index = |place| StatusIndex::new(place * u64::from(StatusList::PLACES));
        let mut bits = StatusList::new();
        for found in store.closed_status_indexes(index(list)..index(list + 1)).await? {
            bits.invalidate(found.place());
            closed += 1;
        }
        let token = StatusListToken {
            uri: format!("https://auth.example/oauth/status/{list}"),
            issued_at: Timestamp::UNIX_EPOCH,
            expires_at: Timestamp::UNIX_EPOCH,
            ttl: 10,
            compressed: compress_to_vec_zlib(bits.as_bytes(), 6),
        };
        let signed = ring.sign_status_list(&token)?.len();
        (bytes, longest) = (bytes + signed, longest.max(signed));
    }
    let each = began.elapsed() / u32::try_from(LISTS)?;
    println!(
        "{SESSIONS} sessions, {closed} closed: {LISTS} lists, {bytes} bytes, the longest {longest}; {each:?} to make one"
    );
    Ok(())
}
