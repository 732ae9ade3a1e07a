//! The status lists that were signed last, so that each is made once for all who ask.

use std::{collections::HashMap, sync::Arc, time::Duration};

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
pub(crate) struct StatusLists(Mutex<HashMap<u64, Kept>>);

struct Kept {
    made: MadeStatusList,
    token: Arc<str>,
    /// When it was known to have all revocations.
    complete: Instant,
}

impl StatusLists {
    /// One list is made at a time, and each at most once in [`FRESH`], however many ask.
    pub(crate) async fn get(&self, service: &SessionService, number: u64) -> Result<Arc<str>, Problem> {
        let lists = timeout(PATIENCE, self.0.lock()).await;
        let mut lists = lists.map_err(|late| Problem::StoreUnavailable(Hidden::new(late)))?;
        let kept = lists.get_mut(&number);
        if let Some(kept) = kept.as_ref().filter(|kept| kept.complete.elapsed() < FRESH) {
            return Ok(Arc::clone(&kept.token));
        }
        let complete = Instant::now();
        // A node that may lack revocations publishes nothing.
        service.ready().await?;
        let last = kept.as_ref().map(|kept| &kept.made);
        match (service.status_list(number, last).await?, kept) {
            (FoundStatusList::Made(made), _) => {
                let compressed = compress_to_vec_zlib(made.list.as_bytes(), LEVEL);
                let token: Arc<str> = service.sign_status_list(&made, compressed)?.into();
                let copy = Arc::clone(&token);
                lists.insert(number, Kept { made, token, complete });
                Ok(copy)
            }
            (FoundStatusList::Unchanged, Some(kept)) => {
                kept.complete = complete;
                Ok(Arc::clone(&kept.token))
            }
            (FoundStatusList::None | FoundStatusList::Unchanged, _) => {
                lists.remove(&number);
                Err(Problem::NotFound)
            }
        }
    }
}
