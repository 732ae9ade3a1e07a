//! Errors as pages, for requests that accept HTML.
//!
//! The API answers every error as problem+json, in one place. This middleware replaces such a reply to a browser by a page.
//! Status and headers stay, so `Retry-After`, `Allow` and cookies arrive. Replies to programs, under `/api` for
//! example, are never replaced.

use actix_web::{
    Error, HttpRequest, HttpResponse,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method,
        header::{self, Accept, Header},
    },
    middleware::Next,
    web,
};
use askama::Template;
use rescind_api::{Problem, browser};

use super::{
    CONTENT_POLICY, Site, draw,
    frame::{Frame, Who},
    login::Way,
    words::{PageText, WORDS},
};
use crate::content::{Facts, first, yes};

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    frame: Frame,
    status: u16,
    said: Option<&'static PageText>,
    problem: Option<Problem>,
    /// The requested page, if a retry may help.
    again: Option<String>,
    /// Where the script leads once a store answers again.
    when_back: Option<String>,
    /// The next address and its name.
    way_out: (&'static str, &'static str),
    /// The request's id, by which the log has more.
    request: Option<String>,
}

/// The middleware: `App::wrap(from_fn(errors_as_pages))`, outside of the guard, whose refusals it draws too.
pub(crate) async fn as_pages(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    // Read before the request is forwarded: actix panics if a clone of it still exists.
    let wants_page = !is_for_programs(request.path()) && prefers_html(request.request());
    let (request, reply) = next.call(request).await?.map_into_boxed_body().into_parts();
    let reply = if wants_page && is_undrawn_error(&reply) {
        drawn(&request, reply)?
    } else {
        reply
    };
    Ok(ServiceResponse::new(request, reply))
}

fn is_for_programs(path: &str) -> bool {
    let below = |rest: &str| rest.is_empty() || rest.starts_with('/');
    ["/api", "/auth", "/health", "/oauth", "/.well-known"]
        .iter()
        .any(|prefix| path.strip_prefix(prefix).is_some_and(below))
}

fn is_undrawn_error(reply: &HttpResponse) -> bool {
    let kind = reply.headers().get(header::CONTENT_TYPE);
    let is_page = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    !is_page && (reply.status().is_client_error() || reply.status().is_server_error())
}

/// Whether HTML is accepted, and preferred to JSON or equal. `*/*` alone, as curl sends it, does not count.
fn prefers_html(request: &HttpRequest) -> bool {
    let Ok(accept) = Accept::parse(request) else {
        return false;
    };
    let known = accept.ranked().into_iter().find(|kind| {
        kind.type_() == "text" && (kind.subtype() == "html" || kind.subtype() == "*")
            || kind.type_() == "application" && kind.subtype().as_str().ends_with("json")
    });
    known.is_some_and(|kind| kind.type_() == "text")
}

fn drawn(request: &HttpRequest, reply: HttpResponse) -> Result<HttpResponse, Error> {
    let Some(site) = request.app_data::<web::Data<Site>>() else {
        return Ok(reply);
    };
    let status = reply.status();
    let problem = Problem::of(&reply);
    let facts = Facts::default()
        .with("code", problem.as_ref().map_or("unknown", Problem::code))
        .with("status", status.as_str())
        .with("told", yes(problem.is_some()))
        .with("ours", yes(status.is_server_error()));
    let said = first(&WORDS.error, &facts);
    let way_out = match request.path() {
        // A person who pressed a button of the demo is in the middle of its story.
        path if site.demo.is_on() && path.starts_with("/demo/") => ("/demo", "Back to the demo"),
        _ if said.is_some_and(|said| said.login) => ("/login", "Log in"),
        _ => ("/", "To the start"),
    };
    let again = again(request, problem.as_ref());
    let page = ErrorPage {
        frame: site.frame(request, said.map_or("", |said| &said.heading), Who::Unknown),
        status: status.as_u16(),
        said,
        when_back: comes_back(problem.as_ref()).then(|| again.clone().unwrap_or_else(|| way_out.0.to_owned())),
        again,
        way_out,
        problem,
        request: reply
            .headers()
            .get("x-request-id")
            .and_then(|id| id.to_str().ok())
            .map(str::to_owned),
    };
    let page = draw(status, &page)?;
    // The reply keeps its head with the cookies; only headers that describe the old body are removed.
    let mut reply = reply.set_body(page.into_body());
    let headers = reply.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_POLICY),
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, header::HeaderValue::from_static(value));
    }
    Ok(reply)
}

/// Whether the cause is a store, which `/health/ready` reports.
fn comes_back(problem: Option<&Problem>) -> bool {
    matches!(
        problem,
        Some(Problem::StoreUnavailable(_) | Problem::NotReady { .. } | Problem::RevocationPending(_))
    )
}

/// The page to retry. Not for forms: there the browser's own reload does it, and asks first. On the way through `/refresh` it
/// is the original page.
fn again(request: &HttpRequest, problem: Option<&Problem>) -> Option<String> {
    let passes = problem.is_some_and(|problem| problem.retry_after().is_some());
    if !passes || request.method() != Method::GET {
        return None;
    }
    let asked = request.uri().path_and_query()?.as_str();
    browser::local_path(asked).or_else(|| {
        let way = web::Query::<Way>::from_query(request.query_string()).ok()?;
        browser::local_path(way.next.as_deref()?)
    })
}
