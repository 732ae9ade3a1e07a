//! How an application is set up. It stands above the handlers, which reach down to [`Rescind`] for what they need.

use actix_web::web;

use crate::{body, guard::Guard, health, json, rescind::Rescind};

impl Rescind {
    /// Adds to an application: what the extractors need, the JSON calls under `/api`, `/health/live` and
    /// `/health/ready`, and errors of actix's own `Json`, `Form`, `Path` and `Query` that read like ours.
    ///
    /// `/api` belongs to it whole: an unknown path there is answered here. Routes of your own under `/api` have to be
    /// registered before.
    pub fn configure(&self, cfg: &mut web::ServiceConfig) {
        cfg.app_data(web::Data::new(self.clone()))
            .configure(body::configure)
            .configure(json::configure)
            .configure(health::configure);
    }

    /// The middleware to wrap an application in, outermost: it gives each request an id and a line in the log, refuses
    /// writes of other origins, and puts the security headers on every reply. Without it the cookies are not safe.
    #[must_use]
    pub fn guard(&self) -> Guard {
        Guard::new(self.clone())
    }
}
