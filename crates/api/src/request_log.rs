//! One span and one line in the log for each request.
//!
//! The span has the request's id, its method and its path, so that all log lines of a request can be found by its id;
//! the reply has the id too. Tokens in the path are masked. The query is left out, because it may contain personal
//! data. Headers and bodies are never logged, because they contain tokens and passwords.

use actix_web::{
    body::{BodySize, BoxBody, EitherBody, MessageBody},
    http::header::{self, HeaderName, HeaderValue},
};
use uuid::fmt::Hyphenated;

use crate::{
    layer::{Layer, Layered, Replied, Reply, middleware},
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
    pub fn request_log(&self) -> RequestLog {
        RequestLog(self.clone())
    }
}

impl Layer for RequestLog {
    const LOGS: bool = true;

    fn after<B: MessageBody + 'static>(&self, replied: &Replied<'_>, reply: Reply<B>) -> Reply<B> {
        finish(replied, reply, self.0.settings(), false)
    }
}

middleware!(Layered: RequestLog);

/// Puts the id and the realm on a reply. If `bare`, a problem without a body gets its document.
pub(crate) fn finish<B: MessageBody + 'static>(
    replied: &Replied<'_>,
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
    if let Some(id) = replied.id {
        let mut text = [0; Hyphenated::LENGTH];
        if let Ok(id) = HeaderValue::from_str(id.hyphenated().encode_lower(&mut text)) {
            headers.insert(REQUEST_ID, id);
        }
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
