//! The form of this crate's middlewares: a check before the handler, and a change of the reply after it.
//!
//! The future has a name and no box, since every request passes it.

use std::{
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use actix_web::{
    Error, HttpRequest, HttpResponse, ResponseError,
    body::{BodySize, BoxBody, EitherBody, MessageBody},
    dev::{Service, ServiceRequest, ServiceResponse, forward_ready},
    error::InternalError,
    web::Bytes,
};
use pin_project_lite::pin_project;
use tracing::Span;
use uuid::Uuid;

use crate::{logged::Logged, problem::Problem};

pub(crate) trait Layer: Clone + 'static {
    /// Whether each request gets an id, a span and a line in the log.
    const LOGS: bool = false;

    /// Lets the request pass, or refuses it.
    fn before(&self, _: &mut ServiceRequest) -> Result<(), Problem> {
        Ok(())
    }

    /// Changes the reply, a refusal too.
    fn after<B: MessageBody + 'static>(&self, _: &Replied<'_>, reply: Reply<B>) -> Reply<B> {
        reply
    }
}

/// A reply of the inner service, or our own.
pub(crate) type Reply<B> = HttpResponse<EitherBody<B>>;

/// What was replied to.
pub(crate) struct Replied<'a> {
    /// `None` if an inner middleware failed: then the request is lost.
    pub(crate) request: Option<&'a HttpRequest>,
    /// Where the request is logged.
    pub(crate) id: Option<Uuid>,
}

/// A service behind a layer.
pub struct Layered<S, L> {
    service: S,
    layer: Rc<L>,
}

impl<S, L> Layered<S, L> {
    pub(crate) fn new(service: S, layer: L) -> Self {
        Self {
            service,
            layer: Rc::new(layer),
        }
    }
}

impl<S, B, L> Service<ServiceRequest> for Layered<S, L>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody + 'static,
    L: Layer,
{
    type Response = ServiceResponse<InSpan<EitherBody<B>>>;
    type Error = Error;
    type Future = Replying<S::Future, L>;

    forward_ready!(service);

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        let log = L::LOGS.then(|| Logged::begin(&request));
        let span = log.as_ref().map_or_else(Span::none, |log| log.span.clone());
        let (inner, refused) = span.in_scope(|| match self.layer.before(&mut request) {
            Ok(()) => (Some(self.service.call(request)), None),
            Err(problem) => (None, Some((request.into_parts().0, problem))),
        });
        Replying {
            inner,
            refused,
            layer: Rc::clone(&self.layer),
            log,
        }
    }
}

pin_project! {
    /// The future of a [`Layered`] service.
    pub struct Replying<F, L> {
        #[pin]
        inner: Option<F>,
        refused: Option<(HttpRequest, Problem)>,
        layer: Rc<L>,
        log: Option<Logged>,
    }
}

impl<F, B, L> Future for Replying<F, L>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
    B: MessageBody + 'static,
    L: Layer,
{
    type Output = Result<ServiceResponse<InSpan<EitherBody<B>>>, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let log = this.log.as_ref();
        let _entered = log.map(|log| log.span.enter());
        let id = log.map(|log| log.id);
        let (request, reply) = match this.inner.as_pin_mut() {
            Some(inner) => match ready!(inner.poll(context)) {
                Ok(reply) => reply.map_into_left_body().into_parts(),
                // An inner middleware failed. The framework would answer outside this one, without the headers.
                Err(error) => {
                    let replied = Replied { request: None, id };
                    let reply: Reply<BoxBody> = error.error_response().map_into_right_body();
                    let reply = this.layer.after(&replied, reply).map_into_boxed_body();
                    if let Some(log) = log {
                        log.answered(&reply);
                    }
                    return Poll::Ready(Err(InternalError::from_response(error, reply).into()));
                }
            },
            None => match this.refused.take() {
                Some((request, problem)) => (request, problem.error_response().map_into_right_body()),
                // It is not polled again after its reply.
                None => return Poll::Pending,
            },
        };
        let replied = Replied {
            request: Some(&request),
            id,
        };
        let reply = this.layer.after(&replied, reply);
        if let Some(log) = log {
            log.answered(&reply);
        }
        let span = log.map_or_else(Span::none, |log| log.span.clone());
        let reply = reply.map_body(|_, body| InSpan { body, span });
        Poll::Ready(Ok(ServiceResponse::new(request, reply)))
    }
}

pin_project! {
    /// A body that is sent within the span of its request.
    pub struct InSpan<B> {
        #[pin]
        body: B,
        span: Span,
    }
}

impl<B: MessageBody> MessageBody for InSpan<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, B::Error>>> {
        let this = self.project();
        let _entered = this.span.enter();
        this.body.poll_next(context)
    }

    fn try_into_bytes(self) -> Result<Bytes, Self> {
        let Self { body, span } = self;
        body.try_into_bytes().map_err(|body| Self { body, span })
    }
}

/// Makes a type a middleware: a [`Layer`] with `Layered`, and an `Entry` with `Entered`.
macro_rules! middleware {
    ($service:ident: $($layer:ty),*) => {$(
        impl<S, B> actix_web::dev::Transform<S, actix_web::dev::ServiceRequest> for $layer
        where
            S: actix_web::dev::Service<
                    actix_web::dev::ServiceRequest,
                    Response = actix_web::dev::ServiceResponse<B>,
                    Error = actix_web::Error,
                > + 'static,
            B: actix_web::body::MessageBody + 'static,
        {
            type Response = <$service<S, Self> as actix_web::dev::Service<actix_web::dev::ServiceRequest>>::Response;
            type Error = actix_web::Error;
            type Transform = $service<S, Self>;
            type InitError = ();
            type Future = std::future::Ready<Result<Self::Transform, ()>>;

            fn new_transform(&self, service: S) -> Self::Future {
                std::future::ready(Ok($service::new(service, self.clone())))
            }
        }
    )*};
}

pub(crate) use middleware;
