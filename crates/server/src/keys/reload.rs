//! Changed keys, picked up by a node that runs.
//!
//! A new key must verify on every node before it signs on any: otherwise the others refuse its tokens. So a running node
//! reads its key files again and again, and verifies with all of them. It goes on signing with the key that it had; the
//! newest one signs after a restart. A key whose file is gone is refused at once.
//!
//! The rule of the start holds here too: only keys that are the database's are used.

use std::{convert::Infallible, error::Error, path::PathBuf, time::Duration};

use rescind_session::{ErrorChain, SessionService, token::RingFingerprint};
use rescind_store::SqlStore;

use super::{KeyDirectory, Ring};

/// How often the files are read.
const EVERY: Duration = Duration::from_secs(2);

/// Uses the keys of the directory as they change, if they are the database's. Otherwise the old ones stay in use.
pub(crate) async fn follow(directory: PathBuf, store: SqlStore, service: SessionService) -> Infallible {
    // The last failure, and how often it was seen in a row. The first time may be the middle of a command that changes
    // keys; the second time it is logged.
    let (mut failure, mut seen) = (String::new(), 0_u32);
    loop {
        tokio::time::sleep(EVERY).await;
        let now = match look(directory.clone(), &store, &service).await {
            Ok(None) => String::new(),
            Ok(Some(ring)) => {
                let kids: Vec<_> = ring.keys.ring.iter().map(|key| key.kid().to_owned()).collect();
                service.replace_keys(ring.keys);
                tracing::info!(?kids, "the keys were changed; the first of these signs");
                String::new()
            }
            Err(error) => ErrorChain(&*error).to_string(),
        };
        seen = if now == failure { seen.saturating_add(1) } else { 1 };
        failure = now;
        if seen == 2 && !failure.is_empty() {
            tracing::error!(
                error = failure,
                "the keys of the directory are not used; the ones that were read last stay in use"
            );
        }
    }
}

/// The keys to use from now on, if they have changed.
async fn look(
    directory: PathBuf,
    store: &SqlStore,
    service: &SessionService,
) -> Result<Option<Ring>, Box<dyn Error + Send + Sync>> {
    let keys = service.keys();
    let in_use = RingFingerprint::of(&keys.ring, &keys.refresh);
    let read = move || KeyDirectory::open(&directory)?.load_beside(&keys);
    let ring = tokio::task::spawn_blocking(read).await??;
    let is_unchanged = ring.fingerprint == in_use;
    // The database's keys may have been changed from another directory. One that is away says nothing about that.
    let of_database = match store.fingerprint().await {
        Err(_) if is_unchanged => return Ok(None),
        found => found?,
    };
    if of_database != Some(ring.fingerprint.to_string()) {
        return Err("they are not the keys of this database: run `rescind keys adopt` if they shall be".into());
    }
    Ok((!is_unchanged).then_some(ring))
}
