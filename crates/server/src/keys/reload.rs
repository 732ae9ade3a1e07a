//! Changed keys, picked up by a node that runs.
//!
//! A node reads the database's record of the keys and its key files again and again. The record decides which keys verify, and
//! which one issues tokens from when on; a key that was ended there is refused, also if its file is there. Files count only if they
//! are the database's keys, as at the start. Otherwise the ones that were read last stay in use.

use std::{convert::Infallible, error::Error, time::Duration};

use rescind_session::{ErrorChain, SessionService, ports::StoreError};
use rescind_store::{KeyRecord, SqlStore};

use super::{KeyDirectory, KeySet, Plan, schedule::later};
use crate::settings::Tokens;

/// How often the record and the files are read.
pub(super) const EVERY: Duration = Duration::from_secs(2);

/// The keys of a node, as they change.
pub(crate) struct Follower {
    pub(crate) directory: KeyDirectory,
    pub(crate) store: SqlStore,
    pub(crate) service: SessionService,
    pub(crate) tokens: Tokens,
    /// The keys that were read last.
    pub(crate) set: KeySet,
    /// What the service uses.
    pub(crate) plan: Plan,
}

/// Records how long the tokens of this node's keys can be accepted, before it issues one.
pub(crate) async fn record_lifetimes(
    store: &SqlStore,
    records: &[KeyRecord],
    plan: &Plan,
    tokens: &Tokens,
) -> Result<(), StoreError> {
    for refresh in [false, true] {
        let longest = tokens.longest_token(refresh);
        let ids = plan.with_shorter_tokens(records, refresh, longest);
        if !ids.is_empty() {
            store.raise_longest_token(&ids, longest).await?;
        }
    }
    Ok(())
}

impl Follower {
    pub(crate) async fn follow(mut self) -> Infallible {
        // The last failure, and how often it was seen in a row. The first time may be the middle of a command that changes
        // keys; the second time it is logged.
        let (mut failure, mut seen) = (String::new(), 0_u32);
        loop {
            let now = match self.look().await {
                Ok(()) => String::new(),
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
            tokio::time::sleep(EVERY).await;
        }
    }

    async fn look(&mut self) -> Result<(), Box<dyn Error + Send + Sync>> {
        // Without the time every request is 503 anyway.
        let Ok(now) = self.service.now() else { return Ok(()) };
        // Before the files: a command writes a new file first.
        let recorded = self.store.recorded_ring().await?;
        let plan = Plan::at(now, &recorded.keys);
        // What was ended is refused before anything else, which may take long or fail.
        if plan != self.plan {
            self.service.replace_keys(plan.with(&self.set)?);
            tracing::info!(keys = ?plan, "the keys were changed");
            self.plan = plan;
        }
        let directory = self.directory.clone();
        let read = move || KeyDirectory::open(&directory.0)?.load();
        let read = tokio::task::spawn_blocking(read)
            .await?
            .map(|set| set.without_ended(&recorded.keys));
        let (had, mut refused) = (self.ids(), None::<Box<dyn Error + Send + Sync>>);
        match read.and_then(|set| Ok((set.fingerprint()?, set))) {
            Ok((fingerprint, set)) if recorded.fingerprint.as_ref() == Some(&fingerprint) => self.set = set,
            Ok(_) => {
                let why = "they are not the keys of this database: copy the files of its keys here, or run `rescind keys adopt` \
                           if these shall be its keys";
                refused = Some(why.into());
            }
            Err(error) => refused = Some(error.into()),
        }
        record_lifetimes(&self.store, &recorded.keys, &self.plan, &self.tokens).await?;
        if had != self.ids() {
            self.service.replace_keys(self.plan.with(&self.set)?);
            tracing::info!(keys = ?self.plan, "the key files were changed");
        }
        // A rotation that was recorded since takes effect later than this.
        self.service.confirm_keys(later(now, self.tokens.jwks_max_age + EVERY));
        refused.map_or(Ok(()), Err)
    }

    fn ids(&self) -> Vec<String> {
        self.set.files.iter().map(|file| file.id.clone()).collect()
    }
}
