//! Middlewares for whole scopes that only some users may enter.

use std::{future::Future, pin::Pin, rc::Rc, time::Duration};

use actix_web::{
    Error, ResponseError,
    body::{EitherBody, MessageBody},
    dev::{Service, ServiceRequest, ServiceResponse, forward_ready},
};

use crate::{
    authenticated::{Authenticated, Caller},
    layer::middleware,
    problem::Problem,
};

/// A middleware: only [`Authenticated`] requests pass; the others get the problem documents that the extractor answers
/// with. A handler inside can take [`Authenticated`], and no second check is made. Where a `ResourceServer` decides, each of
/// them checks: the route's may be stricter than the scope's.
///
/// ```
/// # use actix_web::web;
/// # use rescind_api::{Authenticated, RequireLogin};
/// # async fn orders(_: Authenticated) -> &'static str { "" }
/// web::scope("/orders").wrap(RequireLogin).route("", web::get().to(orders));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct RequireLogin;

/// A middleware: [`RequireLogin`], and the token's `roles` must have this one; otherwise 403 `insufficient_role`. In a
/// handler: [`Caller::require_role`].
///
/// ```
/// # use actix_web::web;
/// # use rescind_api::RequireRole;
/// web::scope("/admin").wrap(RequireRole::new("admin"));
/// ```
#[derive(Debug, Clone)]
pub struct RequireRole(Rc<str>);

/// A middleware: [`RequireLogin`], and the token's `scope` must have this one; otherwise 403 `insufficient_scope`
/// (RFC 6750, section 3.1). In a handler: [`Caller::require_scope`].
///
/// ```
/// # use actix_web::web;
/// # use rescind_api::RequireScope;
/// web::resource("/orders").wrap(RequireScope::new("orders:write"));
/// ```
#[derive(Debug, Clone)]
pub struct RequireScope(Rc<str>);

/// A middleware: [`RequireLogin`], and the user must have proved who they are within this time (`auth_time`); otherwise
/// 401 `insufficient_user_authentication` (RFC 9470). [`handlers::reauthenticate`](crate::handlers::reauthenticate) helps.
///
/// ```
/// # use std::time::Duration;
/// # use actix_web::web;
/// # use rescind_api::RequireFresh;
/// web::resource("/payout").wrap(RequireFresh::within(Duration::from_secs(300)));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct RequireFresh(Duration);

impl RequireRole {
    /// The name of the role.
    pub fn new(role: &str) -> Self {
        Self(role.into())
    }
}

impl RequireScope {
    /// The name of the scope.
    pub fn new(scope: &str) -> Self {
        Self(scope.into())
    }
}

impl RequireFresh {
    /// The longest time since the login, or since the user last gave the password.
    pub fn within(max_age: Duration) -> Self {
        Self(max_age)
    }
}

trait Entry: Clone + 'static {
    /// What is required of a user beyond a token that is accepted.
    fn require(&self, _: &Caller) -> Result<(), Problem> {
        Ok(())
    }
}

/// A service that only some users may enter.
pub struct Entered<S, E> {
    service: Rc<S>,
    entry: E,
}

impl<S, E> Entered<S, E> {
    fn new(service: S, entry: E) -> Self {
        Self {
            service: Rc::new(service),
            entry,
        }
    }
}

impl<S, B, E> Service<ServiceRequest> for Entered<S, E>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
    E: Entry,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>>>>;

    forward_ready!(service);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let (service, entry) = (Rc::clone(&self.service), self.entry.clone());
        Box::pin(async move {
            let enters = async {
                let caller = Authenticated::of(request.request()).await?;
                entry.require(&caller)?;
                caller.remember(request.request());
                Ok::<_, Problem>(())
            };
            match enters.await {
                Ok(()) => Ok(service.call(request).await?.map_into_left_body()),
                Err(problem) => {
                    let reply = problem.error_response().map_into_right_body();
                    Ok(ServiceResponse::new(request.into_parts().0, reply))
                }
            }
        })
    }
}

impl Entry for RequireLogin {}

impl Entry for RequireRole {
    fn require(&self, caller: &Caller) -> Result<(), Problem> {
        caller.require_role(&self.0)
    }
}

impl Entry for RequireScope {
    fn require(&self, caller: &Caller) -> Result<(), Problem> {
        caller.require_scope(&self.0)
    }
}

impl Entry for RequireFresh {
    fn require(&self, caller: &Caller) -> Result<(), Problem> {
        caller.require_fresh(self.0)
    }
}

middleware!(Entered: RequireLogin, RequireRole, RequireScope, RequireFresh);
