//! Changed keys, picked up by a node that runs.
//!
//! A new key must verify on every node before it signs on any: otherwise the others refuse its tokens. So a running node
//! reads its key files again and again, and verifies with all of them. It goes on signing with the key that it had; the
//! newest one signs after a restart. A key whose file is gone is refused at once.
//!
//! The rule of the start holds here too: only keys that are the database's are used.

use std::{convert::Infallible, path::PathBuf, time::Duration};

use rescind_session::{ErrorChain, SessionService, ports::StoreError, token::RingFingerprint};
use rescind_store::SqlStore;
use tokio::task::JoinError;

use super::{KeyDirectory, KeysError, Ring};

/// How often the files are read.
const EVERY: Duration = Duration::from_secs(2);

/// Why the keys stay as they are.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error(transparent)]
    Files(#[from] KeysError),
    #[error("the files cannot be read")]
    Reading(#[from] JoinError),
    #[error("the database cannot be asked which keys are its own")]
    Database(#[from] StoreError),
    #[error("they are not the keys of this database: run `rescind keys adopt` if they shall be")]
    Foreign,
}

/// Uses the keys of the directory as they change, if they are the database's. Otherwise the old ones stay in use.
pub(crate) async fn follow(directory: PathBuf, store: SqlStore, service: SessionService) -> Infallible {
    // The last failure, and whether it was logged. A command that changes keys takes two steps, so a failure counts when
    // it is seen twice.
    let mut seen: Option<(String, bool)> = None;
    loop {
        tokio::time::sleep(EVERY).await;
        match look(directory.clone(), &store, &service).await {
            Ok(None) => seen = None,
            Ok(Some(ring)) => {
                seen = None;
                let kids: Vec<_> = ring
                    .keys
                    .ring
                    .verifying_keys()
                    .map(|key| key.kid().to_owned())
                    .collect();
                service.replace_keys(ring.keys);
                tracing::info!(?kids, "the keys were changed; the first of these signs");
            }
            Err(refused) => {
                let failure = ErrorChain(&refused).to_string();
                let told = match seen {
                    Some((known, told)) if known == failure => {
                        if !told {
                            tracing::error!(error = failure, "changed keys are not used; the old ones stay in use");
                        }
                        true
                    }
                    _ => false,
                };
                seen = Some((failure, told));
            }
        }
    }
}

/// The keys to use from now on, if they have changed.
async fn look(directory: PathBuf, store: &SqlStore, service: &SessionService) -> Result<Option<Ring>, Refused> {
    let keys = service.keys();
    let in_use = RingFingerprint::of(&keys.ring, &keys.refresh);
    let read = move || KeyDirectory::open(&directory)?.load_beside(&keys);
    let ring = tokio::task::spawn_blocking(read).await??;
    if ring.fingerprint == in_use {
        return Ok(None);
    }
    match store.fingerprint().await? {
        Some(fingerprint) if fingerprint == ring.fingerprint.to_string() => Ok(Some(ring)),
        _ => Err(Refused::Foreign),
    }
}
