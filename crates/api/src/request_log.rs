//! One span and one line in the log for each request.
//!
//! The span has the request's id, its method and its path, so that all log lines of a request can be found by its id;
//! the reply has the id too. Tokens in the path are masked. The query is left out, because it may contain personal
//! data. Headers and bodies are never logged, because they contain tokens and passwords.

use actix_web::{
    Error, HttpMessage,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
};
use percent_encoding::percent_decode_str;
use tokio::time::Instant;
use tracing::Span;
use tracing_actix_web::{RequestId, RootSpanBuilder};

/// Makes the span and the log line of a request.
pub struct RequestSpan;

#[derive(Clone, Copy)]
struct Started(Instant);

impl RootSpanBuilder for RequestSpan {
    fn on_request_start(request: &ServiceRequest) -> Span {
        // A stopwatch: it decides nothing.
        request.extensions_mut().insert(Started(Instant::now()));
        let id = request.extensions().get::<RequestId>().map(ToString::to_string);
        let (method, path) = (masked(request.method().as_str()), masked(request.path()));
        let span = tracing::info_span!("request", %method, %path, request_id = id);
        // For a request that is never answered.
        tracing::trace!(parent: &span, "begun");
        span
    }

    fn on_request_end<B: MessageBody>(_: Span, outcome: &Result<ServiceResponse<B>, Error>) {
        match outcome {
            Ok(reply) => {
                let started = reply.request().extensions().get::<Started>().copied();
                let took_ms = started.map(|started| started.0.elapsed().as_secs_f64() * 1000.0);
                tracing::info!(status = reply.status().as_u16(), took_ms, "answered");
            }
            // Another middleware failed; the duration is lost with the request.
            Err(error) => {
                let status = error.as_response_error().status_code();
                tracing::info!(status = status.as_u16(), "answered");
            }
        }
    }
}

/// A method or a path. Parts that contain a token, or are longer than our own names, are masked.
fn masked(text: &str) -> String {
    // The logged text stays encoded: a decoded line break would look like another log line.
    let is_secret = |part: &str| {
        let decoded = percent_decode_str(part).decode_utf8_lossy();
        part.len() > 64 || decoded.contains("eyJ") || decoded.contains("rrt_")
    };
    let parts = text
        .split('/')
        .map(|part| if is_secret(part) { "[masked]" } else { part });
    parts.collect::<Vec<_>>().join("/")
}
