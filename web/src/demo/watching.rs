//! The middleware that writes the log.
//!
//! For each request of a visitor and of their thief, it puts meters around the stores, forwards the request, and logs the
//! actor, the request, the outcome, the deciding check and the store calls. It does not change the answer: no decision is
//! made here.

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
    DemoState,
    log::{Entry, LONGEST_PATH, Node, asked},
    visitors::Visit,
};

/// A method may be any word; the known ones are shorter.
const LONGEST_METHOD: usize = 16;

/// What the log records of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Interest {
    /// Static files, health checks, and a script's request for the time.
    None,
    /// The visitor, but no entry: reading the log must not write into it.
    Visitor,
    Entry,
}

impl Interest {
    fn in_request(method: &Method, path: &str) -> Self {
        let below = |folder: &str| path.starts_with(folder);
        match path {
            "/session" | "/favicon.ico" | "/theme" => Self::None,
            _ if below("/static/") || below("/health/") => Self::None,
            // The lab's pages show their own sandbox. Who works there is not forgotten meanwhile.
            "/lab" => Self::Visitor,
            _ if below("/lab/") => Self::Visitor,
            "/demo" if method.is_safe() => Self::Visitor,
            "/demo/forget" | "/demo/events" => Self::Visitor,
            _ if below("/demo/log/") => Self::Visitor,
            _ => Self::Entry,
        }
    }
}

/// Whether a request makes a new visitor: a page or a button does, an API call or a mistyped address does not.
fn welcomes(asked: Asked, path: &str) -> bool {
    match asked {
        Asked::AskingDoor | Asked::SignatureDoor | Asked::Refresh => false,
        _ if path.starts_with("/api/") || path == "/demo/events" => false,
        Asked::Other => path == "/demo",
        _ => true,
    }
}

/// Whether a request's visitor has begun a robbery.
pub(crate) fn is_robbed(request: &HttpRequest) -> bool {
    let extensions = request.extensions();
    let visit = extensions.get::<Arc<Visit>>();
    visit.is_some_and(|visit| visit.lock().robbery.is_some())
}

/// The visitor of a request: a parameter for the demo's handlers.
pub(crate) struct Watched(pub(crate) Arc<Visit>);

impl FromRequest for Watched {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self, Problem>>;

    /// An unknown visitor gets 404.
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let visit = request.extensions().get::<Arc<Visit>>().cloned();
        std::future::ready(visit.map(Self).ok_or(Problem::NotFound))
    }
}

/// The code of a problem that the reply does not contain, such as a redirect.
pub(crate) struct ProblemCode(pub(crate) &'static str);

/// The middleware: `App::wrap(from_fn(watched))`. Without a [`DemoState`] it forwards the request unchanged.
pub(crate) async fn watched(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let state = request.app_data::<web::Data<DemoState>>().cloned();
    let rescind = request.app_data::<web::Data<Rescind>>().cloned();
    let interest = Interest::in_request(request.method(), request.path());
    let (Some(state), Some(rescind), true) = (state, rescind, interest != Interest::None) else {
        return Ok(next.call(request).await?.map_into_boxed_body());
    };
    let asked = asked(request.method(), request.path());
    let (visit, who, cookie) = match caller(&state, &request, asked) {
        Some(caller) => caller,
        None => return Ok(next.call(request).await?.map_into_boxed_body()),
    };
    request.extensions_mut().insert(visit.own.clone());
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

fn caller(state: &DemoState, request: &ServiceRequest, asked: Asked) -> Option<Caller> {
    if let Some(visit) = state.thief.sender(request.headers()) {
        return Some((visit, Who::Thief, None));
    }
    let who = if is_by_itself(request.method(), request.path(), request.headers()) {
        Who::Browser
    } else {
        Who::You
    };
    if let Some(visit) = state.visitors.of(request.headers()) {
        return Some((visit, who, None));
    }
    welcomes(asked, request.path()).then(|| {
        let (visit, cookie) = state.welcome();
        (visit, who, Some(cookie))
    })
}

/// Whether no button was pressed: a page sent the browser to refresh, or a script renews ahead of time or updates the page.
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
    /// `None` while the time is not known: every request is refused then, and an entry would have no time.
    fn of(request: &ServiceRequest, rescind: &Rescind, visit: &Visit, who: Who, asked: Asked) -> Option<Self> {
        let service = rescind.service();
        let at = service.now().ok()?;
        // Headers and bodies are not recorded: they contain tokens.
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
        let told = head.extensions().get::<ProblemCode>().map(|told| told.0);
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
