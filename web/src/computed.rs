//! What an address determines: played once, kept, and only a few at a time.
//!
//! Comparisons, races, the stories of chapters and the attempts at exercises begin at a fixed instant, with a fixed seed. So
//! the result belongs to the address, and a page that was drawn before plays nothing.
//!
//! **Bounds.** [`AT_ONCE`] results are computed at once, in threads of their own, so that the workers answer other requests
//! meanwhile. [`WAITING`] more wait for their turn; beyond that the answer is 503 with `Retry-After`. Requests for the same
//! result share one computation. Each [`Computed`] keeps a bounded number of results. The largest are the steps of a sandbox, at
//! most 200 KiB: there are about a hundred stories of chapters, most of ten steps, and 32 attempts are kept. Any other is smaller
//! than the page that shows it. With all of them full: less than 30 MiB.

use std::{fmt::Display, hash::Hash, sync::Arc};

use actix_web::{rt::Runtime, web};
use quick_cache::sync::Cache;
use rescind_api::Problem;
use tokio::sync::Semaphore;

use crate::pages::failed;

const AT_ONCE: usize = 2;
const WAITING: usize = 32;

static TURNS: Semaphore = Semaphore::const_new(AT_ONCE);
static PLACES: Semaphore = Semaphore::const_new(AT_ONCE + WAITING);

/// The results of one kind, by what determines them.
pub(crate) struct Computed<K, V>(Cache<K, Arc<V>>);

impl<K: Clone + Eq + Hash, V: Send + 'static> Computed<K, V> {
    pub(crate) fn keeping(results: usize) -> Self {
        Self(Cache::new(results))
    }

    /// The result that was kept, or a new one.
    ///
    /// # Errors
    /// 503 if too many are being computed; 500 if this one fails.
    pub(crate) async fn of<F, E>(
        &self,
        key: &K,
        compute: impl FnOnce() -> F + Send + 'static,
    ) -> actix_web::Result<Arc<V>>
    where
        F: Future<Output = Result<V, E>>,
        E: Display,
    {
        let compute = async { in_turn(compute).await.map(Arc::new) };
        self.0.get_or_insert_async(key, compute).await
    }
}

/// Computes in a thread. It goes on if the request is dropped, and then still counts as one of those at once.
async fn in_turn<F, V, E>(compute: impl FnOnce() -> F + Send + 'static) -> actix_web::Result<V>
where
    F: Future<Output = Result<V, E>>,
    V: Send + 'static,
    E: Display,
{
    let place = PLACES.try_acquire().map_err(|_| Problem::Overloaded)?;
    let turn = TURNS.acquire().await.map_err(failed("a story could not be played"))?;
    let computed = web::block(move || {
        let _until_done = (place, turn);
        let runtime = Runtime::new().map_err(|error| error.to_string())?;
        runtime.block_on(compute()).map_err(|error| error.to_string())
    });
    computed.await?.map_err(failed("a story could not be played"))
}
