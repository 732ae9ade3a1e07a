//! Middlewares for whole scopes that only some users may enter.

use std::{rc::Rc, time::Duration};

use actix_web::dev::ServiceRequest;

use crate::{
    authenticated::{Authenticated, Caller},
    layer::{Layer, middleware},
    problem::Problem,
};

/// A middleware: only [`Authenticated`] requests pass; the others get the problem documents that the extractor answers
/// with. A handler inside can take [`Authenticated`], and no second check is made.
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
    #[must_use]
    pub fn new(role: &str) -> Self {
        Self(role.into())
    }
}

impl RequireScope {
    /// The name of the scope.
    #[must_use]
    pub fn new(scope: &str) -> Self {
        Self(scope.into())
    }
}

impl RequireFresh {
    /// The longest time since the login, or since the user last gave the password.
    #[must_use]
    pub fn within(max_age: Duration) -> Self {
        Self(max_age)
    }
}

async fn enter(request: &ServiceRequest, check: impl FnOnce(&Caller) -> Result<(), Problem>) -> Result<(), Problem> {
    let caller = Authenticated::of(request.request()).await?;
    check(&caller)?;
    caller.remember(request.request());
    Ok(())
}

impl Layer for RequireLogin {
    async fn before(&self, request: &mut ServiceRequest) -> Result<(), Problem> {
        enter(request, |_| Ok(())).await
    }
}

impl Layer for RequireRole {
    async fn before(&self, request: &mut ServiceRequest) -> Result<(), Problem> {
        enter(request, |caller| caller.require_role(&self.0)).await
    }
}

impl Layer for RequireScope {
    async fn before(&self, request: &mut ServiceRequest) -> Result<(), Problem> {
        enter(request, |caller| caller.require_scope(&self.0)).await
    }
}

impl Layer for RequireFresh {
    async fn before(&self, request: &mut ServiceRequest) -> Result<(), Problem> {
        enter(request, |caller| caller.require_fresh(self.0)).await
    }
}

middleware!(RequireLogin, RequireRole, RequireScope, RequireFresh);
