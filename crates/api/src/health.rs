//! What a load balancer asks.

use actix_web::{HttpResponse, http::header, web};

use crate::{problem::Problem, rescind::Rescind};

pub(crate) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(
        web::resource("/health/live")
            .route(web::get().to(live))
            .route(web::head().to(live)),
    )
    .service(
        web::resource("/health/ready")
            .route(web::get().to(ready))
            .route(web::head().to(ready)),
    );
}

/// Whether the process answers at all. If it does not, it has to be started again.
async fn live() -> HttpResponse {
    say("live")
}

/// Whether it could serve a request now. If it cannot, requests have to go elsewhere; starting it again would not help.
async fn ready(rescind: Rescind) -> Result<HttpResponse, Problem> {
    rescind.service().ready().await?;
    Ok(say("ready"))
}

fn say(status: &str) -> HttpResponse {
    let mut reply = HttpResponse::Ok();
    reply
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(serde_json::json!({ "status": status }))
}
