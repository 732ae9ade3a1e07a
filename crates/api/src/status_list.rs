//! Status lists, for verifiers that ask nobody about a single token.

use std::{collections::HashMap, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{CacheControl, CacheDirective, ETag, EntityTag, Header, IfNoneMatch},
};
use rescind_session::{Timestamp, status_list::SignedStatusList};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

use crate::{hidden::Hidden, problem::Problem, rescind::Rescind};

/// How long caches on the way may keep a list, in seconds.
const MAX_AGE: u32 = 5;

/// How long a list is served without asking the database again.
const FRESH: Duration = Duration::from_secs(1);

/// How long a request waits for a list that others wait for too.
const PATIENCE: Duration = Duration::from_secs(5);

/// The lists that were signed last, by number. A number without a list is not kept.
#[derive(Default)]
pub(crate) struct StatusLists(Mutex<HashMap<u64, Kept>>);

struct Kept {
    list: SignedStatusList,
    at: Timestamp,
    /// When it was known to have all revocations.
    complete: Instant,
}

impl StatusLists {
    /// One list is made at a time, and each at most once in [`FRESH`], however many ask.
    async fn get(&self, rescind: &Rescind, number: u64) -> Result<SignedStatusList, Problem> {
        let lists = timeout(PATIENCE, self.0.lock()).await;
        let mut lists = lists.map_err(|late| Problem::StoreUnavailable(Hidden::new(late)))?;
        let kept = lists.get(&number);
        if let Some(kept) = kept.filter(|kept| kept.complete.elapsed() < FRESH) {
            return Ok(kept.list.clone());
        }
        let (service, complete) = (rescind.service(), Instant::now());
        // A node that may lack revocations signs nothing.
        service.ready().await?;
        let last = kept.map(|kept| (kept.list.clone(), kept.at));
        let Some((list, at)) = service.status_list(number, last.as_ref()).await? else {
            lists.remove(&number);
            return Err(Problem::NotFound);
        };
        let copy = list.clone();
        lists.insert(number, Kept { list, at, complete });
        Ok(copy)
    }
}

/// The status list of this number (`GET /oauth/status/{n}`): a signed `statuslist+jwt` with one bit for each session, set
/// once the session has ended. Access tokens name it if [`Config::status_list`](rescind_session::Config::status_list) is
/// set. Revocations of a single token are not in it.
///
/// It is at most a second behind. Caches may keep it for 5 s, and a verifier for its `ttl` of 10 s.
///
/// # Errors
/// [`Problem`]: 404 if no token names that list; 503 if this node may lack revocations.
pub async fn status_list(request: HttpRequest, rescind: Rescind) -> Result<HttpResponse, Problem> {
    let number = request.match_info().get("n").and_then(|number| number.parse().ok());
    let number = number.ok_or(Problem::NotFound)?;
    let list = rescind.status_lists().get(&rescind, number).await?;
    // The end of the signature: it is another one for each list that is signed.
    let tag: String = list.token.chars().rev().take(24).collect();
    let tag = EntityTag::new_strong(tag);
    let is_known = match IfNoneMatch::parse(&request) {
        Ok(IfNoneMatch::Items(known)) => known.iter().any(|known| known.weak_eq(&tag)),
        Ok(IfNoneMatch::Any) | Err(_) => false,
    };
    let mut reply = if is_known {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    reply
        .insert_header(CacheControl(vec![
            CacheDirective::Public,
            CacheDirective::MaxAge(MAX_AGE),
        ]))
        .insert_header(ETag(tag));
    if is_known {
        return Ok(reply.finish());
    }
    Ok(reply.content_type("application/statuslist+jwt").body(list.token))
}
