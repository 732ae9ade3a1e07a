//! The outermost middleware.

use std::{future::Future, pin::Pin};

use actix_cors::Cors;
use actix_web::{
    Error,
    body::{EitherBody, MessageBody},
    dev::{Service, ServiceRequest, ServiceResponse, Transform},
    http::header::ACCESS_CONTROL_REQUEST_METHOD,
    middleware::Condition,
};

use crate::{
    body,
    browser::BrowserCookies,
    layer::{InSpan, Layer, Layered, Replied, Reply},
    origin::{OriginCheck, is_websocket},
    problem::Problem,
    request_log,
    rescind::Rescind,
    security_headers::SecurityHeaders,
};

/// [`RequestLog`](crate::RequestLog), [`OriginCheck`], [`SecurityHeaders`] and [`BrowserCookies`] in one, with the calls of
/// other origins that the [settings](crate::Settings::allowed_origins) allow. Made by [`Rescind::guard`]. It is the
/// outermost of an application's middlewares, except one that draws errors as pages: that one goes around it, to see its
/// refusals too.
///
/// It also puts the [deadline](crate::Settings::body_deadline) on bodies. And a 404 or 405 without a body gets a problem
/// document like all the others.
///
/// A request that the HTTP parser refuses never gets here: actix answers it 400, with an empty body and without these
/// headers.
pub struct Guard {
    parts: Parts,
    cors: Condition<Cors>,
}

/// The parts of a guard.
#[derive(Clone)]
pub struct Parts {
    rescind: Rescind,
    headers: SecurityHeaders,
}

impl Guard {
    pub(crate) fn new(rescind: Rescind) -> Self {
        Self {
            cors: rescind.cors(),
            parts: Parts {
                headers: rescind.security_headers(),
                rescind,
            },
        }
    }
}

type Allowing<S> = <Condition<Cors> as Transform<S, ServiceRequest>>::Transform;

impl<S, B> Transform<S, ServiceRequest> for Guard
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<InSpan<EitherBody<EitherBody<EitherBody<B>, B>>>>;
    type Error = Error;
    type Transform = Layered<Allowing<S>, Parts>;
    type InitError = ();
    type Future = Pin<Box<dyn Future<Output = Result<Self::Transform, ()>>>>;

    fn new_transform(&self, service: S) -> Self::Future {
        let (allowing, parts) = (self.cors.new_transform(service), self.parts.clone());
        Box::pin(async move { Ok(Layered::new(allowing.await?, parts)) })
    }
}

impl Layer for Parts {
    const LOGS: bool = true;

    fn before(&self, request: &mut ServiceRequest) -> Result<(), Problem> {
        // Of a WebSocket it would end the connection.
        if !is_websocket(request.headers()) {
            body::limit_time(request, self.rescind.settings().body_deadline);
        }
        // To a preflight CORS replies 200. A proxy that asks with it would pass on what the client sent.
        let below = request.path().strip_prefix(&self.rescind.settings().forward_auth_path);
        if below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
            request.headers_mut().remove(ACCESS_CONTROL_REQUEST_METHOD);
        }
        OriginCheck::check(&self.rescind, request)
    }

    fn after<B: MessageBody + 'static>(&self, replied: &Replied<'_>, mut reply: Reply<B>) -> Reply<B> {
        BrowserCookies::add(replied, &mut reply);
        let mut reply = request_log::finish(replied, reply, self.rescind.settings(), true);
        self.headers.add(replied, &mut reply);
        reply
    }
}
