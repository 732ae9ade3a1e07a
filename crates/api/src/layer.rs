//! The form of this crate's middlewares: a check before the handler, and a change of the reply after it.

use std::{future::Future, pin::Pin, rc::Rc};

use actix_web::{
    Error, HttpMessage, HttpRequest, HttpResponse, ResponseError,
    body::{BoxBody, EitherBody, MessageBody},
    dev::{Service, ServiceRequest, ServiceResponse, forward_ready},
    error::InternalError,
};
use tracing_actix_web::RequestId;
use uuid::Uuid;

use crate::problem::Problem;

pub(crate) trait Layer: Clone + 'static {
    /// Lets the request pass, or refuses it.
    async fn before(&self, _: &mut ServiceRequest) -> Result<(), Problem> {
        Ok(())
    }

    /// Changes the reply, a refusal too.
    fn after<B: MessageBody + 'static>(&self, _: &Replied, reply: Reply<B>) -> Reply<B> {
        reply
    }
}

/// A reply of the inner service, or our own.
pub(crate) type Reply<B> = HttpResponse<EitherBody<B>>;

/// What was replied to.
pub(crate) struct Replied {
    /// `None` if an inner middleware failed: then the request is lost.
    pub(crate) request: Option<HttpRequest>,
    /// Where the request is logged.
    pub(crate) id: Option<Uuid>,
}

/// A service behind a layer.
pub struct Layered<S, L> {
    service: Rc<S>,
    layer: L,
}

impl<S, L> Layered<S, L> {
    pub(crate) fn new(service: S, layer: L) -> Self {
        Self {
            service: Rc::new(service),
            layer,
        }
    }
}

impl<S, B, L> Service<ServiceRequest> for Layered<S, L>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
    L: Layer,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>>>>;

    forward_ready!(service);

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        let (service, layer) = (Rc::clone(&self.service), self.layer.clone());
        let id = request.extensions().get::<RequestId>().map(|id| Uuid::from(*id));
        Box::pin(async move {
            let (request, reply) = match layer.before(&mut request).await {
                Err(problem) => (request.into_parts().0, problem.error_response().map_into_right_body()),
                Ok(()) => match service.call(request).await {
                    Ok(reply) => reply.map_into_left_body().into_parts(),
                    // An inner middleware failed. The framework would answer outside this one, without the headers.
                    Err(error) => {
                        let replied = Replied { request: None, id };
                        let reply: Reply<BoxBody> = error.error_response().map_into_right_body();
                        let reply = layer.after(&replied, reply).map_into_boxed_body();
                        return Err(InternalError::from_response(error, reply).into());
                    }
                },
            };
            let replied = Replied {
                request: Some(request.clone()),
                id,
            };
            let reply = layer.after(&replied, reply);
            drop(replied);
            Ok(ServiceResponse::new(request, reply))
        })
    }
}

/// Makes a [`Layer`] a middleware.
macro_rules! middleware {
    ($($layer:ty),*) => {$(
        impl<S, B> actix_web::dev::Transform<S, actix_web::dev::ServiceRequest> for $layer
        where
            S: actix_web::dev::Service<
                    actix_web::dev::ServiceRequest,
                    Response = actix_web::dev::ServiceResponse<B>,
                    Error = actix_web::Error,
                > + 'static,
            B: actix_web::body::MessageBody + 'static,
        {
            type Response = actix_web::dev::ServiceResponse<actix_web::body::EitherBody<B>>;
            type Error = actix_web::Error;
            type Transform = crate::layer::Layered<S, Self>;
            type InitError = ();
            type Future = std::future::Ready<Result<Self::Transform, ()>>;

            fn new_transform(&self, service: S) -> Self::Future {
                std::future::ready(Ok(crate::layer::Layered::new(service, self.clone())))
            }
        }
    )*};
}

pub(crate) use middleware;
