//! The public keys, for services that verify our tokens: a JWK set (RFC 7517).

use std::hash::{DefaultHasher, Hash, Hasher};

use actix_web::{
    HttpResponse,
    http::header::{CacheControl, CacheDirective, ETag, EntityTag, IfNoneMatch},
    web,
};
use serde_json::{Map, json};

use crate::rescind::Rescind;

/// How long a reader may keep the document, in seconds: after that, a key that was removed is refused there too.
const MAX_AGE: u32 = 60;

/// The member of the document that names the revocation log, for [`RevocationReader`](rescind_session::RevocationReader).
pub(crate) const LOG: &str = "rescind_log";
/// The member with the issue floor, in seconds as in `iat`: tokens issued before it are refused.
pub(crate) const ISSUED_FROM: &str = "rescind_issued_from";

/// The handler of `GET /.well-known/jwks.json`, to be mounted at another path: the public keys as a JWK set
/// (RFC 7517), with those that only verify. Symmetric keys are never in it, so under HS256 it is empty.
///
/// Besides `keys` it has two members of our own. `rescind_log` is the identity of the revocation log, once this node
/// has synced it. A server that reads the blacklist without a database compares it with the blacklist's own statement.
/// `rescind_issued_from` is the database's issue floor, if it has one: tokens with an earlier `iat` are refused.
///
/// The reply may be cached for a minute, and has an `ETag`.
pub async fn jwks(rescind: Rescind, asked: Option<web::Header<IfNoneMatch>>) -> HttpResponse {
    let service = rescind.service();
    let mut document = Map::new();
    document.insert("keys".to_owned(), service.keys().ring.to_jwks()["keys"].take());
    if let Some(log) = service.revocation_log() {
        document.insert(LOG.to_owned(), json!(log.as_uuid()));
    }
    if let Some(from) = service.issues_from() {
        document.insert(ISSUED_FROM.to_owned(), json!(from.as_second()));
    }
    let body = serde_json::Value::from(document).to_string();
    let mut hash = DefaultHasher::new();
    body.hash(&mut hash);
    let tag = EntityTag::new_strong(format!("{:016x}", hash.finish()));
    let is_known = match asked.map(web::Header::into_inner) {
        Some(IfNoneMatch::Any) => true,
        Some(IfNoneMatch::Items(known)) => known.iter().any(|known| known.weak_eq(&tag)),
        None => false,
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
        reply.finish()
    } else {
        reply.content_type("application/jwk-set+json").body(body)
    }
}
