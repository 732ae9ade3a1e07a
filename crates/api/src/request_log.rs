//! One span and one line in the log for each request.
//!
//! The span has the request's id, its method and its path, so that all log lines of a request can be found by its id;
//! the reply has the id too. Tokens in the path are masked. The query is left out, because it may contain personal
//! data. Headers and bodies are never logged, because they contain tokens and passwords.

use actix_web::{
    Error, HttpMessage,
    body::{BodySize, BoxBody, EitherBody, MessageBody},
    dev::{Service, ServiceRequest, ServiceResponse, Transform},
    http::header::{self, HeaderName, HeaderValue},
};
use percent_encoding::percent_decode_str;
use tokio::time::Instant;
use tracing::Span;
use tracing_actix_web::{RequestId, RootSpanBuilder, StreamSpan, TracingLogger};

use crate::{
    layer::{Layer, Layered, Replied, Reply},
    problem::{PROBLEM_JSON, Problem},
    rescind::Rescind,
    settings::Settings,
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A middleware: gives each request an id, a span and one line in the log. The id is in `X-Request-Id` and in the
/// `instance` of problem documents, which also get the [realm](Settings::realm). [`Rescind::guard`] contains it.
///
/// ```
/// # use actix_web::App;
/// # fn of(rescind: &rescind_api::Rescind) {
/// App::new().wrap(rescind.request_log());
/// # }
/// ```
#[derive(Clone)]
pub struct RequestLog(Rescind);

impl Rescind {
    /// The middleware [`RequestLog`], for an application that does not take the whole [`guard`](Self::guard).
    #[must_use]
    pub fn request_log(&self) -> RequestLog {
        RequestLog(self.clone())
    }
}

pub(crate) type Logged<S> = <TracingLogger<RequestSpan> as Transform<S, ServiceRequest>>::Transform;
type Around<S> = <TracingLogger<RequestSpan> as Transform<S, ServiceRequest>>::Future;

/// Logs the requests to a service.
pub(crate) fn around<S, B>(service: S) -> Around<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    TracingLogger::<RequestSpan>::new().new_transform(service)
}

impl<S, B> Transform<S, ServiceRequest> for RequestLog
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<StreamSpan<EitherBody<B>>>;
    type Error = Error;
    type Transform = Logged<Layered<S, Self>>;
    type InitError = ();
    type Future = Around<Layered<S, Self>>;

    fn new_transform(&self, service: S) -> Self::Future {
        around(Layered::new(service, self.clone()))
    }
}

impl Layer for RequestLog {
    fn after<B: MessageBody + 'static>(&self, replied: &Replied, reply: Reply<B>) -> Reply<B> {
        finish(replied, reply, self.0.settings(), false)
    }
}

/// Puts the id and the realm on a reply. If `bare`, a problem without a body gets its document.
pub(crate) fn finish<B: MessageBody + 'static>(
    replied: &Replied,
    mut reply: Reply<B>,
    settings: &Settings,
    bare: bool,
) -> Reply<B> {
    let problem = Problem::of(&reply);
    let bare = bare && matches!(reply.body().size(), BodySize::None | BodySize::Sized(0));
    // An application may have problem documents of its own, also with a 404.
    let told = reply.extensions().contains::<Problem>()
        && reply
            .headers()
            .get(header::CONTENT_TYPE)
            .is_some_and(|is| is == PROBLEM_JSON);
    let headers = reply.headers_mut();
    if let Some(id) = replied.id.and_then(|id| HeaderValue::try_from(id.to_string()).ok()) {
        headers.insert(REQUEST_ID, id);
    }
    let Some(problem) = problem else { return reply };
    if headers.contains_key(header::WWW_AUTHENTICATE)
        && let Some(challenge) = problem.challenge(&settings.realm)
        && let Ok(challenge) = HeaderValue::try_from(challenge)
    {
        headers.insert(header::WWW_AUTHENTICATE, challenge);
    }
    if bare {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if bare || told {
        // Another middleware may have compressed the body that is replaced.
        reply.headers_mut().remove(header::CONTENT_ENCODING);
        return reply.map_body(|_, _| EitherBody::right(BoxBody::new(problem.body(replied.id))));
    }
    reply
}

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
