//! The middleware that writes the log.
//!
//! For each request of a visitor, and for each of their thief, it puts meters around the stores, lets the request go its
//! way, and writes down who asked what, what became of it, which check decided, and what it cost. The request is answered
//! as it would be without it: nothing in here is asked whether it may pass.

use std::sync::Arc;

use actix_web::{
    Error, FromRequest, HttpMessage, HttpRequest,
    body::{BoxBody, MessageBody},
    dev::{Payload, ServiceRequest, ServiceResponse},
    http::{Method, header, header::HeaderMap},
    middleware::Next,
    web,
};
use jiff::Timestamp;
use rescind_api::{Problem, Rescind};
use rescind_lab::{
    Asked, Recorder, Who,
    raw::{Reply, Request},
};
use rescind_session::Check;

use super::{
    Stage,
    log::{Entry, LONGEST_PATH, Node, asked},
    visitors::Visit,
};

/// A method may be any word; those that mean something are shorter.
const LONGEST_METHOD: usize = 16;

/// What of a request the log wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Interest {
    /// Nothing. Static files, health checks, the lab, and what a script asks to know the time.
    None,
    /// Who it is, but no entry: looking at the log must not write into it.
    Visitor,
    Entry,
}

impl Interest {
    fn in_request(method: &Method, path: &str) -> Self {
        let below = |folder: &str| path.starts_with(folder);
        match path {
            "/session" | "/favicon.ico" | "/theme" => Self::None,
            _ if below("/static/") || below("/health/") => Self::None,
            // What happens there happens in a sandbox, which shows it itself.
            "/lab" => Self::None,
            _ if below("/lab/") => Self::None,
            "/demo" if method.is_safe() => Self::Visitor,
            "/demo/forget" | "/demo/events" => Self::Visitor,
            _ if below("/demo/log/") => Self::Visitor,
            _ => Self::Entry,
        }
    }
}

/// Whether somebody new is welcomed: with a page or a button, not with a call of the API, or with a mistyped address.
fn welcomes(asked: Asked, path: &str) -> bool {
    match asked {
        Asked::AskingDoor | Asked::SignatureDoor | Asked::Refresh => false,
        _ if path.starts_with("/api/") || path == "/demo/events" => false,
        Asked::Other => path == "/demo",
        _ => true,
    }
}

/// Whoever a request is from: a parameter for the handlers of the demo.
pub(crate) struct Watched(pub(crate) Arc<Visit>);

impl FromRequest for Watched {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self, Problem>>;

    /// Who is not known has nothing here to be shown.
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let visit = request.extensions().get::<Arc<Visit>>().cloned();
        std::future::ready(visit.map(Self).ok_or(Problem::NotFound))
    }
}

