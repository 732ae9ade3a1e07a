//! The pages: HTML from templates, one stylesheet, and one script that no page needs.
//!
//! Every page works with forms and redirects alone. Changes are POSTs that answer 303, so that a reload repeats none; a
//! refused form is shown again, with its fields kept and the reason beside them. With an expired access token, a page sends
//! the browser to `/refresh`, which returns it with a new one; a form is answered "renewed, press again", since a redirect
//! would lose the typed text.
//!
//! Browsers must not store pages: after a logout the back button must not show one. They store only static files.
//!
//! **Never**: a token outside the demo. Not even its signature: the page shows header and claims, so it would be complete.

mod account;
mod assets;
pub(crate) mod device_name;
mod devices;
mod ended;
mod errors;
pub(crate) mod form;
pub(crate) mod frame;
mod home;
mod login;
mod password;
pub(crate) mod renewed;
pub(crate) mod session_state;
mod signup;
mod site;
pub(crate) mod theme;
pub(crate) mod times;
mod token_view;
mod words;

use std::fmt::Display;

use actix_web::{
    HttpResponse, HttpResponseBuilder, Route,
    cookie::Cookie,
    guard,
    http::{StatusCode, header},
    web,
};
use askama::Template;
use rescind_api::{Part, Routes, extractor_problems};

pub(crate) use errors::as_pages as errors_as_pages;
pub(crate) use site::{Reader, Site};

/// Adds all pages, and the API underneath them, to an application.
pub(crate) fn configure(site: &web::Data<Site>, cfg: &mut web::ServiceConfig) {
    let routes = Routes::default()
        .with(Part::SignUp)
        .with(Part::Health)
        .with(Part::Browser)
        .with(Part::ForwardAuth)
        .with(Part::Jwks)
        .with(Part::OAuth)
        .with(Part::OpenApi)
        .with(Part::StatusList)
        .whole_prefix();
    cfg.app_data(site.clone())
        .configure(extractor_problems)
        .configure(site.rescind.mount(routes))
        .configure(assets::configure)
        .service(web::resource("/").route(read().to(home::show)))
        .service(
            web::resource("/login")
                .route(read().to(login::show))
                .route(web::post().to(login::submit)),
        )
        .service(
            web::resource("/signup")
                .route(read().to(signup::show))
                .route(web::post().to(signup::submit)),
        )
        .service(web::resource("/theme").route(web::post().to(theme::choose)))
        .service(web::resource("/session").route(read().to(session_state::show)))
        .service(web::resource("/account").route(read().to(account::show)))
        .service(
            web::resource("/password")
                .route(read().to(password::show))
                .route(web::post().to(password::submit)),
        )
        .service(web::resource("/sessions/{id}/logout").route(web::post().to(devices::log_out_one)))
        .service(web::resource("/logout-everywhere").route(web::post().to(devices::log_out_everywhere)));
}

/// Pages may run our own script, which may send requests to us. Other replies have no script, and keep the API's policy, which
/// allows none.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; \
                              font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// GET, and HEAD too: monitoring uses HEAD.
pub(crate) fn read() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

/// 500. The cause goes to the log.
pub(crate) fn failed<E: Display>(what: &'static str) -> impl FnMut(E) -> actix_web::Error {
    move |error| {
        tracing::error!(%error, "{what}");
        actix_web::error::ErrorInternalServerError(what)
    }
}

pub(crate) fn draw(status: StatusCode, page: &impl Template) -> actix_web::Result<HttpResponse> {
    let html = page.render().map_err(failed("a page could not be drawn"))?;
    Ok(HttpResponseBuilder::new(status)
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::CONTENT_SECURITY_POLICY, CONTENT_POLICY))
        .body(html))
}

/// An answer that comes instead of a handler's own, to be returned with `?`.
fn instead(answer: HttpResponse) -> actix_web::Error {
    actix_web::error::InternalError::from_response("answered otherwise", answer).into()
}

/// Redirects with a GET, so that a reload of the target does not send the form again.
pub(crate) fn see_other(to: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, to))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .finish()
}

pub(crate) fn with_cookies(mut reply: HttpResponse, cookies: &[Cookie<'static>]) -> actix_web::Result<HttpResponse> {
    for cookie in cookies {
        reply
            .add_cookie(cookie)
            .map_err(failed("a cookie could not be written"))?;
    }
    Ok(reply)
}
