//! Middlewares for whole scopes that only some users may enter.

use actix_web::dev::ServiceRequest;

use crate::{
    authenticated::Authenticated,
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

impl Layer for RequireLogin {
    async fn before(&self, request: &mut ServiceRequest) -> Result<(), Problem> {
        let caller = Authenticated::of(request.request()).await?;
        caller.remember(request.request());
        Ok(())
    }
}

middleware!(RequireLogin);
