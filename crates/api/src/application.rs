//! Configures an application. This module stands above the handlers, which use [`Rescind`] for what they need.

use actix_web::web;

use crate::{body, guard::Guard, health, json, jwks, rescind::Rescind};

impl Rescind {
    /// Adds to an application: what the extractors need, the JSON calls under `/api`, `/health/live` and
    /// `/health/ready`, the public keys at `/.well-known/jwks.json`, and errors of actix's own `Json`, `Form`, `Path` and `Query` that read like ours.
    /// All of `/api` belongs to it: an unknown path there is answered here. Register routes of your own under `/api`
    /// before it.
    /// registered before.
    pub fn configure(&self, cfg: &mut web::ServiceConfig) {
        cfg.app_data(web::Data::new(self.clone()))
            .configure(body::configure)
            .configure(json::configure)
            .configure(jwks::configure)
            .configure(health::configure);
    }

    /// The middleware to wrap an application in, outermost: it gives each request an id and a line in the log, refuses
    /// writes of other origins, and puts the security headers on every reply. Without it the cookies are not safe.
    #[must_use]
    pub fn guard(&self) -> Guard {
        Guard::new(self.clone())
    }
}
