//! A request in the log: its id, its span, and the line at its end.

use std::{
    cell::Cell,
    fmt,
    hash::{BuildHasher, RandomState},
};

use actix_web::{HttpResponse, dev::ServiceRequest};
use percent_encoding::percent_decode_str;
use tokio::time::Instant;
use tracing::Span;
use uuid::Uuid;

use crate::problem::Problem;

/// A request in the log: the span, and its end.
pub(crate) struct Logged {
    pub(crate) id: Uuid,
    pub(crate) span: Span,
    /// A stopwatch: it decides nothing.
    started: Instant,
}

impl Logged {
    pub(crate) fn begin(request: &ServiceRequest) -> Self {
        let (id, started) = (new_id(), Instant::now());
        let (method, path) = (Masked(request.method().as_str()), Masked(request.path()));
        // Without a subscriber nothing is formatted.
        let span = tracing::info_span!("request", %method, %path, request_id = %id);
        // For a request that is never answered.
        tracing::trace!(parent: &span, "begun");
        Self { id, span, started }
    }

    /// Call it within the span.
    pub(crate) fn answered<B>(&self, reply: &HttpResponse<B>) {
        let took_ms = self.started.elapsed().as_secs_f64() * 1000.0;
        let (status, problem) = (
            reply.status().as_u16(),
            reply.extensions().get::<Problem>().map(Problem::code),
        );
        tracing::info!(status, code = problem, took_ms, "answered");
    }
}

/// A random UUID. It decides nothing and is no secret, so the operating system, whose answer takes longer than all else in
/// this middleware, is asked once per thread: for the key of a hash of a counter.
fn new_id() -> Uuid {
    thread_local! {
        static IDS: (RandomState, Cell<u64>) = (RandomState::new(), Cell::new(0));
    }
    IDS.with(|(key, count)| {
        count.set(count.get().wrapping_add(2));
        let [high, low] = [count.get(), count.get() | 1].map(|number| key.hash_one(number));
        let bits = u128::from(high) << 64 | u128::from(low);
        uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid()
    })
}

/// A method or a path. Parts that contain a token, or are longer than our own names, are masked.
struct Masked<'a>(&'a str);

impl fmt::Display for Masked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The logged text stays encoded: a decoded line break would look like another log line.
        let is_secret = |part: &str| {
            let decoded = percent_decode_str(part).decode_utf8_lossy();
            part.len() > 64 || decoded.contains("eyJ") || decoded.contains("rrt_")
        };
        for (number, part) in self.0.split('/').enumerate() {
            if number > 0 {
                f.write_str("/")?;
            }
            f.write_str(if is_secret(part) { "[masked]" } else { part })?;
        }
        Ok(())
    }
}
