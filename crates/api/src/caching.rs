//! `Cache-Control` of replies that are the same for everybody.

use std::time::Duration;

use actix_web::http::header::{CacheControl, CacheDirective};

/// Caches on the way may keep the reply too.
pub(crate) fn public_for(max_age: Duration) -> CacheControl {
    let seconds = max_age.as_secs().try_into().unwrap_or(u32::MAX);
    CacheControl(vec![CacheDirective::Public, CacheDirective::MaxAge(seconds)])
}
