//! Status lists, for verifiers that send no question about a single token.

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{ETag, EntityTag, Header, IfNoneMatch},
};

use crate::{caching::public_for, problem::Problem, rescind::Rescind};

/// How long caches on the way may keep a list.
const MAX_AGE: Duration = Duration::from_secs(5);

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
    let list = rescind.status_lists().get(rescind.service(), number).await?;
    // The end of the signature: it is another one for each list that is signed.
    let tag: String = list.chars().rev().take(24).collect();
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
    reply.insert_header(public_for(MAX_AGE)).insert_header(ETag(tag));
    if is_known {
        return Ok(reply.finish());
    }
    Ok(reply.content_type("application/statuslist+jwt").body(list.to_string()))
}