/// The code of a problem that a reply does not tell of, such as a redirect.
pub(crate) struct Told(pub(crate) &'static str);

/// The middleware: `App::wrap(from_fn(watched))`. Where there is no [`Stage`] it does nothing.
pub(crate) async fn watched(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let stage = request.app_data::<web::Data<Stage>>().cloned();
    let rescind = request.app_data::<web::Data<Rescind>>().cloned();
    let interest = Interest::in_request(request.method(), request.path());
    let (Some(stage), Some(rescind), true) = (stage, rescind, interest != Interest::None) else {
        return Ok(next.call(request).await?.map_into_boxed_body());
    };
    let asked = asked(request.method(), request.path());
    let (visit, who, cookie) = match caller(&stage, &request, asked) {
        Some(caller) => caller,
        None => return Ok(next.call(request).await?.map_into_boxed_body()),
    };
    request.extensions_mut().insert(Arc::clone(&visit));
    let begun = if interest == Interest::Entry {
        Begun::of(&request, &rescind, &visit, who, asked)
    } else {
        None
    };
    let mut reply = next.call(request).await?.map_into_boxed_body();
    if let Some(begun) = begun {
        visit.saw(begun.end(&reply));
    }
    if let Some(cookie) = cookie {
        reply.response_mut().add_cookie(&cookie)?;
    }
    Ok(reply)
}

type Caller = (Arc<Visit>, Who, Option<actix_web::cookie::Cookie<'static>>);

fn caller(stage: &Stage, request: &ServiceRequest, asked: Asked) -> Option<Caller> {
    if let Some(visit) = stage.thief.sender(request.headers()) {
        return Some((visit, Who::Thief, None));
    }
    let who = if is_by_itself(request.method(), request.path(), request.headers()) {
        Who::Browser
    } else {
        Who::You
    };
    if let Some(visit) = stage.visitors.of(request.headers()) {
        return Some((visit, who, None));
    }
    welcomes(asked, request.path()).then(|| {
        let (visit, cookie) = stage.welcome();
        (visit, who, Some(cookie))
    })
}

/// Whether nobody pressed anything: a page sent the browser to refresh, a script does it ahead of time, or brings the page up
/// to date afterwards.
fn is_by_itself(method: &Method, path: &str, headers: &HeaderMap) -> bool {
    let by_script = || {
        let mode = headers.get("sec-fetch-mode");
        mode.is_some_and(|mode| mode != "navigate")
    };
    match path {
        "/refresh" => method.is_safe() || by_script(),
        "/api/refresh" => by_script(),
        _ => method.is_safe() && !path.starts_with("/api/") && by_script(),
    }
}

struct Begun {
    id: u64,
    at: Timestamp,
    recorder: Recorder,
    check: Check,
}

impl Begun {
    /// Nothing while the time is not known: every request is refused then, and an entry would have no time.
    fn of(request: &ServiceRequest, rescind: &Rescind, visit: &Visit, who: Who, asked: Asked) -> Option<Self> {
        let service = rescind.service();
        let at = service.now().ok()?;
        // Nothing is written down of headers and bodies: there are tokens in them.
        let method: String = request.method().as_str().chars().take(LONGEST_METHOD).collect();
        let path: String = request.path().chars().take(LONGEST_PATH).collect();
        let method = Method::from_bytes(method.as_bytes()).unwrap_or_default();
        let recorder = Recorder::start(who, asked, Request::new(method, path, true));
        rescind.with_service(recorder.around(service)).answer(request);
        Some(Self {
            id: visit.begin(),
            at,
            recorder,
            check: service.policy().check,
        })
    }

    fn end(self, reply: &ServiceResponse) -> Entry {
        let head = reply.response();
        let told = head.extensions().get::<Told>().map(|told| told.0);
        let code = told.or_else(|| Problem::of(head).map(|problem| problem.code()));
        let to = head.headers().get(header::LOCATION).and_then(|to| to.to_str().ok());
        let to = to.and_then(|to| to.split('?').next());
        let reply = Reply::new(head.status(), code, to);
        Entry {
            id: self.id,
            at: self.at,
            node: Node::This,
            exchange: self.recorder.end(Some(reply), Some(self.check)),
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn looking_at_the_log_writes_nothing_into_it() {
        for path in ["/demo", "/demo/log/3", "/demo/events"] {
            assert_eq!(Interest::in_request(&Method::GET, path), Interest::Visitor, "{path}");
        }
        for path in [
            "/static/rescind.css",
            "/health/live",
            "/session",
            "/lab",
            "/lab/blacklist/do",
        ] {
            assert_eq!(Interest::in_request(&Method::GET, path), Interest::None, "{path}");
        }
        for path in ["/", "/account", "/api/me", "/refresh", "/demo/signature-only/me"] {
            assert_eq!(Interest::in_request(&Method::GET, path), Interest::Entry, "{path}");
        }
    }

    #[test]
    fn a_refresh_is_the_browsers_own_unless_somebody_presses_a_button() {
        let mode = |mode: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(
                HeaderName::from_static("sec-fetch-mode"),
                HeaderValue::from_static(mode),
            );
            headers
        };
        let none = HeaderMap::new();
        assert!(is_by_itself(&Method::GET, "/refresh", &none), "on the way to a page");
        assert!(is_by_itself(&Method::POST, "/api/refresh", &mode("cors")), "a script");
        assert!(!is_by_itself(&Method::POST, "/api/refresh", &none), "a program");
        assert!(
            !is_by_itself(&Method::POST, "/demo/refresh", &mode("navigate")),
            "a button"
        );
        assert!(!is_by_itself(&Method::GET, "/account", &none));
    }
}
