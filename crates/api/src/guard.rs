//! The outermost middleware.

use std::{future::Future, pin::Pin};

use actix_web::{
    Error, HttpMessage, HttpResponse,
    body::{BodySize, BoxBody, EitherBody, MessageBody},
    dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready},
    error::InternalError,
    http::header::{self, HeaderName, HeaderValue},
};
use tracing_actix_web::{RequestId, StreamSpan, TracingLogger};
use uuid::Uuid;

use crate::{
    browser::HandOver,
    origin,
    problem::{PROBLEM_JSON, Problem},
    request_log::RequestSpan,
    rescind::Rescind,
    security_headers::{self, Personal},
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Gives each request an id and a line in the log, refuses writes of other origins, and puts the security headers, and
/// the cookies of a login or a renewal, on every reply. Made by [`Rescind::guard`]. It is the outermost of an
/// application's middlewares, except one that draws errors as pages: that one goes around it, to see its refusals too.
///
/// A request that the HTTP parser refuses never gets here: actix answers it 400, with an empty body and without these
/// headers.
///
/// A 404 or 405 without a body gets a problem document like all the others.
pub struct Guard {
    rescind: Rescind,
}

impl Guard {
    pub(crate) fn new(rescind: Rescind) -> Self {
        Self { rescind }
    }
}

impl<S, B> Transform<S, ServiceRequest> for Guard
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<StreamSpan<EitherBody<B>>>;
    type Error = Error;
    type Transform = <TracingLogger<RequestSpan> as Transform<Guarded<S>, ServiceRequest>>::Transform;
    type InitError = ();
    type Future = <TracingLogger<RequestSpan> as Transform<Guarded<S>, ServiceRequest>>::Future;

    fn new_transform(&self, service: S) -> Self::Future {
        let guarded = Guarded {
            service,
            rescind: self.rescind.clone(),
        };
        TracingLogger::<RequestSpan>::new().new_transform(guarded)
    }
}

/// A service behind the [`Guard`].
pub struct Guarded<S> {
    service: S,
    rescind: Rescind,
}

impl<S, B> Service<ServiceRequest> for Guarded<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>>>>;

    forward_ready!(service);

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        crate::body::limit_time(&mut request);
        let rescind = self.rescind.clone();
        let id = request.extensions().get::<RequestId>().map(|id| Uuid::from(*id));
        if let Err(problem) = origin::check(request.method(), request.headers(), rescind.origin()) {
            tracing::info!("refused a write of another origin");
            let refused = ServiceResponse::from_err(problem, request.into_parts().0).map_into_right_body();
            return Box::pin(async move { Ok(refused.map_reply(|reply| finish(reply, &rescind, id, false))) });
        }
        let answer = self.service.call(request);
        Box::pin(async move {
            match answer.await {
                Ok(mut answer) => {
                    let personal = answer.request().extensions().contains::<Personal>();
                    let handed_over = answer.request().extensions_mut().remove::<HandOver>();
                    if let Some(cookies) = handed_over {
                        cookies.to(answer.response_mut());
                    }
                    let answer = answer.map_into_left_body();
                    Ok(answer.map_reply(|reply| finish(reply, &rescind, id, personal)))
                }
                // An inner middleware failed. The framework would answer outside this one, without the headers.
                Err(error) => {
                    let reply = error.error_response().map_into_right_body();
                    let reply: HttpResponse<EitherBody<BoxBody>> = finish(reply, &rescind, id, true);
                    Err(InternalError::from_response(error, reply.map_into_boxed_body()).into())
                }
            }
        })
    }
}

/// `ServiceResponse` lets its reply be changed in place or taken apart, but not mapped.
trait MapReply<B> {
    fn map_reply(self, change: impl FnOnce(HttpResponse<B>) -> HttpResponse<B>) -> Self;
}

impl<B> MapReply<B> for ServiceResponse<B> {
    fn map_reply(self, change: impl FnOnce(HttpResponse<B>) -> HttpResponse<B>) -> Self {
        let (request, reply) = self.into_parts();
        Self::new(request, change(reply))
    }
}

fn finish<B: MessageBody + 'static>(
    mut reply: HttpResponse<EitherBody<B>>,
    rescind: &Rescind,
    id: Option<Uuid>,
    personal: bool,
) -> HttpResponse<EitherBody<B>> {
    let problem = Problem::of(&reply);
    let bare = matches!(reply.body().size(), BodySize::None | BodySize::Sized(0));
    let told = reply
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|is| is == PROBLEM_JSON);
    let headers = reply.headers_mut();
    security_headers::add(headers, rescind.settings().is_https());
    if let Some(id) = id.and_then(|id| HeaderValue::try_from(id.to_string()).ok()) {
        headers.insert(REQUEST_ID, id);
    }
    if personal && !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if bare && problem.is_some() {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    match problem {
        Some(problem) if bare || told => reply.map_body(|_, _| EitherBody::right(BoxBody::new(problem.body(id)))),
        _ => reply,
    }
}
