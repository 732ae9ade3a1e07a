//! The public keys, for services that verify our tokens: a JWK set (RFC 7517).

use actix_web::HttpResponse;
use serde_json::json;

use crate::{caching::public_for, rescind::Rescind};

/// The handler of `GET /.well-known/jwks.json`, to be mounted at another path: the public keys as a JWK set
/// (RFC 7517), with those that only verify. Symmetric keys are never in it, so under HS256 it is empty.
///
/// Besides `keys` it has two members of our own. `rescind_log` is the identity of the revocation log, once this node
/// has synced it: a server that reads the blacklist without a database compares it with the blacklist's own statement.
/// `rescind_issued_from` is the database's issue floor, if it has one: tokens with an earlier `iat` are refused.
///
/// The reply may be cached for [`jwks_max_age`](crate::Settings::jwks_max_age).
pub async fn jwks(rescind: Rescind) -> HttpResponse {
    let service = rescind.service();
    let mut document = service.keys().ring.to_jwks();
    if let Some(log) = service.revocation_log() {
        document["rescind_log"] = json!(log.as_uuid());
    }
    if let Some(from) = service.issues_from() {
        document["rescind_issued_from"] = json!(from.as_second());
    }
    HttpResponse::Ok()
        .insert_header(public_for(rescind.settings().jwks_max_age))
        .content_type("application/jwk-set+json")
        .body(document.to_string())
}
