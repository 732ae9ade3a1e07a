//! The status lists that were signed last, so that each is made once for all who ask.

use std::{
    collections::HashMap,
    ops::Range,
    sync::{Arc, Mutex as StdMutex, MutexGuard, PoisonError},
    time::Duration,
};

use miniz_oxide::deflate::compress_to_vec_zlib;
use rescind_session::{
    SessionService,
    status_list::{FoundStatusList, MadeStatusList},
};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

use crate::{hidden::Hidden, problem::Problem};

/// How long a list is served without asking the database again.
const FRESH: Duration = Duration::from_secs(1);

/// How long a request waits for a list that others wait for too.
const PATIENCE: Duration = Duration::from_secs(5);

/// Of 0 to 10; higher ones gain nothing with single bits.
const LEVEL: u8 = 6;

/// The lists that were signed last, by number. A number without a list is not kept.
#[derive(Default)]
pub(crate) struct StatusLists {
    signed: StdMutex<HashMap<u64, Signed>>,
    /// Held while a list is made, with the numbers that exist.
    making: Mutex<Option<(Range<u64>, Instant)>>,
}

#[derive(Clone)]
struct Signed {
    made: Arc<MadeStatusList>,
    token: Arc<str>,
    /// When it was known to have all revocations.
    complete: Instant,
}

impl StatusLists {
    /// One list is made at a time, and each at most once in [`FRESH`], however many ask. A number that does not exist costs a
    /// query at most once in that time.
    pub(crate) async fn get(&self, service: &SessionService, number: u64) -> Result<Arc<str>, Problem> {
        if let Some(token) = self.fresh(number) {
            return Ok(token);
        }
        let making = timeout(PATIENCE, self.making.lock()).await;
        let mut making = making.map_err(|late| Problem::StoreUnavailable(Hidden::new(late)))?;
        // Another request may have made it meanwhile.
        if let Some(token) = self.fresh(number) {
            return Ok(token);
        }
        let complete = Instant::now();
        let known = making.as_ref().filter(|(existing, since)| {
            // The next number may have begun meanwhile.
            since.elapsed() < FRESH && !existing.is_empty() && number != existing.end
        });
        let known = known.map(|(existing, _)| existing.clone());
        if known.as_ref().is_some_and(|existing| !existing.contains(&number)) {
            return Err(Problem::NotFound);
        }
        // A node that may lack revocations publishes nothing.
        service.ready().await?;
        if known.is_none() {
            let existing = service.status_lists().await?;
            let is_there = existing.contains(&number);
            *making = Some((existing, complete));
            if !is_there {
                return Err(Problem::NotFound);
            }
        }
        let last = self.signed().get(&number).cloned();
        let found = service
            .status_list(number, last.as_ref().map(|last| &*last.made))
            .await?;
        let signed = match (found, last) {
            (FoundStatusList::Made(made), _) => {
                let compressed = compress_to_vec_zlib(made.list.as_bytes(), LEVEL);
                let token = service.sign_status_list(&made, compressed)?.into();
                Signed {
                    made: Arc::new(made),
                    token,
                    complete,
                }
            }
            (FoundStatusList::Unchanged, Some(last)) => Signed { complete, ..last },
            (FoundStatusList::None | FoundStatusList::Unchanged, _) => {
                self.signed().remove(&number);
                return Err(Problem::NotFound);
            }
        };
        let token = Arc::clone(&signed.token);
        self.signed().insert(number, signed);
        Ok(token)
    }

    fn fresh(&self, number: u64) -> Option<Arc<str>> {
        let signed = self.signed();
        let found = signed.get(&number).filter(|signed| signed.complete.elapsed() < FRESH);
        found.map(|signed| Arc::clone(&signed.token))
    }

    fn signed(&self) -> MutexGuard<'_, HashMap<u64, Signed>> {
        self.signed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
